"""The two ways to run elsewhere, for real: in a sealed container's conditions, on a Ray cluster."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pyarrow.dataset as ds
import pytest

from jobs.engine.driver.verify import verify
from jobs.sources.demo import demo_folder
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.images.photo import decode

BIN = Path(sys.executable).parent
TOKEN = "0123456789abcdef" * 4

DETECT = """
import sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise ConnectionError(f"there is no network here: {event} {arguments}")

sys.addaudithook(refuse)

from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.images.photo import decode

with open(sys.argv[1], "rb") as file:
    faces = FaceDetector().detect(decode(file.read()))
print(len(faces), "built" if "onnx" in sys.modules else "read")
"""


@pytest.fixture
def sealed_cache(cache_folder: Path) -> Iterator[Path]:
    """A cache as the image has it: complete, and not to be written to."""
    demo_folder()
    FaceDetector()
    folders = [cache_folder, *(path for path in cache_folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield cache_folder
    for folder in folders:
        folder.chmod(0o755)


def listing(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("home", [None, "/dev/null/nobody"], ids=["no HOME", "unwritable HOME"])
def test_detects_from_a_sealed_cache_without_network(sealed_cache: Path, home: str | None) -> None:
    before = listing(sealed_cache)
    environment = {key: value for key, value in os.environ.items() if key != "HOME"}
    if home is not None:
        environment["HOME"] = home
    photo = demo_folder() / "faces" / "astronaut.jpg"
    faces = FaceDetector().detect(decode(photo.read_bytes()))
    done = subprocess.run(
        [sys.executable, "-c", DETECT, str(photo)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{len(faces)} read\n", done.stderr
    assert listing(sealed_cache) == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ray_node(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[None]:
    """`ray start --block`, from its being up until its last process is gone."""
    command = [
        str(BIN / "ray"),
        "start",
        "--block",
        "--node-ip-address=127.0.0.1",
        "--object-store-memory=100000000",
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--dashboard-agent-listen-port=0",
        *arguments,
    ]
    with log.open("wb") as output:
        process = psutil.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        while "Ray runtime started" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        # Only what was started here: others may run Ray on this machine.
        if process.poll() is None:
            family = [process, *process.children(recursive=True)]
            process.send_signal(signal.SIGTERM)
            _, left = psutil.wait_procs(family, timeout=10)
            for straggler in left:
                straggler.kill()
            psutil.wait_procs(left)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A head without CPUs and a node with two that ask for a token: its address, and how to join.

    Releases of Ray before 2.52 know no token and disregard it.
    """
    hidden = re.compile("RAY_.*|PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if not hidden.fullmatch(key)}
    environment |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": TOKEN,
        "HOME": str(tmp_path),
    }
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        # Paths of Unix sockets are limited to about 100 bytes, which pytest's folders use up.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp"))
        head = [
            "--head",
            f"--port={address.rpartition(':')[2]}",
            "--num-cpus=0",
            f"--temp-dir={folder}",
            "--include-dashboard=false",
        ]
        stack.enter_context(ray_node(environment, tmp_path / "head.log", *head))
        node = [f"--address={address}", "--num-cpus=2"]
        stack.enter_context(ray_node(environment, tmp_path / "node.log", *node))
        yield address, environment


@pytest.mark.timeout(240)
def test_extracts_on_a_cluster_of_two_nodes(
    cluster: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, environment = cluster
    output = tmp_path / "faces"
    done = subprocess.run(
        [str(BIN / "mtcnn-ray"), "extract", "demo:", str(output), "--ray-address", address],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert verify(str(output)) == []
    photos = sum(path.is_file() for path in demo_folder().rglob("*"))
    assert ds.dataset(output / "images").count_rows() == photos
