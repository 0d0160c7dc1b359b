"""Photos that failed, tried again by the real command."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from jobs.engine.driver.compact import compact
from jobs.engine.driver.verify import verify
from tests.command import mtcnn_ray
from tests.servers.bad_http import Answer, BadServer
from tests.system.conftest import SHARDS
from tests.system.outputs import Finished, commits, contents, everything, logged
from tests.system.processes import kill_all, running, wait_until

# Nobody listens there: a run that needed Ray would end with an error.
_NO_RAY = {"RAY_ADDRESS": "127.0.0.1:1"}
_TOLERANT = ("--set", "run.max_failed_fraction=1")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = mtcnn_ray(*arguments)
    assert done.returncode == 0, done.stderr
    return done


def test_only_photos_that_failed_are_asked_for(
    bad_http: BadServer, photos: Path, tmp_path: Path
) -> None:
    pictures = {f"/{n}.jpg": (photos / "small" / f"{n}.jpg").read_bytes() for n in range(8)}
    urls = [bad_http.script(path, Answer(body=data)) for path, data in pictures.items()]
    manifest = tmp_path / "photos.csv"
    manifest.write_text("\n".join(["uri", *urls]))
    arguments = ("--workers", 1, *SHARDS)
    run("extract", manifest, tmp_path / "whole", *arguments)
    lost = ("/0.jpg", "/5.jpg")
    for path in lost:
        bad_http.script(path, Answer(404))
    run("extract", manifest, tmp_path / "out", *arguments, *_TOLERANT)
    for path in lost:
        bad_http.script(path, Answer(body=pictures[path]))
    for output in (tmp_path / "out", tmp_path / "whole"):
        compact(str(output))
    assert contents(tmp_path / "out") != contents(tmp_path / "whole")
    bad_http.asked.clear()
    done = run("retry", tmp_path / "out", "--status", "unreadable", "--workers", 1)
    assert set(bad_http.asked) == set(lost)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert "2 photos" in " ".join(done.stdout.replace("│", " ").split())
    assert verify(str(tmp_path / "out")) == []


@pytest.fixture
def incomplete(photos: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An undisturbed output, and one of the same photos when all but one were not there."""
    folder = tmp_path / "photos"
    for name in ("plain", "small"):  # 17, in six shards
        shutil.copytree(photos / name, folder / name, copy_function=shutil.copy2)
    run("extract", folder, tmp_path / "whole", "--workers", 2, *SHARDS)
    run("plan", folder, tmp_path / "out", *SHARDS)
    folder.rename(tmp_path / "away")
    folder.mkdir()
    (folder / "plain").mkdir()
    shutil.copy2(tmp_path / "away" / "plain" / "0.jpg", folder / "plain")
    run("extract", folder, tmp_path / "out", "--workers", 1, *SHARDS, *_TOLERANT)
    shutil.rmtree(folder)
    (tmp_path / "away").rename(folder)
    return tmp_path / "whole", tmp_path / "out"


def retried(output: Path) -> int:
    """Shards whose new rows count."""
    return len({report["shard"] for entry in logged(output) for report in entry["retried"]})


def test_retry_that_is_stopped_and_killed_goes_on(incomplete: tuple[Path, Path]) -> None:
    whole, output = incomplete
    with running("retry", output, "--workers", 1) as process:
        wait_until(lambda: retried(output) >= 1, process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert process.returncode == 130 and "run the same command again" in said
    before = retried(output)
    assert before < len(commits(output))
    with running("retry", output, "--workers", 1) as process:
        wait_until(lambda: retried(output) > before, process)
        kill_all(process)
    assert retried(output) < len(commits(output)) or not (output / "_SUCCESS").exists()
    run("retry", output, "--workers", 2)
    assert contents(output) == contents(whole)
    assert verify(str(output)) == []
    assert not list(output.rglob("*.tmp"))


def test_nothing_to_retry_touches_no_file(one_worker: Finished) -> None:
    before = everything(one_worker.output)
    done = mtcnn_ray("retry", one_worker.output, env=_NO_RAY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was left to do" in done.stdout
    assert everything(one_worker.output) == before


def test_unknown_status_is_one_sentence(one_worker: Finished) -> None:
    done = mtcnn_ray("retry", one_worker.output, "--status", "failed", env=_NO_RAY)
    assert done.returncode == 2
    assert done.stderr.startswith("mtcnn-ray: there is no status 'failed': known are ok, ")
    assert len(done.stderr.splitlines()) == 1
