"""Every kind of input over storage that raises, stalls, cuts off and lies about sizes."""

from __future__ import annotations

import csv
import tarfile
import types
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tenacity.nap

from jobs.sources.settings import InputSettings
from jobs.sources.source import ReadError, open_source
from jobs.storage.remote import remote_stream
from jobs.storage.streams import steady_file
from tests.servers import flaky

_MAX_BYTES = 50_000
_TIMEOUT_S = 0.5
Items = list[tuple[str, bytes | ReadError]]


def as_folder(photos: Mapping[str, bytes], folder: Path) -> str:
    for key, data in photos.items():
        (folder / "photos" / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / "photos" / key).write_bytes(data)
    return "photos"


def as_manifest(photos: Mapping[str, bytes], folder: Path) -> str:
    as_folder(photos, folder)
    with (folder / "photos.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["uri"], *([f"photos/{key}"] for key in photos)])
    return "photos.csv"


def as_sized_manifest(photos: Mapping[str, bytes], folder: Path) -> str:
    as_folder(photos, folder)
    table = {
        "uri": [f"photos/{key}" for key in photos],
        "size": [len(data) for data in photos.values()],
    }
    pq.write_table(pa.table(table), folder / "photos.parquet", row_group_size=7)
    return "photos.parquet"


def as_tar(photos: Mapping[str, bytes], folder: Path) -> str:
    as_folder(photos, folder)
    for number in range(4):
        with tarfile.open(folder / f"{number}.tar", "w") as archive:
            for key in list(photos)[number::4]:
                archive.add(folder / "photos" / key, key)
    return "{0..3}.tar"


def as_tgz(photos: Mapping[str, bytes], folder: Path) -> str:
    as_folder(photos, folder)
    with tarfile.open(folder / "x.tgz", "w:gz") as archive:
        archive.add(folder / "photos", "photos")
    return "*.tgz"


def as_parquet(photos: Mapping[str, bytes], folder: Path) -> str:
    for number in range(3):
        some = [{"bytes": photos[key], "path": key} for key in list(photos)[number::3]]
        pq.write_table(pa.table({"image": some}), folder / f"{number}.parquet", row_group_size=1)
    return "*.parquet"


KINDS: Mapping[str, Callable[[Mapping[str, bytes], Path], str]] = {
    "folder": as_folder,
    "manifest": as_manifest,
    "manifest with sizes": as_sized_manifest,
    "tar": as_tar,
    "tgz": as_tgz,
    "parquet": as_parquet,
}


@pytest.fixture
def photos(rng: np.random.Generator) -> dict[str, bytes]:
    """Files of which one is over the limit, and one is empty."""
    sizes = [0, _MAX_BYTES + 1, _MAX_BYTES, *rng.integers(1, 30_000, 37)]
    return {f"{i % 3}/{i:02}.jpg": rng.bytes(int(size)) for i, size in enumerate(sizes)}


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the calls are noted; waits between them are left out."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv(flaky.NOTES, str(folder))
    monkeypatch.setattr(flaky, "STALL_S", 2 * _TIMEOUT_S)
    # Many requests for each archive.
    for module in (steady_file, remote_stream):
        monkeypatch.setattr(module, "BLOCK", 5_000)
    monkeypatch.setattr(tenacity.nap, "time", types.SimpleNamespace(sleep=lambda seconds: None))
    return folder


@pytest.fixture(params=[flaky.FlakyAsync, flaky.FlakySync], ids=["asynchronous", "synchronous"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Each of the two kinds of file systems as `flaky://`."""
    fsspec.register_implementation("flaky", request.param, clobber=True)
    return str(request.param.__name__)


def items(url: str, timeout_s: float = _TIMEOUT_S) -> Items:
    settings = InputSettings(timeout_s=timeout_s, split_bytes=60_000)
    source = open_source(url, settings)
    return [(member.key, data) for member, data in source.stream(list(source.list()), _MAX_BYTES)]


@pytest.mark.parametrize("seeds", [3, pytest.param(60, marks=[pytest.mark.slow])])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_good_storage_gives(
    tmp_path: Path,
    photos: dict[str, bytes],
    notes: Path,
    flavour: str,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
    kind: str,
    seeds: int,
) -> None:
    url = f"flaky://{tmp_path}/{KINDS[kind](photos, tmp_path)}"
    expected = items(url)
    assert len(expected) == len(photos)
    assert sum(isinstance(data, ReadError) for _, data in expected) == 1
    monkeypatch.setenv(flaky.RATE, "0.05")
    for seed in rng.integers(1 << 32, size=seeds).tolist():
        monkeypatch.setenv(flaky.SEED, str(seed))
        monkeypatch.setattr(flaky, "_chance", flaky._Chance())
        assert items(url) == expected, seed
    assert flaky.faults(notes)


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("folder", {"ls": 4, "info": 2, "read": 40}),
        ("manifest", {"info": 2 + 40, "read": 1 + 40}),
        ("manifest with sizes", {"info": 4, "read": 3 + 40}),
        ("tar", {"info": 4 + 4, "read": 4}),
        ("tgz", {"ls": 1, "info": 1, "read": 1}),
    ],
)
def test_good_storage_is_asked_for_nothing_twice(
    tmp_path: Path,
    photos: dict[str, bytes],
    notes: Path,
    flavour: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    most: dict[str, int],
) -> None:
    for module in (steady_file, remote_stream):
        monkeypatch.setattr(module, "BLOCK", 1 << 20)
    # Neither an empty one nor one that is too large, which are looked at twice.
    plain = {key: data[:_MAX_BYTES] or b"1" for key, data in photos.items()}
    items(f"flaky://{tmp_path}/{KINDS[kind](plain, tmp_path)}", timeout_s=60)
    # In other folders the calls of earlier tests may still hang.
    ours = [call for _, call, path in flaky.calls(notes) if path.startswith(str(tmp_path))]
    asked = Counter({"cat_file": "read"}.get(call, call) for call in ours)
    del asked["open"]  # belongs to the read
    assert asked == most
