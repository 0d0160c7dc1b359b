"""The formats by their names."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.export.formats.face import Format
from jobs.export.formats.folders import FaceNet, ImageFolder
from jobs.export.formats.hugging_face import HuggingFace
from jobs.export.formats.webdataset import WebDataset

FORMATS: Mapping[str, Format] = {
    "imagefolder": ImageFolder(),
    "webdataset": WebDataset(),
    "huggingface": HuggingFace(),
    "facenet": FaceNet(),
}
