"""Drivers that are killed or interrupted halfway, in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine.driver import working
from jobs.engine.driver.run import run
from jobs.engine.driver.verify import verify
from jobs.engine.ledger import ledger as ledger_module
from jobs.engine.settings import RunSettings
from jobs.messages.errors import OutputError
from tests.jobs.engine.mortal import Mortal, contents, data_of, files, places, restore
from tests.jobs.engine.outputs import IDENTITY, finished_output, part_digests
from tests.jobs.engine.retries import SIZES, run_here
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

MEMBERS = 200
SETTINGS = RunSettings(workers=2)
DRIVER = """
import sys
from pathlib import Path
from jobs.messages.errors import Interrupted
from jobs.engine.driver.run import run
from tests.jobs.engine.retries import SIZES, run_here
from tests.jobs.engine.stand_in import ChecksumJob, list_folder
from tests.jobs.engine.driver.test_kill import IDENTITY, SETTINGS

folder, output = map(Path, sys.argv[1:])
try:
    run(ChecksumJob(delay_s=0.05), lambda: list_folder(folder), str(output), SETTINGS, IDENTITY)
except Interrupted:
    sys.exit(130)
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return part_digests(finished_output(tmp_path_factory.mktemp("expected"), MEMBERS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "in", MEMBERS)


def stop_halfway(folder: Path, output: Path, number: signal.Signals) -> tuple[int, str]:
    """Sends the signal after the second commit; exit code and what the driver printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), str(output)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as driver:
        while len(list(output.glob("_job/commits/*.json"))) < 2:
            assert driver.poll() is None, driver.communicate()[0]
            time.sleep(0.05)
        driver.send_signal(number)
        driver.wait()
        assert driver.stdout is not None
        return driver.returncode, driver.stdout.read()


def resume(folder: Path, output: Path) -> None:
    run(ChecksumJob(), lambda: list_folder(folder), str(output), SETTINGS, IDENTITY)


def test_killed_driver_is_resumed_to_the_same_bytes(
    tmp_path: Path, folder: Path, expected: dict[str, str]
) -> None:
    output = tmp_path / "out"
    stop_halfway(folder, output, signal.SIGKILL)
    assert len(part_digests(output)) < len(expected)
    resume(folder, output)
    assert part_digests(output) == expected
    assert verify(str(output)) == []
    assert [path.name for path in output.rglob(".*")] == []


@pytest.fixture
def mortal() -> Iterator[str]:
    """An output in a store that may be told when to fail."""
    yield f"mortal://{uuid.uuid4().hex}"
    Mortal.lives = sys.maxsize


def test_run_is_resumed_to_the_same_bytes_wherever_an_object_store_fails(
    mortal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "dispatched", run_here)
    monkeypatch.setattr(ledger_module, "_CHECKPOINT_SHARDS", 2)
    monkeypatch.setattr(ledger_module, "_LEAST_SHARDS", 1)
    folder = make_folder(tmp_path / "in", 8)
    settings = RunSettings(workers=1, shards=SIZES)

    def go() -> None:
        run(ChecksumJob(), lambda: list_folder(folder), mortal, settings, IDENTITY)

    go()
    expected, expected_places = data_of(contents(mortal)), kept(mortal)
    died = 0
    while True:
        restore(mortal, {})
        Mortal.lives = died
        try:
            go()
            break
        except OutputError:
            pass
        Mortal.lives = died // 2  # the next one fails as well, a little later each time
        with contextlib.suppress(OutputError):
            go()
        Mortal.lives = sys.maxsize
        go()
        assert data_of(contents(mortal)) == expected, f"after {died} changes"
        assert kept(mortal) == expected_places, f"after {died} changes"
        assert verify(mortal) == [], f"after {died} changes"
        died += 1
    assert died > 20


def kept(output: str) -> set[str]:
    """All files but those that tell how often a driver began."""
    found = {name for name in places(files(output)) if not name.startswith("_job/checkpoints")}
    return {re.sub(r"(generation-\d+)\.\d+", r"\1", name) for name in found}


@pytest.mark.slow  # tests/system/test_interrupt.py does it to the command
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_driver_says_so_and_leaves_a_resumable_job(
    tmp_path: Path, folder: Path, expected: dict[str, str], number: signal.Signals
) -> None:
    output = tmp_path / "out"
    code, printed = stop_halfway(folder, output, number)
    assert code == 130
    assert "Traceback" not in printed
    assert not (output / "_SUCCESS").exists()
    resume(folder, output)
    assert part_digests(output) == expected
