"""Other views of a photo, mirrored or turned, in which the cascade finds other faces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.cascade.boxes import Boxes
from mtcnn_core.cascade.candidates import Candidates

# Where each landmark is in a mirror: left is the smaller x there as well.
_MIRRORED_LANDMARKS = (1, 0, 2, 4, 3)


@dataclass(frozen=True)
class View:
    """How a photo is looked at.

    Attributes:
        min_face: Side in pixels of the smallest face looked for.
        mirrored: Left becomes right.
        degrees: How far the photo is turned clockwise about its centre.
    """

    min_face: float
    mirrored: bool = False
    degrees: float = 0

    def of(self, image: NDArray[np.uint8], size: tuple[int, int]) -> ViewOfPhoto:
        """Returns a photo as this view shows it.

        Args:
            image: uint8 ``(h, w, 3)`` RGB.
            size: ``(width, height)`` of the photo, of which ``image`` may be a reduction.
        """
        height, width = image.shape[:2]
        scale = np.array([width / size[0], height / size[1]])
        if self.mirrored:
            matrix = np.array([[-1.0, 0, width], [0, 1, 0]])
            return ViewOfPhoto(_mirrored(image), size, _scaled(matrix, scale))
        if not self.degrees:
            return ViewOfPhoto(image, size, np.eye(2, 3))
        matrix, seen = _turn(width, height, self.degrees)
        pixels = cv2.warpAffine(image, _from_pixel_centres(matrix), seen, flags=cv2.INTER_LINEAR)
        seen_size = round(seen[0] / scale[0]), round(seen[1] / scale[1])
        # The size is whole, so its scale is not quite that of the photo.
        seen_scale = np.array(seen) / seen_size
        return ViewOfPhoto(
            np.asarray(pixels, np.uint8), seen_size, _scaled(matrix, scale, seen_scale)
        )


@dataclass(frozen=True, eq=False)
class ViewOfPhoto:
    """A photo as it is looked at.

    Attributes:
        pixels: uint8 ``(h, w, 3)`` RGB.
        size: ``(width, height)`` that they stand for, in pixels of the photo.
        matrix: float64 ``(2, 3)``: takes a point of the photo to one of the view.
    """

    pixels: NDArray[np.uint8]
    size: tuple[int, int]
    matrix: NDArray[np.float64]

    def to_photo(self, found: Candidates) -> Candidates:
        """Takes what was found in the view to the photo.

        A box keeps its size: turned, it would have to grow, and the face in it does not.
        """
        if np.array_equal(self.matrix, np.eye(2, 3)):
            return found
        return replace(found, boxes=_moved(found.boxes, self.points_to_photo))

    def points_to_photo(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Takes points of the view, ``(..., 2)`` as x, y, to the photo."""
        linear, shift = self.matrix[:, :2], self.matrix[:, 2]
        back: NDArray[np.float64] = (points - shift) @ np.linalg.inv(linear).T
        return back

    def boxes_of(self, boxes: Boxes) -> Boxes:
        """Takes boxes of the photo to the view; they keep their size there too."""
        linear, shift = self.matrix[:, :2], self.matrix[:, 2]
        return _moved(boxes, lambda points: points @ linear.T + shift)


def _moved(boxes: Boxes, move: Callable[[NDArray[np.floating]], NDArray[np.float64]]) -> Boxes:
    """Boxes whose centres are moved."""
    corners = boxes.reshape(-1, 2, 2)
    half = (corners[:, 1] - corners[:, 0]) / 2
    centre = move(corners.mean(axis=1))
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def unmirrored(heads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns what O-Net says of mirrored crops as if it had seen them the right way round.

    Args:
        heads: ``(n, 15)``: logit, offsets of x1, y1, x2, y2, five x and five y of the landmarks
            as fractions of the crop.
    """
    turned = np.empty_like(heads)
    turned[:, 0] = heads[:, 0]
    turned[:, 1:5] = heads[:, [3, 2, 1, 4]] * np.array([-1, 1, -1, 1], np.float32)
    order = np.array(_MIRRORED_LANDMARKS)
    turned[:, 5:10] = 1 - heads[:, 5 + order]
    turned[:, 10:] = heads[:, 10 + order]
    return turned


def _mirrored(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[:, ::-1])


def _turn(width: int, height: int, degrees: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """The matrix that turns an image about its centre, and the size that holds all of it."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    seen = (
        math.ceil(abs(width * cos) + abs(height * sin)),
        math.ceil(abs(width * sin) + abs(height * cos)),
    )
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = np.array(seen) / 2 - linear @ (width / 2, height / 2)
    return np.column_stack([linear, shift]), seen


def _from_pixel_centres(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix as OpenCV wants it, whose pixel ``i`` has its centre at ``i``, not ``i + 0.5``."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    return np.column_stack([linear, shift + linear @ (0.5, 0.5) - 0.5])


def _scaled(
    matrix: NDArray[np.float64],
    scale: NDArray[np.float64],
    seen_scale: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """A matrix between pixels of two images as one between pixels of what they are reduced from.

    Args:
        matrix: Image -> image.
        scale: x, y: pixels of the first image for one of its original.
        seen_scale: x, y: pixels of the second image for one of its original; those of the first
            by default.
    """
    seen_scale = scale if seen_scale is None else seen_scale
    linear, shift = matrix[:, :2], matrix[:, 2]
    return np.column_stack([linear * scale / seen_scale[:, None], shift / seen_scale])
