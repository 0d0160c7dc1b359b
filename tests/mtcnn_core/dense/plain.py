"""YuNet and SCRFD decoded cell by cell, as their papers say: slow, and easily seen to be right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mtcnn_core.faces import Faces
from tests.mtcnn_core.dense.models import Form

Pixels = NDArray[np.uint8]


def decode_plainly(
    path: Path, form: Form, image: Pixels, longest: int | None, threshold: float, overlap: float
) -> Faces:
    """Finds faces by ONNX Runtime alone, in pixels of the image.

    Args:
        path: The network.
        form: What it looks like.
        image: uint8 ``(h, w, 3)`` RGB.
        longest: Side that the longer one is brought to.
        threshold: Lowest score.
        overlap: Largest intersection over union of two faces.
    """
    seen, scale = _shown(image, form, longest)
    blob = seen[None].transpose(0, 3, 1, 2).astype(np.float32)
    blob = blob[:, ::-1] if form.family == "yunet" else (blob - 127.5) / 128
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    [taken] = session.get_inputs()
    half = taken.type == "tensor(float16)"
    blob = np.ascontiguousarray(blob, np.float16 if half else np.float32)
    answers = session.run(None, {taken.name: blob})
    outputs = {
        key: np.asarray(each, np.float64).reshape(-1, form.heads[key[0]])
        for key, each in zip(form.outputs, answers, strict=True)
    }
    found = [
        one
        for stride in form.strides
        for one in _of_grid(outputs, form, stride, *seen.shape[:2])
        if one[0] >= threshold and one[1][0] < one[1][2] and one[1][1] < one[1][3]
    ]
    found.sort(key=lambda one: -one[0])
    return _as_faces(_without_twins(found, overlap), scale)


def _shown(image: Pixels, form: Form, longest: int | None) -> tuple[Pixels, float]:
    height, width = image.shape[:2]
    if form.size:
        scale = min(form.size[0] / width, form.size[1] / height)
    else:
        scale = longest / max(width, height) if longest else 1.0
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    if inner != (width, height):
        image = np.asarray(
            cv2.resize(
                image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            )
        )
    coarsest = max(form.strides)
    outer = form.size or tuple(math.ceil(side / coarsest) * coarsest for side in inner)
    seen = np.zeros((outer[1], outer[0], 3), np.uint8)
    seen[: inner[1], : inner[0]] = image
    return seen, scale


def _of_grid(
    outputs: dict[tuple[str, int], NDArray[np.float64]],
    form: Form,
    stride: int,
    height: int,
    width: int,
) -> Sequence[tuple[float, Any, Any]]:
    rounding = math.ceil if form.rounded_up else math.floor
    found, row = [], 0
    for y in range(rounding(height / stride)):
        for x in range(rounding(width / stride)):
            for _ in range(form.anchors):
                here = {kind: outputs[kind, stride][row] for kind in form.heads}
                row += 1
                box = _yunet_box if form.family == "yunet" else _scrfd_box
                kinds = ("cls", "obj") if form.family == "yunet" else ("score",)
                product = math.prod(_probability(float(here[kind][0]), form) for kind in kinds)
                points = [
                    ((x + here["kps"][2 * i]) * stride, (y + here["kps"][2 * i + 1]) * stride)
                    for i in range(5)
                ]
                found.append((product ** (1 / len(kinds)), box(x, y, here["bbox"], stride), points))
    assert row == len(outputs["bbox", stride])
    return found


def _probability(score: float, form: Form) -> float:
    return score if form.sigmoid else 1 / (1 + math.exp(-score))


def _yunet_box(x: int, y: int, numbers: NDArray[np.float64], stride: int) -> list[float]:
    cx, cy = (x + numbers[0]) * stride, (y + numbers[1]) * stride
    w, h = math.exp(numbers[2]) * stride, math.exp(numbers[3]) * stride
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


def _scrfd_box(x: int, y: int, numbers: NDArray[np.float64], stride: int) -> list[float]:
    left, up, right, down = numbers * stride
    return [x * stride - left, y * stride - up, x * stride + right, y * stride + down]


def _without_twins(found: Sequence[Any], overlap: float) -> list[Any]:
    kept: list[Any] = []
    for one in found:
        if all(_iou(one[1], other[1]) <= overlap for other in kept):
            kept.append(one)
    return kept


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return w * h / (areas - w * h)


def _as_faces(found: Sequence[Any], scale: float) -> Faces:
    return Faces(
        np.array([one[1] for one in found], np.float32).reshape(-1, 4) / np.float32(scale),
        np.array([one[0] for one in found], np.float32),
        np.array([one[2] for one in found], np.float32).reshape(-1, 5, 2) / np.float32(scale),
    )
