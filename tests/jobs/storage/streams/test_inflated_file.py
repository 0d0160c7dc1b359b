"""Compressed files that inflate to more than anybody has disks for."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest

from jobs.storage.streams.byte_stream import StreamError
from jobs.storage.streams.inflated_file import MAGIC_BYTES, InflatedFile, most_content
from jobs.storage.streams.steady_file import SteadyFile

# Of each, a few make an endless stream that is legal.
_ZEROS = bytes(16 << 20)
_BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(_ZEROS, 9) * 8,
    "bzip2": lambda: bz2.compress(_ZEROS, 9) * 100,
    "xz": lambda: lzma.compress(_ZEROS) * 100,
}


def opened(data: bytes) -> InflatedFile:
    raw = SteadyFile(lambda offset: io.BytesIO(data[offset:]), len(data))
    return InflatedFile(raw, raw.read(MAGIC_BYTES))


@pytest.mark.parametrize("kind", _BOMBS)
def test_a_bomb_is_given_up(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.storage.streams.inflated_file._INFLATED_FREELY", 1 << 20)
    data = _BOMBS[kind]()
    most = most_content(len(data))
    assert most < 100 * len(_ZEROS)
    with pytest.raises(StreamError, match="inflates to more than 200 times its size"):
        opened(data).skip(1 << 50)


def test_what_shrinks_well_is_read() -> None:
    data = gzip.compress(_ZEROS)
    assert len(_ZEROS) > 200 * len(data)
    assert opened(data).read(1 << 30) == _ZEROS
