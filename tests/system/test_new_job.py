"""A second job, written as the notes for contributors say: one folder and one line.

It is put into a copy of the program; the folder is `tests/system/phash`.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command import environment
from tests.system.outputs import Finished, commits, contents, everything, rows
from tests.system.processes import descendants

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent / "phash"
LINE = '"jobs.extract.kind:EXTRACT", "jobs.phash.kind:PHASH"'
RUN = "from jobs.cli import main; main()"
SHARDS = ("--workers", "1", "--set", "run.shards.first=1", "--set", "run.shards.step=100")


@dataclass(frozen=True)
class Program:
    """A copy of the program.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    def environment(self) -> dict[str, str]:
        return {**environment(), "PYTHONPATH": str(self.folder)}

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", RUN, *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self.environment(),
            cwd=self.folder,
            timeout=240,
            check=False,
        )

    def change(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"'{old}' in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def make_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Program]:
    def make() -> Program:
        folder = tmp_path_factory.mktemp("program")
        ignored = shutil.ignore_patterns("__pycache__")
        for package in ("jobs", "mtcnn_core", "configs"):
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        shutil.copytree(FOLDER, folder / "jobs" / "phash", ignore=ignored)
        program = Program(folder)
        program.change("jobs/registry.py", '"jobs.extract.kind:EXTRACT",', f"{LINE},")
        return program

    return make


@pytest.fixture(scope="module")
def program(make_program: Callable[[], Program]) -> Program:
    return make_program()


@pytest.fixture(scope="module")
def hashed(
    program: Program, one_worker: Finished, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The hashes of a dataset, made by one worker that nothing disturbed."""
    output = tmp_path_factory.mktemp("hashes") / "out"
    return Finished(output, program.run("phash", one_worker.output, output, *SHARDS))


def test_it_is_small_and_one_line_registers_it() -> None:
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in FOLDER.glob("*.py"))
    assert lines < 120


def test_every_crop_has_its_hash(hashed: Finished, one_worker: Finished) -> None:
    assert hashed.done.returncode == 0, hashed.done.stderr
    expected = {}
    for row in one_worker.rows("faces"):
        crop = Image.open(io.BytesIO(row["crop"]["bytes"])).convert("L").resize((9, 8))
        pixels = np.asarray(crop, dtype=int)
        bits = [pixels[y, x] > pixels[y, x + 1] for y in range(8) for x in range(8)]
        value = int("".join("01"[bool(bit)] for bit in bits), 2)
        expected[f"{row['key']}#{row['face_index']}"] = ("ok", f"{value:016x}")
    found = {row["key"]: (row["status"], row["hash"]) for row in hashed.rows("hashes")}
    assert len(found) > 20
    assert found == expected


def test_it_tells_how_far_it_is(program: Program, hashed: Finished, one_worker: Finished) -> None:
    count = len(one_worker.rows("faces"))
    assert f"{count} of {count} faces" in hashed.done.stderr
    status = program.run("status", hashed.output)
    assert "faces" in status.stdout
    assert "hashed" in status.stdout
    told = json.loads(program.run("status", hashed.output, "--json").stdout)
    assert told["statuses"] == {"ok": count}


def test_verify_finds_it_whole_and_then_broken(
    program: Program, hashed: Finished, tmp_path: Path
) -> None:
    copy = tmp_path / "out"
    shutil.copytree(hashed.output, copy)
    assert program.run("verify", copy).returncode == 0
    part = next(copy.glob("hashes/*.parquet"))
    part.write_bytes(part.read_bytes()[:-9] + b"123456789")
    broken = program.run("verify", copy)
    assert broken.returncode == 1
    assert part.name in broken.stdout


def test_run_again_touches_nothing(
    program: Program, hashed: Finished, one_worker: Finished
) -> None:
    before = everything(hashed.output)
    again = program.run("phash", one_worker.output, hashed.output, *SHARDS)
    assert again.returncode == 0, again.stderr
    assert "nothing was left to do" in again.stdout
    assert everything(hashed.output) == before


def test_killed_and_resumed_it_is_the_same(
    program: Program, hashed: Finished, one_worker: Finished, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-c", RUN, "phash", one_worker.output, output, *SHARDS]
    running = subprocess.Popen(
        list(map(str, command)),
        env=program.environment(),
        cwd=program.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not list(output.glob("_job/commits/*.json")):
        assert running.poll() is None, running.communicate()
    family = descendants(running)  # type: ignore[arg-type]
    running.kill()
    for each in family:
        if each.is_running():
            each.kill()
    running.communicate()
    assert len(commits(output)) < len(commits(hashed.output))
    resumed = program.run("phash", one_worker.output, output, *SHARDS)
    assert resumed.returncode == 0, resumed.stderr
    assert contents(output) == contents(hashed.output)


def test_crop_that_kills_is_one_row_and_retried_it_is_well(
    make_program: Callable[[], Program],
    program: Program,
    hashed: Finished,
    one_worker: Finished,
    tmp_path: Path,
) -> None:
    poisoned, output = make_program(), tmp_path / "out"
    key = hashed.rows("hashes")[5]["key"]
    poisoned.change(
        "jobs/phash/job.py",
        "        for item in items:\n",
        "        for item in items:\n"
        f"            if item.member.key == {key!r}:\n"
        "                import os, signal\n"
        "                os.kill(os.getpid(), signal.SIGKILL)\n",
    )
    done = poisoned.run("phash", one_worker.output, output, *SHARDS)
    assert done.returncode == 0, done.stderr
    assert [row["key"] for row in rows(output, "hashes") if row["status"] == "crashed"] == [key]
    assert program.run("verify", output).returncode == 0
    retried = program.run("retry", output)
    assert retried.returncode == 0, retried.stderr
    assert "1 of 1 faces" in retried.stderr
    assert contents(output) == contents(hashed.output)
    assert program.run("verify", output).returncode == 0


def test_compacted_it_has_the_same_rows(program: Program, hashed: Finished, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(hashed.output, copy)
    done = program.run("compact", copy, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert program.run("verify", copy).returncode == 0
    told = json.loads(program.run("status", copy, "--json").stdout)
    assert told["rows"] == {"hashes": len(hashed.rows("hashes"))}


def test_its_section_is_none_of_extract(
    program: Program, one_worker: Finished, tmp_path: Path
) -> None:
    file = tmp_path / "both.yaml"
    file.write_text("phash:\n  side: 4\nrun:\n  max_failed_fraction: 0.5\n")
    output = tmp_path / "out"
    shutil.copytree(one_worker.output, output)
    photos = json.loads((output / "_job" / "job.json").read_text())["input"]
    sets = ("--set", "run.shards.first=3", "--set", "run.shards.step=100")
    again = program.run("extract", photos, output, "--config", file, *sets)
    assert again.returncode == 0, again.stderr
    assert "nothing was left to do" in again.stdout


def test_it_refuses_another_setting_and_the_output_of_another_job(
    program: Program, hashed: Finished, one_worker: Finished
) -> None:
    other = program.run("phash", one_worker.output, hashed.output, "--set", "phash.side=4", *SHARDS)
    assert other.returncode == 2
    assert "phash.side (was 8, is 4)" in other.stderr
    wrong = program.run("phash", one_worker.output, one_worker.output)
    assert wrong.returncode == 2


def test_help_lists_it(program: Program) -> None:
    assert "near-duplicates" in program.run("--help").stdout
