"""Fuzzes the decoder: `python -m tests.fuzz.decode COUNT [SEED] [FIRST]`.

Every input must end as pixels or as an `ImageError`, in bounded time and memory, without a word
printed. A finding says the numbers that repeat it, and its input is kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from mtcnn_core.images.errors import ImageError
from mtcnn_core.images.frames import Frames
from mtcnn_core.images.photo import read_photo
from mtcnn_core.settings.images import ImageLimits
from tests.fuzz.command import run
from tests.fuzz.images import samples
from tests.fuzz.mutations import mutated
from tests.fuzz.watch import Finding, Limits, watch

_FRAMES = 4
LIMITS = ImageLimits(max_pixels=1_000_000, max_bytes=4 << 20, min_side=1)
_SENTENCE = re.compile(r"[^\n]{10,400}")


def check(data: bytes) -> str | None:
    """Says what is wrong with the outcome for some bytes, if anything is."""
    try:
        photo = read_photo(data, limits=LIMITS)
    except ImageError as error:
        if not _SENTENCE.fullmatch(str(error)) or " at 0x" in str(error):
            return f"not a sentence: {error}"
        return _repeated(data, error)
    header, pixels = photo.header, photo.pixels
    if pixels.shape != (header.height, header.width, 3) or not pixels.flags.c_contiguous:
        return f"{header} and pixels of {pixels.shape}"
    return _further(data)


def _further(data: bytes) -> str | None:
    """The pictures after the first have to end as well."""
    frames = Frames(data, LIMITS)
    for frame in range(1, min(frames.count or 1, _FRAMES)):
        try:
            photo = frames.read(frame)
        except ImageError as error:
            if not _SENTENCE.fullmatch(str(error)) or " at 0x" in str(error):
                return f"not a sentence: {error}"
        else:
            if photo.pixels.shape != (photo.header.height, photo.header.width, 3):
                return f"{photo.header} and pixels of {photo.pixels.shape}"
    return None


def _repeated(data: bytes, error: ImageError) -> str | None:
    """The same bytes must give the same sentence."""
    try:
        read_photo(data, limits=LIMITS)
    except ImageError as again:
        return None if str(again) == str(error) else f"first {error}, then {again}"
    return f"first {error}, then pixels"


def hunt(
    count: int, *, seed: int, first: int = 0, target: str = "tests.fuzz.decode:check"
) -> Iterator[Finding]:
    """Yields what is wrong with the inputs `first` to `first + count - 1` of a seed."""
    whole = samples()
    inputs = (mutated(whole, seed=seed, index=first + index) for index in range(count))
    yield from watch(target, inputs, limits=Limits())


if __name__ == "__main__":
    sys.exit(run("decode", hunt))
