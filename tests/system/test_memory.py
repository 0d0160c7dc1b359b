"""What a worker's memory does over many photos, and over one large one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import mtcnn_ray

skimage = pytest.importorskip("skimage")
_MB = 2**20


def mosaic(width: int, height: int) -> Image.Image:
    """A photo of any size that is full of faces and of other things."""
    tile = np.concatenate([skimage.data.astronaut(), skimage.data.coffee()[:400, :512]])
    across, down = -(-width // tile.shape[1]), -(-height // tile.shape[0])
    return Image.fromarray(np.tile(tile, (down, across, 1))[:height, :width])


def mixed(folder: Path, rng: np.random.Generator, kinds: int, copies: int) -> None:
    """Photos of all sizes and formats, and some that are none."""
    folder.mkdir()
    for number in range(kinds):
        width, height = (int(2 ** rng.uniform(5, 11.3)) for _ in range(2))
        suffix = str(rng.choice(["jpg", "jpg", "jpg", "png", "webp"]))
        first = folder / f"000-{number:04d}.{suffix}"
        mosaic(width, height).convert(str(rng.choice(["RGB", "L"]))).save(first)
        if rng.random() < 0.1:
            first.write_bytes(first.read_bytes()[: first.stat().st_size // 2])
        for copy in range(1, copies):
            os.link(first, folder / f"{copy:03d}-{number:04d}.{suffix}")


def worker_bytes(output: Path) -> list[int]:
    """Resident memory after each shard, in the order in which they were done."""
    records = [json.loads(path.read_bytes()) for path in (output / "_job/commits").iterdir()]
    records.sort(key=lambda record: (record["started"], record["shard"]))
    return [int(record["worker_bytes"]) for record in records]


def memory_over(folder: Path, output: Path) -> list[int]:
    run = mtcnn_ray(
        *("extract", folder, output, "--workers", 1, "--min-face", 40),
        *("--set", "run.shards.max_members=16"),
    )
    assert run.returncode == 0, run.stderr
    memory = worker_bytes(output)
    print([size // _MB for size in memory])
    return memory


def test_memory_of_a_worker_stays_within_its_bound(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    mixed(tmp_path / "in", rng, kinds=40, copies=6)
    # 352 MB, and 541 to 731 where every thread has a heap of its own.
    assert max(memory_over(tmp_path / "in", tmp_path / "out")) <= 450 * _MB


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_of_a_worker_is_flat_over_5000_photos(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    mixed(tmp_path / "in", rng, kinds=100, copies=50)
    memory = memory_over(tmp_path / "in", tmp_path / "out")
    third = len(memory) // 3
    assert max(memory[-third:]) <= 1.05 * max(memory[:third])
    assert max(memory) <= 700 * _MB


@pytest.mark.parametrize(
    ("width", "height", "limit_mb"),
    [
        (5000, 4000, 500),
        pytest.param(11700, 8600, 1500, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
    ],
)
def test_peak_over_one_large_photo(tmp_path: Path, width: int, height: int, limit_mb: int) -> None:
    photo = tmp_path / "large.jpg"
    mosaic(width, height).save(photo, quality=88)
    command = [sys.executable, "-m", "tests.system.memory", str(photo)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    print(run.stdout)
    status, peak_mb = run.stdout.split()
    assert status == "ok"
    assert int(peak_mb) <= limit_mb
