"""The MTCNN face cascade as a library: it knows pixels and boxes, and nothing of a cluster.

```python
from mtcnn_core import FaceDetector, align, decode

image = decode(open("photo.jpg", "rb").read())
faces = FaceDetector().detect(image)
crops = align(image, faces, size=160, mode="margin")  # (n, 160, 160, 3) uint8 RGB
```

README.md beside this file is a map of the folders.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtcnn_core.cascade.detector import FaceDetector
    from mtcnn_core.crops.alignment import kept_faces
    from mtcnn_core.crops.crops import align
    from mtcnn_core.faces import Faces
    from mtcnn_core.images.errors import ImageError
    from mtcnn_core.images.photo import decode
    from mtcnn_core.pictures.drawing import draw_faces
    from mtcnn_core.settings.crops import PRESETS, CropSettings
    from mtcnn_core.settings.detector import DetectorSettings
    from mtcnn_core.settings.images import ImageLimits

__all__ = [
    "PRESETS",
    "CropSettings",
    "DetectorSettings",
    "FaceDetector",
    "Faces",
    "ImageError",
    "ImageLimits",
    "align",
    "decode",
    "draw_faces",
    "kept_faces",
]

# Public name -> the module it is in, imported when the name is first asked for: whoever only wants
# settings waits for no library that computes.
_HOMES = {
    "PRESETS": "settings.crops",
    "CropSettings": "settings.crops",
    "DetectorSettings": "settings.detector",
    "FaceDetector": "cascade.detector",
    "Faces": "faces",
    "ImageError": "images.errors",
    "ImageLimits": "settings.images",
    "align": "crops.crops",
    "decode": "images.photo",
    "draw_faces": "pictures.drawing",
    "kept_faces": "crops.alignment",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
