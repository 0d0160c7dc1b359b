"""The command `detect`: the faces of one photo, now and without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jobs.extract.config import Config
from jobs.messages.errors import UserError
from jobs.photos.decode import decode
from jobs.photos.detect import Finder, Found
from jobs.photos.read import read
from jobs.sources.source import open_source
from jobs.storage.faults import user_error
from mtcnn_core.detectors import make_detector
from mtcnn_core.faces import LANDMARKS
from mtcnn_core.pictures.drawing import draw_faces


def detect_photo(url: str, config: Config) -> Found:
    """Reads one photo and finds its faces.

    Args:
        url: Path or fsspec URL of one file.
        config: All settings.

    Raises:
        jobs.messages.errors.UserError: It cannot be read, or is more than one file.
        mtcnn_core.images.errors.ImageError: It cannot be decoded.
        mtcnn_core.weights.errors.WeightsError: The weights or the detector's model are not there.
    """
    source = open_source(url, config.input)
    members = source.list()
    member = next(members)
    if next(members, None) is not None:
        raise UserError(f"'{url}' is more than one file: give one photo, or use extract")
    photo, *_ = (decode(each, config.limits) for each in read(source, [member], config.limits))
    if photo.failure is not None:
        raise photo.failure.cause or UserError(f"cannot read '{url}': {photo.failure.error}")
    [found] = Finder(make_detector(config.detect)).find([photo])
    return found


def found_json(found: Found) -> dict[str, Any]:
    """The faces of a photo as JSON values; in pixels of the displayed photo, to a hundredth."""
    width, height = found.photo.size
    faces = found.faces
    return {
        "photo": found.photo.member.uri,
        "width": width,
        "height": height,
        "faces": [
            {
                "box": _rounded(box),
                "score": round(float(score), 4),
                "landmarks": dict(zip(LANDMARKS, map(_rounded, points), strict=True)),
            }
            for box, score, points in zip(faces.boxes, faces.scores, faces.landmarks, strict=True)
        ],
    }


def write_drawing(found: Found, file: Path) -> None:
    """Writes a photo with its faces drawn on it.

    Raises:
        ValueError: The photo was not decoded.
        jobs.messages.errors.UserError: The file cannot be written, or its ending is no image
            format.
    """
    if found.photo.pixels is None:
        raise ValueError(f"'{found.photo.member.key}' was not decoded")
    picture = Image.fromarray(draw_faces(found.photo.pixels, found.faces))
    try:
        picture.save(file, quality=92)
    except ValueError as error:
        raise UserError(f"cannot write '{file}': end its name in .jpg or .png") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        sentence = f"cannot write '{file}' ({reason}): name a file that can be written"
        raise user_error(sentence, error) from error


def _rounded(values: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    return [round(float(value), 2) for value in values]
