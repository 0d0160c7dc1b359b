"""Drivers of the stand-in job in processes of their own: something to send signals to.

As a script: `python -m tests.system.drivers FOLDER OUTPUT OPTIONS`, the options in JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from jobs.engine.driver.run import run
from jobs.engine.settings import RunSettings
from jobs.members import Member
from jobs.messages.errors import Interrupted
from tests.command import environment
from tests.jobs.engine.outputs import IDENTITY
from tests.jobs.engine.stand_in import ChecksumJob, list_folder
from tests.system.processes import descendants

_ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def driving(
    folder: Path,
    output: Path,
    *,
    stuck: str = "",
    delay_s: float = 0.0,
    env: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[subprocess.Popen[str]]:
    """A driver that is running; at the end nothing of it is left.

    Args:
        folder: The input.
        output: The output.
        stuck: Where planning never ends: in `python`, where a signal gets through, or in a
            `native` call, where it does not.
        delay_s: Time over each file.
        env: Variables to add.
        settings: Of the run.
    """
    options = {"stuck": stuck, "delay_s": delay_s, "settings": settings}
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder), str(output), json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env=environment(env),
        start_new_session=True,
    )
    family: list[psutil.Process] = []
    try:
        yield process
    finally:
        if process.poll() is None:
            family = descendants(process)
            process.kill()
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.communicate()


def _hang(stuck: str) -> None:
    print("stuck", flush=True)
    if stuck == "python":
        time.sleep(1000)
    mutex = ctypes.create_string_buffer(128)
    native = ctypes.CDLL(None)
    for _ in range(2):  # the second time is for ever
        native.pthread_mutex_lock(mutex)


def _main(folder: Path, output: Path, options: dict[str, Any]) -> None:
    logging.basicConfig(level=logging.WARNING)
    settings = RunSettings(**options["settings"])

    def members() -> Iterator[Member]:
        if options["stuck"]:
            _hang(options["stuck"])
        yield from list_folder(folder)

    try:
        run(ChecksumJob(options["delay_s"]), members, str(output), settings, IDENTITY)
    except Interrupted:
        os._exit(130)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
