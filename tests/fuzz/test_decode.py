"""The decoder ends with pixels or an error, whatever it is given; and the harness would notice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fuzz.decode import check, hunt
from tests.fuzz.images import png_checksums, png_chunks, samples
from tests.fuzz.mutations import Sample, mutated
from tests.fuzz.watch import Limits, watch


def _seed(rng: np.random.Generator) -> int:
    seed = int(rng.integers(1 << 32))
    print(f"repeat with: python -m tests.fuzz.decode COUNT {seed}")
    return seed


def test_20000_damaged_files_are_pixels_or_errors(rng: np.random.Generator) -> None:
    found = hunt(20_000, seed=_seed(rng))
    assert [f"{each.index}, {each.name}: {each.kind}, {each.text}" for each in found] == []


@pytest.mark.slow
def test_200000_damaged_files_are_pixels_or_errors(rng: np.random.Generator) -> None:
    found = hunt(200_000, seed=_seed(rng))
    assert [f"{each.index}, {each.name}: {each.kind}, {each.text}" for each in found] == []


@pytest.mark.parametrize(
    ("bug", "kind", "text"),
    [
        ("raises", "exception", "IndexError"),
        ("spins", "hang", "of CPU"),
        ("eats", "memory", "MiB"),
        ("crashes", "crash", "exit code -11"),
        ("prints", "printed", "a header too many"),
        ("lies", "wrong", "not the size it says"),
    ],
)
def test_a_planted_bug_is_found(bug: str, kind: str, text: str) -> None:
    pictures = [each for each in samples() if each.name.startswith("PNG")]
    inputs = (mutated(pictures, seed=2, index=index) for index in range(1_000))
    found = next(watch(f"tests.fuzz.planted:{bug}", inputs, limits=Limits(seconds=1)))
    assert found.kind == kind and text in found.text
    # The numbers alone bring the file back, and only the bug is wrong with it.
    assert mutated(pictures, seed=2, index=found.index) == (found.name, found.data)
    assert check(found.data) is None


def test_the_search_goes_on_after_a_crash() -> None:
    twice = b"\x89PNG\r\n\x1a\n" + b"IHDR" * 2
    inputs = [("first", twice), ("whole", samples()[0].data), ("second", twice)]
    found = watch("tests.fuzz.planted:crashes", inputs)
    assert [(each.index, each.name) for each in found] == [(0, "first"), (2, "second")]


def test_samples_are_whole_and_in_pieces() -> None:
    whole = samples()
    assert not list(
        watch("tests.mtcnn_core.images.hostile:photo", ((s.name, s.data) for s in whole))
    )
    for sample in whole:
        assert b"".join(sample.split(sample.data)) == sample.data, sample.name
        assert sample.repair(sample.data) == sample.data, sample.name
    in_one = {sample.name.split()[0] for sample in whole if len(sample.split(sample.data)) == 1}
    assert in_one == {"PPM"}


def test_checksums_are_repaired() -> None:
    data = next(sample.data for sample in samples() if sample.name == "PNG plain")
    damaged = data[:20] + b"\7" + data[21:]
    assert png_checksums(damaged)[:29] == damaged[:29]
    assert png_checksums(damaged)[29:33] != damaged[29:33]
    assert png_checksums(png_checksums(damaged)) == png_checksums(damaged)
    assert b"".join(png_chunks(damaged[:-5])) == damaged[:-5]


def test_another_index_is_another_file() -> None:
    one = [Sample("one", bytes(range(256)) * 4)]
    assert len({mutated(one, seed=3, index=index)[1] for index in range(200)}) > 150
    assert mutated(one, seed=3, index=7) != mutated(one, seed=4, index=7)
