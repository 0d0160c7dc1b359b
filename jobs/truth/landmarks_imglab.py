"""Landmarks in the XML files of dlib's imglab."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.annotated import FaceRow
from jobs.truth.text import numbers
from mtcnn_core.evaluation.landmark_schemes import SCHEMES, five_points
from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.faces import LANDMARKS


def read_imglab(file: Path) -> list[FaceRow]:
    """Reads the boxes that have parts.

    Parts are numbered (`00` to `67`, as in 300-W, or `00` to `97`, as in WFLW), or have the names
    in `mtcnn_core.faces.LANDMARKS`. Boxes without parts, and those marked `ignore`, are left out.

    Raises:
        UserError: It is not what it should be.
    """
    faces = []
    for image in _parse(file).iter("image"):
        photo = image.get("file")
        if not photo:
            raise UserError(f"an <image> in '{file}' has no 'file': name the photo")
        for box in image.iter("box"):
            parts = {part.get("name", ""): _numbers(part, "xy", file) for part in box.iter("part")}
            if not parts or box.get("ignore") == "1":
                continue
            left, top, width, height = _numbers(box, ("left", "top", "width", "height"), file)
            points = _five(parts, photo, file)
            faces.append(FaceRow(photo, points, (left, top, left + width, top + height)))
    return faces


class _Builder(ET.TreeBuilder):
    """Builds no tree of a document that declares entities, which can grow without bound."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise UserError("it has a DOCTYPE")


def _parse(file: Path) -> ET.Element:
    try:
        return ET.fromstring(file.read_bytes(), ET.XMLParser(target=_Builder()))
    except FileNotFoundError:
        raise UserError(f"there is no file '{file}': correct the path") from None
    except OSError as error:
        raise UserError(f"'{file}' cannot be read ({error.strerror}): correct the path") from None
    except UserError as error:
        raise UserError(f"'{file}' is not read, as {error}: take that out") from None
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UserError(f"'{file}' is not valid XML ({error}): correct it") from None


def _numbers(element: ET.Element, names: tuple[str, ...] | str, file: Path) -> list[float]:
    return numbers([element.get(name, "") for name in names], f"a <{element.tag}> of '{file}'")


def _five(parts: dict[str, list[float]], photo: str, file: Path) -> Floats:
    if all(name in parts for name in LANDMARKS):
        return np.array([parts[name] for name in LANDMARKS])
    numbered = {int(name): point for name, point in parts.items() if name.isdecimal()}
    if len(numbered) in SCHEMES and set(numbered) == set(range(len(numbered))):
        return five_points(np.array([numbered[i] for i in range(len(numbered))]))
    # dlib's own five points are the corners of the eyes and the base of the nose.
    raise UserError(
        f"a face of '{photo}' in '{file}' has {len(parts)} parts: number 68 of them as in 300-W, "
        f"98 as in WFLW, or name five {', '.join(LANDMARKS)}"
    )
