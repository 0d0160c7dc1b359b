"""Whole jobs over storage that raises, stalls, cuts off and lies about sizes, in and out."""

from __future__ import annotations

import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.command import mtcnn_ray
from tests.servers import flaky
from tests.system.outputs import committed, digests, rows
from tests.system.test_inputs import KINDS, keys_in

# One of the photos is larger.
_MAX_BYTES = 400_000
# Of few calls more have to fail.
_RATE = {"folder": 0.05, "manifest": 0.05}
_RATE_OF_CONTAINERS = 0.1
_OUTAGE_S = 5.0
_LIMIT_S = 120  # a hang, not a slow machine


def as_tars(photos: Path, folder: Path) -> str:
    """An archive a folder of photos."""
    for below in sorted(photos.iterdir()):
        with tarfile.open(folder / f"{below.name}.tar", "w") as archive:
            archive.add(below, below.name)
    return "*.tar"


_KINDS = {**KINDS, "tars": as_tars}


class Ground:
    """A folder in which jobs run over `flaky://`, from one kind of input to many outputs.

    Args:
        folder: Of it, empty.
        photos: What the input holds.
        kind: Of the input.
        is_async: Whether the file system is an asynchronous one.
        shard: Photos in each shard.
    """

    def __init__(
        self, folder: Path, photos: Path, kind: str, is_async: bool, shard: int = 1
    ) -> None:
        self.folder = folder
        self.shard = shard
        self.photos = keys_in(photos)
        self.rate = _RATE.get(kind, _RATE_OF_CONTAINERS)
        flaky.install(folder / "installed")
        self._env = {
            "PYTHONPATH": os.pathsep.join([f"{folder}/installed", str(Path(__file__).parents[2])]),
            flaky.ASYNCHRONOUS: str(int(is_async)),
            flaky.OUTAGE: f"{folder}/outage",
            flaky.DEADLINE: "1",
        }
        (folder / "input").mkdir()
        self._url = f"flaky://{folder}/input/{_KINDS[kind](photos, folder / 'input')}"
        self.calm = self.extract("calm", 0, 0.0)

    def extract(self, name: str, seed: int, rate: float) -> Path:
        """Runs a job to its end; the output, as a local folder."""
        output = self.folder / name
        notes = self.notes(output)
        notes.mkdir()
        env = {**self._env, flaky.SEED: str(seed), flaky.RATE: str(rate), flaky.NOTES: str(notes)}
        sets = (
            f"run.shards.first={self.shard}",
            "run.shards.step=100",
            "input.timeout_s=1",
            f"limits.max_bytes={_MAX_BYTES}",
        )
        given = [argument for setting in sets for argument in ("--set", setting)]
        url = f"flaky://{output}"
        done = mtcnn_ray("extract", self._url, url, "--workers", 2, *given, env=env)
        print(f"seed {seed}: {len(flaky.calls(notes))} calls, {dict(flaky.faults(notes))}")
        assert done.returncode == 0, done.stderr
        return output

    def notes(self, output: Path) -> Path:
        return output.with_suffix(".notes")

    def check(self, rough: Path, least: int) -> None:
        """The same bytes, every photo once, nothing else there, and `verify` content."""
        assert sum(flaky.faults(self.notes(rough)).values()) >= least
        found = [row["key"] for row in rows(rough, "images")]
        assert len(found) == len(set(found)) == len(self.photos)
        assert digests(rough) == digests(self.calm)
        assert _files_in(rough) == _files_in(self.calm)
        assert mtcnn_ray("verify", rough).returncode == 0


def _files_in(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def few(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of the photos, one of them cut short, and one file that is too large."""
    folder = tmp_path_factory.mktemp("few") / "photos"
    for name in ("small", "plain"):
        shutil.copytree(photos / name, folder / name)
    large = (photos / "small" / "0.jpg").read_bytes().ljust(_MAX_BYTES + 1, b"\0")
    (folder / "plain" / "large.jpg").write_bytes(large)
    return folder


@pytest.fixture(scope="module")
def ground(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Ground]:
    """Makes the ground for a kind of input and of file system, once."""
    made: dict[tuple[str, bool], Ground] = {}

    def make(kind: str, is_async: bool) -> Ground:
        if (kind, is_async) not in made:
            folder = tmp_path_factory.mktemp("flaky")
            made[kind, is_async] = Ground(folder, few, kind, is_async)
        return made[kind, is_async]

    return make


@pytest.mark.parametrize(("kind", "is_async"), [("folder", True), ("tars", False)])
def test_a_job_over_flaky_storage_ends_as_one_over_good_storage(
    ground: Callable[[str, bool], Ground], rng: np.random.Generator, kind: str, is_async: bool
) -> None:
    place = ground(kind, is_async)
    statuses = {row["status"] for row in rows(place.calm, "images")}
    assert {"ok", "too_large", "undecodable"} <= statuses
    # The chance that none of so many calls fails is 2e-4 or less.
    place.check(place.extract("rough", int(rng.integers(1 << 32)), place.rate), least=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("is_async", [True, False])
def test_hundreds_of_photos(
    many_photos: Path, rng: np.random.Generator, is_async: bool, tmp_path: Path
) -> None:
    place = Ground(tmp_path, many_photos, "folder", is_async, shard=5)
    assert len(place.photos) == 330
    place.check(place.extract("rough", int(rng.integers(1 << 32)), 0.05), least=30)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("kind", _KINDS)
def test_any_job_over_flaky_storage_ends_as_one_over_good_storage(
    ground: Callable[[str, bool], Ground], rng: np.random.Generator, kind: str, is_async: bool
) -> None:
    place = ground(kind, is_async)
    for number, seed in enumerate(rng.integers(1 << 32, size=3).tolist()):
        place.check(place.extract(f"rough-{number}", seed, place.rate), least=1)


@pytest.mark.slow
@pytest.mark.parametrize("is_async", [True, False])
def test_storage_that_is_down_for_a_while_is_waited_for(
    ground: Callable[[str, bool], Ground], is_async: bool
) -> None:
    place = ground("folder", is_async)
    output = place.folder / "down"
    stop = threading.Thread(target=_fail_for_a_while, args=(output, place.folder / "outage"))
    stop.start()
    place.extract(output.name, 0, 0.0)
    stop.join()
    place.check(output, least=3)


def _fail_for_a_while(output: Path, outage: Path) -> None:
    end = time.monotonic() + _LIMIT_S
    while len(committed(output)) < 2 and time.monotonic() < end:
        time.sleep(0.005)
    outage.touch()
    time.sleep(_OUTAGE_S)
    outage.unlink()
