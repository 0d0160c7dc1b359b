"""Fuzzes the reader of tar archives: `python -m tests.fuzz.tar COUNT [SEED] [FIRST]`.

Whatever the bytes, the stream of the shard must end, in bounded time and memory, having given
items and reasons why there are none, each with a key of its own, and the same ones if the archive
is read in parts. A finding says the numbers that repeat it, and its input is kept.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.members import Member
from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource
from jobs.storage.read_error import ReadError
from jobs.storage.streams.inflated_file import InflatedFile
from tests.fuzz.command import run
from tests.fuzz.mutations import mutated
from tests.fuzz.tars import BLOCK, compressed, field_damaged, samples
from tests.fuzz.watch import Finding, Limits, watch

MAX_BYTES = 64 << 10
LIMITS = Limits(seconds=5.0, memory=64 << 20)
_SENTENCE = re.compile(r"[^\n]{10,200}")
_folder = tempfile.TemporaryDirectory(prefix="fuzz-tar-")

Rows = list[tuple[Member, bytes | ReadError]]


def check(data: bytes) -> str | None:
    """Says what is wrong with the rows of an archive, if anything is."""
    file = Path(_folder.name, "x.tar")
    file.write_bytes(data)
    whole = _rows(file, split_bytes=1 << 30)
    inflated = InflatedFile.reads(data)
    if not inflated and len(whole) > 1 + len(data) // BLOCK:
        return f"{len(whole)} rows in {len(data)} bytes"
    keys = {member.key for member, _ in whole}
    if len(keys) < len(whole):
        return "a key repeats"
    for member, content in whole:
        wrong = _wrong(member, content)
        if wrong:
            return wrong
        if not inflated and isinstance(content, bytes) and content not in data:
            return f"{member.key} has bytes that are not in the archive"
    if _rows(file, split_bytes=4 * BLOCK) != whole:
        return "the rows of the parts are not those of the whole"
    return None


def _rows(file: Path, split_bytes: int) -> Rows:
    source = TarSource(str(file), InputSettings(split_bytes=split_bytes))
    return list(source.stream(list(source.list()), MAX_BYTES))


def _wrong(member: Member, content: bytes | ReadError) -> str | None:
    if isinstance(content, ReadError):
        return None if _SENTENCE.fullmatch(content.message) else f"no sentence: {content.message}"
    if len(content) > MAX_BYTES or member.size != len(content):
        return f"{member.key} has {len(content)} bytes, {member.size} are told"
    for text in (member.key, member.uri, member.label or ""):
        text.encode()  # halves of characters cannot be stored
    return None if member.key else "an empty key"


def attacked(seed: int, index: int) -> tuple[str, bytes]:
    """One damaged archive; the same arguments give the same one on every machine."""
    name, data = mutated(_SAMPLES, seed=seed, index=index)
    rng = random.Random(f"tar/{seed}/{index}")
    for _ in range(rng.choice((0, 0, 1, 2, 8))):
        data = field_damaged(rng, data)
    if rng.random() < 0.8:
        data = _SAMPLES[0].repair(data)
    return name, compressed(rng, data) if rng.random() < 0.15 else data


def hunt(
    count: int,
    *,
    seed: int,
    first: int = 0,
    target: str = "tests.fuzz.tar:check",
    limits: Limits = LIMITS,
) -> Iterator[Finding]:
    """Yields what is wrong with the inputs `first` to `first + count - 1` of a seed."""
    inputs = (attacked(seed, first + index) for index in range(count))
    yield from watch(target, inputs, limits=limits)


_SAMPLES = samples()

if __name__ == "__main__":
    sys.exit(run("tar", hunt))
