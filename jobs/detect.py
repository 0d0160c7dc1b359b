"""The command `detect`: the faces of one photo, now and without Ray."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jobs.config import Config
from jobs.messages.errors import UserError
from jobs.sources import ReadError, open_source
from mtcnn_core.detectors import make_detector
from mtcnn_core.faces import LANDMARKS, Faces
from mtcnn_core.images.photo import Photo, read_photo
from mtcnn_core.pictures.drawing import draw_faces


@dataclass(frozen=True)
class PhotoFaces:
    """One photo and the faces found in it.

    Attributes:
        uri: Where the photo lies.
        photo: Its pixels and header.
        faces: In pixels of the displayed photo.
    """

    uri: str
    photo: Photo
    faces: Faces

    def as_json(self) -> dict[str, Any]:
        """As JSON values; coordinates in pixels of the displayed photo, to a hundredth."""
        return {
            "photo": self.uri,
            "width": self.photo.header.width,
            "height": self.photo.header.height,
            "faces": [
                {
                    "box": _rounded(box),
                    "score": round(float(score), 4),
                    "landmarks": dict(zip(LANDMARKS, map(_rounded, points), strict=True)),
                }
                for box, score, points in zip(
                    self.faces.boxes, self.faces.scores, self.faces.landmarks, strict=True
                )
            ],
        }


def detect_photo(url: str, config: Config) -> PhotoFaces:
    """Reads one photo and finds its faces.

    Args:
        url: Path or fsspec URL of one file.
        config: All settings.

    Raises:
        jobs.messages.errors.UserError: It cannot be read, or is more than one file.
        mtcnn_core.images.errors.ImageError: It cannot be decoded.
        mtcnn_core.weights.WeightsError: The weights or the detector's model are not there.
    """
    source = open_source(url, config.input)
    members = source.list()
    member = next(members)
    if next(members, None) is not None:
        raise UserError(f"'{url}' is more than one file: give one photo, or use extract")
    (_, data), *_ = source.stream([member], config.limits.max_bytes)
    if isinstance(data, ReadError):
        raise UserError(f"cannot read '{url}': {data.message}")
    photo = read_photo(data, limits=config.limits, name=member.key)
    return PhotoFaces(member.uri, photo, make_detector(config.detect).detect(photo.pixels))


def write_drawing(found: PhotoFaces, file: Path) -> None:
    """Writes the photo with its faces drawn on it.

    Raises:
        jobs.messages.errors.UserError: The file cannot be written, or its ending is no image
            format.
    """
    picture = Image.fromarray(draw_faces(found.photo.pixels, found.faces))
    try:
        picture.save(file, quality=92)
    except ValueError as error:
        raise UserError(f"cannot write '{file}': end its name in .jpg or .png") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(f"cannot write '{file}': {reason}") from error


def _rounded(values: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    return [round(float(value), 2) for value in values]
