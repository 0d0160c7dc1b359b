"""The models that are known: how each wants to be fed, and which cosines hold for it."""

from __future__ import annotations

from mtcnn_core.embedding.model import Feeding, Known
from mtcnn_core.settings.embedding import DLIB

# SHA-256 of dlib_face_recognition_resnet_model_v1.dat.
DLIB_DIGEST = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

KNOWN: tuple[Known, ...] = (
    Known(
        DLIB,
        "CC0-1.0",
        # The colours' means are those of dlib's `input_rgb_image_sized`, which divides by 256.
        Feeding("dlib150", None, 150, "own", (122.782, 117.001, 104.298), 256.0, "rgb", batch=32),
        frozenset({DLIB_DIGEST}),
    ),
    Known(
        "mobilefacenet",
        "not recorded",
        Feeding("arcface112", None, 112, "fixed", None, None, "rgb", batch=1),
        frozenset({"f055d9c9a4d826d198c42666590fdefa0fdc1374a75ccb6306c3d1b1bf8f74c5"}),
    ),
    Known(
        "face-reidentification-retail-0095",
        "Apache-2.0",
        Feeding("reid128", None, 128, "own", 0.0, 1.0, "bgr", batch=8),
    ),
    Known(
        "facenet-pytorch",
        "MIT",
        Feeding("margin", 0.25, 160, "fixed", None, None, "rgb", batch=16),
    ),
)


def by_digest(digest: str) -> Known | None:
    """Returns the model whose files have a digest; None if there is none."""
    return next((known for known in KNOWN if digest in known.digests), None)


def by_name(name: str) -> Known | None:
    """Returns the model of a name; None if there is none."""
    return next((known for known in KNOWN if name == known.name), None)
