"""What is tried with a photo in which no face was found: turned upright, or in stretched grey.

Of photos with a face only those are looked at again that may lie on a side, if that is asked for:
otherwise their faces stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.faces import Faces
from mtcnn_core.settings.detector import DetectorSettings

Image = NDArray[np.uint8]
Size = tuple[int, int]
Find = Callable[[Sequence[Image], Sequence[Size]], list[Faces]]

# Of the pixels, as many are left darker than black and brighter than white.
_CLIPPED = 0.01
# A face on a side or on its head may be found without a turn, with landmarks that are wrong. Of 80
# photos of LFW turned by 90, 180 and 270 degrees the right turn is taken in 79, 79 and 80 if those
# are turned whose surest face has a lower score than this, in 45, 27 and 44 if only those are that
# have none; upright, none has a lower one.
_SURE = 0.99


def find_with_second_looks(
    find: Find, settings: DetectorSettings, images: Sequence[Image], sizes: Sequence[Size]
) -> list[Faces]:
    """Finds the faces of several images, and asks again where there are none.

    Args:
        find: Finds the faces of images, uint8 ``(h, w, 3)`` RGB, given the ``(width, height)`` of
            the photo that each is a reduction of.
        settings: Whether to ask again, and how: ``faint`` and ``upright``.
        images: The images.
        sizes: Sizes of their photos.

    Returns:
        The faces of each image, in pixels of its photo.
    """
    found = find(images, sizes)
    if settings.upright == "auto":
        # In colour first: a photo that only lies on its side is seen better so.
        _again(found, _turned(find), images, sizes, _SURE)
    if settings.faint:
        _again(found, _in_grey(find), images, sizes, 0)
    if settings.faint and settings.upright == "auto":
        _again(found, _in_grey(_turned(find)), images, sizes, 0)
    return found


def _again(
    found: list[Faces], look: Find, images: Sequence[Image], sizes: Sequence[Size], sure: float
) -> None:
    """Looks again at images whose surest face is not sure; takes what is surer."""
    for index, faces in enumerate(
        found
    ):  # one by one: copies of large photos are not there at once
        if len(faces) and _surest_score(faces) >= sure:
            continue
        [seen] = look([images[index]], [sizes[index]])
        if _surest_score(seen) > _surest_score(faces):
            found[index] = seen


def _surest_score(faces: Faces) -> float:
    return float(faces.scores.max(initial=0))


def stretched_grey(image: Image) -> Image | None:
    """An image in grey, its contrast stretched over the whole range.

    On 80 photos of LFW, facenet-pytorch found a face in 73 at a fifth of their contrast, in 54 at
    2.5 times their brightness, in 53 at a tenth of it and in 78 with red and blue swapped; the
    cascade alone in 59, 45, 34 and 73, and with this second look in 80, 57, 80 and 80.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.

    Returns:
        As large; None if there is nothing to stretch, or nothing is changed by it.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    darkest, brightest = np.searchsorted(counts, [_CLIPPED * grey.size, (1 - _CLIPPED) * grey.size])
    if brightest <= darkest:
        return None
    levels = (np.arange(256) - darkest) * (255 / (brightest - darkest))
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    seen = np.asarray(cv2.cvtColor(cv2.LUT(grey, table), cv2.COLOR_GRAY2RGB), np.uint8)
    return None if np.array_equal(seen, image) else seen


def _in_grey(find: Find) -> Find:
    """Finds faces in stretched grey."""

    def look(images: Sequence[Image], sizes: Sequence[Size]) -> list[Faces]:
        seen = [stretched_grey(image) for image in images]
        return [
            Faces.empty() if grey is None else find([grey], [size])[0]
            for grey, size in zip(seen, sizes, strict=True)
        ]

    return look


def _turned(find: Find) -> Find:
    """Finds faces in photos that lie on a side or on the head: those of the surest turn."""

    def look(images: Sequence[Image], sizes: Sequence[Size]) -> list[Faces]:
        return [_surest(find, image, size) for image, size in zip(images, sizes, strict=True)]

    return look


def _surest(find: Find, image: Image, size: Size) -> Faces:
    best = Faces.empty()
    for quarters in (1, 2, 3):
        turned = np.ascontiguousarray(np.rot90(image, quarters))
        turned_size = size if quarters == 2 else size[::-1]
        [faces] = find([turned], [turned_size])
        if _surest_score(faces) > _surest_score(best):
            best = _turned_back(faces, quarters, turned_size)
    return best


def _turned_back(faces: Faces, quarters: int, size: Size) -> Faces:
    """Faces of a photo that was turned counter-clockwise, in pixels of the photo.

    Args:
        faces: In pixels of the turned photo.
        quarters: How often it was turned by 90 degrees.
        size: ``(width, height)`` of the turned photo.
    """
    corners, points = faces.boxes.reshape(-1, 2, 2), faces.landmarks
    for _ in range(quarters):  # what was (x, y) before a turn is (y, width - x), now the height
        corners, points = (_quarter_back(each, size[1]) for each in (corners, points))
        size = size[::-1]
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Faces(boxes, faces.scores, points)


def _quarter_back(points: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    return np.stack([np.float32(height) - points[..., 1], points[..., 0]], axis=-1)
