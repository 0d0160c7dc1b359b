"""A folder of strange files: each ends as a row, and nothing is printed about it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.command import mtcnn_ray
from tests.system.outputs import Finished


@pytest.fixture(scope="module")
def odd(data_dir: Path) -> Path:
    return data_dir / "odd"


@pytest.fixture(scope="module")
def job(odd: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    output = tmp_path_factory.mktemp("odd") / "out"
    return Finished(output, mtcnn_ray("extract", odd, output, "--workers", 2))


def test_every_file_is_a_row(job: Finished, odd: Path) -> None:
    files = sorted(str(path.relative_to(odd)) for path in odd.rglob("*") if path.is_file())
    assert job.done.returncode == 0, job.done.stderr
    assert [row["key"] for row in job.rows("images")] == files


def test_nothing_crashed_and_every_failure_has_a_reason(job: Finished) -> None:
    for row in job.rows("images"):
        assert row["status"] not in {"crashed", "timeout", "unreadable"}, row
        assert (row["error"] is None) == (row["status"] in {"ok", "no_face"}), row


def test_no_decoder_prints(job: Finished) -> None:
    for line in job.done.stderr.splitlines():
        assert re.match(r"[\d,]+ of [\d,]+ photos, [\d,]+ faces, ", line), line
    # The table on stdout holds nothing but its rows.
    known = {row["status"] for row in job.rows("images")} | {
        "photos",
        "faces",
        "shards",
        "this",
        str(job.output),
    }
    for line in job.done.stdout.splitlines():
        words = re.sub(r"[^\w/.-]", " ", line).split()
        assert not words or words[0] in known or str(job.output).startswith(words[0]), line


def test_no_decoder_prints_from_a_single_process(odd: Path) -> None:
    # Workers' output does not reach the terminal; `detect` decodes in the process that prints.
    worst = sorted((odd / "pillow").glob("*.tif*"))[:4] + sorted((odd / "pillow").glob("*.png"))[:2]
    for file in worst:
        done = mtcnn_ray("detect", file)
        if done.returncode == 0:
            assert done.stderr == ""
            json.loads(done.stdout)
        else:
            assert done.stdout == ""
            assert re.fullmatch(r"mtcnn-ray: [^\n]+\n", done.stderr), done.stderr


@pytest.mark.slow
def test_no_decoder_prints_from_a_single_process_for_any_file(odd: Path) -> None:
    for file in sorted(path for path in odd.rglob("*") if path.is_file()):
        done = mtcnn_ray("detect", file)
        assert done.returncode in (0, 1), (file, done.stderr)
        assert len(done.stderr.splitlines()) == done.returncode, (file, done.stderr)


def test_orientations_are_displayed(job: Finished) -> None:
    rows = {
        row["key"]: row
        for row in job.rows("images")
        if row["key"].startswith("exif_orientation/") and row["orientation"] is not None
    }
    assert {row["orientation"] for row in rows.values()} == set(range(1, 9))
    # Each series shows one picture in eight ways of storing it.
    for name in ("Landscape", "Portrait"):
        sizes = {(row["width"], row["height"]) for key, row in rows.items() if name in key}
        assert len(sizes) == 1, sizes
