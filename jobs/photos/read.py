"""The first stage: a photo and the bytes of its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.members import Member
from jobs.photos.frames_file import FramesFile
from jobs.sources.source import ReadError, Source
from mtcnn_core.settings.images import ImageLimits


@dataclass(frozen=True)
class Read:
    """A photo that was asked for.

    Attributes:
        member: The photo's place in the input.
        data: Its file, or why there is none.
        file: What it shares with items that are other pictures in the file.
        frame: Which of its pictures, from 0.
    """

    member: Member
    data: bytes | ReadError
    file: FramesFile | None = None
    frame: int = 0


def read(source: Source, members: Sequence[Member], limits: ImageLimits) -> Iterator[Read]:
    """Yields the photos of some members, in order, read ahead as the source sees fit.

    Args:
        source: Where they are.
        members: Photos, or containers of many.
        limits: Files over them are not read to the end.
    """
    for member, data in source.stream(members, limits.max_bytes):
        yield Read(member, data)
