"""The pixels of a crop: cut, judged and encoded."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.alignment import CropSettings, Mode, crop_matrices
from mtcnn_core.faces import Faces

# Reductions start on multiples of this, so a region is reduced as the whole image would be.
_GRID = 64


def align(
    image: NDArray[np.uint8],
    faces: Faces,
    *,
    size: int = 160,
    mode: Mode = "margin",
    margin: float = 0.25,
) -> NDArray[np.uint8]:
    """Cuts one crop of each face.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        faces: Faces in pixels of ``image``.
        size: Side of the crops.
        mode: See :class:`~mtcnn_core.alignment.CropSettings`.
        margin: See :class:`~mtcnn_core.alignment.CropSettings`.

    Returns:
        uint8 ``(n, size, size, 3)`` RGB, black outside the image.

    Raises:
        pydantic.ValidationError: A setting is out of its range.
    """
    settings = CropSettings(size=size, mode=mode, margin=margin)
    crops = np.empty((len(faces), size, size, 3), np.uint8)
    for crop, matrix in zip(crops, crop_matrices(faces, settings), strict=True):
        crop[:] = cut(image, matrix, size)
    return crops


def cut(
    image: NDArray[np.uint8],
    matrix: NDArray[np.float32] | NDArray[np.float64],
    size: int,
    photo: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Cuts one crop out of an image by an affine warp.

    Bilinear. Where the image is more than twice as large as the crop shows it, it is halved by
    area averages first, so that fine structure does not alias.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        matrix: ``(2, 3)``, photo -> crop, continuous pixels.
        size: Side of the crop.
        photo: ``(width, height)`` of the photo, if ``image`` is a reduction of it.

    Returns:
        uint8 ``(size, size, 3)`` RGB, black outside the image.
    """
    to_crop: NDArray[np.float64] = np.array(matrix, np.float64)
    if photo is not None:
        reduction = photo[0] / image.shape[1], photo[1] / image.shape[0]
        to_crop = _compose(to_crop, reduction, (0, 0))
    (left, top), (right, bottom) = _bounds(image, to_crop, size)
    region = image[top:bottom, left:right]
    if region.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    to_crop = _compose(to_crop, (1.0, 1.0), (left, top))
    while abs(np.linalg.det(to_crop[:, :2])) < 0.25 and min(region.shape[:2]) > 1:
        height, width = region.shape[:2]
        half = width // 2, height // 2
        region = cv2.resize(region, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        to_crop = _compose(to_crop, (width / half[0], height / half[1]), (0, 0))
    to_crop[:, 2] += to_crop[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts from pixel centres
    crop = cv2.warpAffine(
        region, to_crop, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return crop.astype(np.uint8, copy=False)


def _bounds(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], size: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of the image that a crop sees: its corners (x, y), on the grid."""
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.pinv(matrix[:, :2]).T
    limit = (image.shape[1], image.shape[0])
    low = np.clip((np.floor(seen.min(axis=0) / _GRID) - 1) * _GRID, 0, limit).astype(int)
    high = np.clip((np.ceil(seen.max(axis=0) / _GRID) + 1) * _GRID, 0, limit).astype(int)
    return (int(low[0]), int(low[1])), (int(high[0]), int(high[1]))


def _compose(
    matrix: NDArray[np.float64], scale: tuple[float, float], shift: tuple[int, int]
) -> NDArray[np.float64]:
    """The matrix of points that are first scaled, then shifted."""
    linear = matrix[:, :2] * scale
    return np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ shift])


def sharpness(crop: NDArray[np.uint8]) -> float:
    """Returns the variance of the Laplacian of the grey crop: low for a blurred face.

    A usual measure of focus (Pech-Pacheco et al., 2000). It grows with contrast, and compares only
    crops of one size and mode.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var(dtype=np.float64))


def encode(crop: NDArray[np.uint8], settings: CropSettings) -> bytes:
    """Encodes a crop in the format and quality of the settings.

    Args:
        crop: uint8 ``(h, w, 3)`` RGB.
        settings: ``format`` and ``quality`` are used.

    Returns:
        The file's bytes; equal crops give equal bytes.
    """
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        settings.quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    parameters = options if settings.format == "jpeg" else []
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(f".{settings.format}", bgr, parameters)
    return data.tobytes()
