"""A file of several pictures that items share: hashed and opened once."""

from __future__ import annotations

import hashlib
from functools import cached_property

from mtcnn_core.images.frames import Frames
from mtcnn_core.settings.images import ImageLimits


class FramesFile:
    """The file behind some items.

    Args:
        data: Its bytes.
        limits: What is too large or too small to be decoded.
        name: What the file is called; only the extension is used.

    Attributes:
        frames: Its pictures.
    """

    def __init__(self, data: bytes, limits: ImageLimits, name: str) -> None:
        self.frames = Frames(data, limits, name)
        self._data = data

    @cached_property
    def sha256(self) -> str:
        """Digest of the file, hexadecimal."""
        return hashlib.sha256(self._data).hexdigest()
