"""Files of several pictures: an item for each, with one file behind them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from jobs.members import Member
from jobs.photos.frames_file import FramesFile
from jobs.photos.read import Read
from jobs.sources.settings import FramesSetting
from jobs.sources.source import ReadError
from mtcnn_core.settings.images import ImageLimits

_NUMBERED = re.compile(r".*#[0-9]+", re.DOTALL)


def as_containers(
    members: Callable[[], Iterable[Member]], frames: FramesSetting
) -> Callable[[], Iterable[Member]]:
    """Lists an input whose files may be several items each, which only reading tells."""
    if frames == "first":
        return members
    return lambda: (replace(member, items=None) for member in members())


def framed(photos: Iterator[Read], frames: FramesSetting, limits: ImageLimits) -> Iterator[Read]:
    """Yields an item for each frame that is wanted of each photo, in order; none is decoded yet.

    The key of a photo of several is followed by `#1`, `#2`, ...; one that ends so itself is
    followed by `#1` where it is a single one, so that no two are the same.

    Args:
        photos: As the source gives them.
        frames: Which are wanted.
        limits: What is too large or too small to be decoded.
    """
    if frames == "first":
        yield from photos
        return
    for photo in photos:
        file, count = None, 1
        if not isinstance(photo.data, ReadError):
            file = FramesFile(photo.data, limits, photo.member.key)
            count = file.frames.count or 1
        member = photo.member
        wanted = count if frames == "all" else min(count, frames)
        is_bare = count == 1 and not _NUMBERED.fullmatch(member.key)
        for frame in range(wanted):
            key = member.key if is_bare else f"{member.key}#{frame + 1}"
            yield replace(photo, member=replace(member, key=key), file=file, frame=frame)
