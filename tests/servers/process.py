"""A server in a process of its own: started, waited for, and gone at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_STARTS_IN_S = 60  # a hang, not a slow machine
_ENDS_IN_S = 10


@contextlib.contextmanager
def served(
    command: Sequence[str | os.PathLike[str]], port: int, log: Path, env: Mapping[str, str]
) -> Iterator[None]:
    """Runs a server for the block, with all processes that it starts."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_dying_with_us(), *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
            start_new_session=True,
        )
    try:
        _wait(process, port, log)
        yield
    finally:
        for end in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, end)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_ENDS_IN_S)


def _dying_with_us() -> list[str]:
    """A prefix for a command that is not to outlive these tests, even if they are killed."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL"]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _STARTS_IN_S
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the server does not start: {log.read_text(errors='replace')}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
