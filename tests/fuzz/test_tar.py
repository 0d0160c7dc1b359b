"""The reader of tar archives against damaged ones, and the harness against planted bugs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from jobs.sources import tar as tar_source
from jobs.sources.tars import headers, stream
from tests.fuzz import tar
from tests.fuzz.watch import Limits

# 20 s of CPU; all 20,000 are in the slow run.
_INPUTS = 4_000
_PARSE = headers.parse


def hunt(count: int, rng: np.random.Generator) -> list[str]:
    seed = int(rng.integers(1 << 32))
    return [
        f"{each.kind}: {each.text}; python -m tests.fuzz.tar 1 {seed} {each.index}"
        for each in tar.hunt(count, seed=seed)
    ]


def test_damaged_archives_end_as_rows(rng: np.random.Generator) -> None:
    assert hunt(_INPUTS, rng) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_20_000_damaged_archives_end_as_rows(rng: np.random.Generator) -> None:
    assert hunt(20_000, rng) == []


def test_an_input_is_known_by_two_numbers() -> None:
    assert [tar.attacked(7, i) for i in range(50)] == [tar.attacked(7, i) for i in range(50)]


def test_the_samples_are_sound() -> None:
    for sample in tar.samples():
        assert tar.check(sample.data) is None, sample.name


def test_a_mutation_of_an_archive_often_leaves_headers_that_are_read() -> None:
    read = [headers.find(tar.attacked(3, i)[1]) >= 0 for i in range(200)]
    assert sum(read) > 100


# Planted bugs: what a child process imports in place of the check.


def plant_an_exception(data: bytes) -> str | None:
    def parse(block: bytes) -> headers.TarHeader | None:
        header = _PARSE(block)
        if header is not None and header.kind == b"S" and header.size > 1 << 20:
            raise IndexError("planted")
        return header

    return _planted(stream.headers, "parse", parse, data)


def plant_an_endless_loop(data: bytes) -> str | None:
    def records(extension: bytes) -> dict[bytes, bytes] | None:
        while b"\x01" in extension:
            pass
        return {}

    return _planted(headers, "_records", records, data)


def plant_a_size_that_is_believed(data: bytes) -> str | None:
    def over_limit(size: int, max_bytes: int | None) -> None:
        if size > tar.MAX_BYTES:
            bytearray(b"\1") * min(size, 1 << 28)

    return _planted(stream, "over_limit", over_limit, data)


def plant_a_key_that_repeats(data: bytes) -> str | None:
    return _planted(tar_source._Keys, "unique", lambda self, key: key, data)


def plant_a_part_that_begins_late(data: bytes) -> str | None:
    def cut_before(start: int, stop: int, starts: list[int], most: int) -> None:
        if stop - starts[-1] > most and start > starts[-1]:
            starts.append(start + 512)

    return _planted(tar_source, "_cut_before", cut_before, data)


def _planted(place: object, name: str, bug: object, data: bytes) -> str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, bug)
        return tar.check(data)


@pytest.mark.parametrize(
    ("bug", "kind"),
    [
        (plant_an_exception, "exception"),
        (plant_an_endless_loop, "hang"),
        (plant_a_size_that_is_believed, "memory"),
        (plant_a_key_that_repeats, "wrong"),
        (plant_a_part_that_begins_late, "wrong"),
    ],
)
def test_a_planted_bug_is_found(bug: Callable[[bytes], str | None], kind: str) -> None:
    target = f"{__name__}:{bug.__name__}"
    limits = Limits(seconds=2.0, memory=tar.LIMITS.memory)
    findings = tar.hunt(2_000, seed=5, target=target, limits=limits)
    found = next((each for each in findings if each.kind == kind), None)
    assert found is not None
    assert kind != "exception" or "planted" in found.text
    assert tar.attacked(5, found.index) == (found.name, found.data)
