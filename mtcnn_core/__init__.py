"""The MTCNN face cascade as a library: it knows pixels and boxes, and nothing of a cluster.

```python
from mtcnn_core import FaceDetector, align, decode

image = decode(open("photo.jpg", "rb").read())
faces = FaceDetector().detect(image)
crops = align(image, faces, size=160, mode="margin")  # (n, 160, 160, 3) uint8 RGB
```
"""

from mtcnn_core.alignment import PRESETS, CropSettings, kept_faces
from mtcnn_core.cascade import DetectorSettings, FaceDetector
from mtcnn_core.crops import align
from mtcnn_core.drawing import draw_faces
from mtcnn_core.faces import Faces
from mtcnn_core.images import ImageError, ImageLimits, decode

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
