"""Contact sheets of an evaluation: what went wrong, worst first."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.evaluation.found_photos import FoundPhoto
from jobs.evaluation.pictures import Pictures
from jobs.messages.plain_text import plain
from mtcnn_core.pictures.contact_sheet import Mark, SheetTile, contact_sheet, cut_out

MOST = 48
_QUALITY = 90


@dataclass(frozen=True, eq=False)
class Request:
    """A part of a photo that is to be shown.

    Attributes:
        photo: Its name in the ground truth.
        around: ``(4,)``: the box in the middle.
        caption: The line beneath, above the name of the photo.
        marks: What is drawn.
    """

    photo: str
    around: NDArray[np.float64]
    caption: str
    marks: Sequence[Mark] = field(default=())


def sheet(
    title: str,
    requests: Iterable[Request],
    photos: Mapping[str, FoundPhoto],
    pictures: Pictures,
) -> bytes:
    """Draws a contact sheet.

    Args:
        title: Above the tiles.
        requests: Worst first; each photo is read once, however often it is there.
        photos: Name -> the photo.
        pictures: Where the photos are read.

    Returns:
        A JPEG file.
    """
    wanted = list(requests)
    of_key: dict[str, list[int]] = {}
    for index, request in enumerate(wanted):
        of_key.setdefault(photos[request.photo].key, []).append(index)
    uris = {photos[request.photo].key: photos[request.photo].uri for request in wanted}
    tiles: dict[int, SheetTile] = {}
    for key, pixels in pictures.read(uris):
        for index in of_key[key]:
            request = wanted[index]
            name = plain(request.photo.rpartition("/")[2])
            tiles[index] = SheetTile(
                cut_out(pixels, request.around, request.marks), [request.caption, name]
            )
    return as_jpeg(contact_sheet(title, [tiles[index] for index in sorted(tiles)]))


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as a JPEG file."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()
