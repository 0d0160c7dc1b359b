"""The models that are known: how each wants to be fed, and which cosines hold for it."""

from __future__ import annotations

from mtcnn_core.embedding.model import UNRECORDED, Feeding, Known, Thresholds
from mtcnn_core.settings.embedding import DLIB

# SHA-256 of dlib_face_recognition_resnet_model_v1.dat.
DLIB_DIGEST = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

# Thresholds: of 22 million pairs of two persons and 190,188 of one among 6,702 photos of LFW, the
# middlemost face of each; measured on 2026-12-01 with `python -m tests.face_vectors DATA`.
KNOWN: tuple[Known, ...] = (
    Known(
        DLIB,
        "CC0-1.0",
        # The colours' means are those of dlib's `input_rgb_image_sized`, which divides by 256.
        Feeding("dlib150", None, 150, "own", (122.782, 117.001, 104.298), 256.0, "rgb", batch=4),
        frozenset({DLIB_DIGEST}),
        thresholds=Thresholds(same=0.927, surely_same=0.953, maybe_same=0.909, typical=0.951),
    ),
    Known(
        "mobilefacenet",
        UNRECORDED,
        Feeding("arcface112", None, 112, "fixed", None, None, "rgb", batch=1),
        frozenset({"f055d9c9a4d826d198c42666590fdefa0fdc1374a75ccb6306c3d1b1bf8f74c5"}),
        norm_tells=True,
        thresholds=Thresholds(same=0.354, surely_same=0.512, maybe_same=0.266, typical=0.668),
    ),
    Known(
        "face-reidentification-retail-0095",
        "Apache-2.0",
        Feeding("reid128", None, 128, "own", 0.0, 1.0, "bgr", batch=4),
        # Of Open Model Zoo's FP16 files.
        frozenset({"822c5d428e75993089fb018d1a87277ed207c5edf26d73ae3b938e310b56b96a"}),
        norm_tells=True,
        thresholds=Thresholds(same=0.356, surely_same=0.534, maybe_same=0.253, typical=0.691),
    ),
    Known(
        "facenet-pytorch",
        UNRECORDED,  # the code is MIT; the files differ in what they were trained on
        Feeding("margin", 0.25, 160, "fixed", None, None, "rgb", batch=4),
    ),
)


def by_digest(digest: str) -> Known | None:
    """Returns the model whose files have a digest; None if there is none."""
    return next((known for known in KNOWN if digest in known.digests), None)


def by_name(name: str) -> Known | None:
    """Returns the model of a name; None if there is none."""
    return next((known for known in KNOWN if name == known.name), None)
