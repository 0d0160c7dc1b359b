"""Whole jobs over what somebody left there to break them: a row each, and nothing else happens."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.command import mtcnn_ray
from tests.system.outputs import Finished

SECRET = "a-secret-that-nobody-may-copy"
_ALL_FAIL = ("--set", "run.max_failed_fraction=1")
_DEEP = "d" * 250

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="needs Linux")


def photo(side: int = 64) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").resize((side, side)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def extract(source: object, output: Path, *more: object) -> Finished:
    done = mtcnn_ray(
        "extract", source, output, "--workers", 1, *_ALL_FAIL, *more, env={"SECRET": SECRET}
    )
    return Finished(output, done)


def statuses(job: Finished) -> dict[str, str]:
    found = [(row["key"], row["status"]) for row in job.rows("images")]
    assert len(dict(found)) == len(found), "a key repeats"
    return dict(found)


def check_quiet(job: Finished, code: int = 0) -> None:
    """Nothing but the job's own lines on the terminal, and nothing on it that is acted on."""
    assert job.done.returncode == code, job.done.stderr
    for line in job.done.stderr.splitlines():
        assert re.match(r"[\d,]+ (of [\d,]+ )?photos( \(\d+% of the input\))?, ", line), line
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]*", job.done.stdout)


def check_sound(job: Finished) -> None:
    """Verified, and whatever was copied of the input, it was not a secret."""
    verified = mtcnn_ray("verify", job.output)
    assert verified.returncode == 0, verified.stdout
    for row in job.rows("images"):
        assert (row["error"] is None) == (row["status"] in {"ok", "no_face"}), row
        assert "\n" not in (row["error"] or "")
    for file in job.output.rglob("*"):
        assert file.is_dir() or SECRET.encode() not in file.read_bytes(), file


# A folder


def make_folder(root: Path) -> dict[str, str]:
    """Fills a folder; the key of each file with the status it should get."""
    names = ["plain.jpg", "line\nend.jpg", "\x1b[2J\r\t.jpg", "\u202egpj.exe", "C:\\x.jpg", "..."]
    names += ["n" * 250, "in.tar/photo.jpg", "$HOME ~", "-rf"]
    for name in names:
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(photo())
    expected = dict.fromkeys(names, "no_face")
    (root / os.fsdecode(b"raw\xff.jpg")).write_bytes(photo())
    expected["raw%ff.jpg"] = "no_face"

    os.mkfifo(root / "fifo.jpg")
    (root / "device.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(root)  # the path of a socket has a short limit
        server.bind("socket.jpg")
        os.chdir(here)
    expected |= dict.fromkeys(["fifo.jpg", "device.jpg", "socket.jpg"], "unsupported")

    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "gone.jpg").symlink_to("nowhere")
    expected |= dict.fromkeys(["loop.jpg", "gone.jpg"], "unreadable")
    (root / "self").symlink_to(".")
    for level in range(20):  # a million paths
        (root / f"l{level:02}").mkdir()
        for name in ("a", "b"):
            (root / f"l{level:02}" / name).symlink_to(f"../l{level + 1:02}")
    (root / "l20").mkdir()
    (root / "folder.jpg").mkdir()

    (root / "environ.jpg").symlink_to("/proc/self/environ")
    (root / "hard.jpg").hardlink_to(root / "plain.jpg")
    expected |= {"environ.jpg": "undecodable", "hard.jpg": "no_face"}
    with open(root / "sparse.jpg", "wb") as file:
        file.truncate(1 << 40)
    expected["sparse.jpg"] = "too_large"

    folder = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(_DEEP, dir_fd=folder)
        below = os.open(_DEEP, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    depth = (os.pathconf(root, "PC_PATH_MAX") - len(os.fsencode(root)) - 3) // (len(_DEEP) + 1) + 1
    expected[f"{_DEEP}/" * depth] = "unreadable"
    return expected


def test_a_folder_of_traps(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    expected = make_folder(tmp_path / "in")
    job = extract(tmp_path / "in", tmp_path / "out")
    check_quiet(job)
    assert statuses(job) == expected
    check_sound(job)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("name", ["x.tar", "x.csv"])
def test_a_fifo_as_the_input(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    done = mtcnn_ray("plan", tmp_path / name, tmp_path / "out", "--dry-run")
    assert done.returncode == (2 if name == "x.csv" else 0), done.stderr
    assert len(done.stderr.splitlines()) <= 1


def test_a_refusal_is_one_line_whatever_is_in_the_name(tmp_path: Path) -> None:
    done = mtcnn_ray("plan", tmp_path / "a\nb\x1b.jpg", tmp_path / "out", "--dry-run")
    assert done.returncode == 2
    assert done.stderr == (
        f"mtcnn-ray: there is no file or folder '{tmp_path}/a\\nb\\x1b.jpg': check the path\n"
    )


# Archives


def entry(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.PAX_FORMAT)


def make_archives(root: Path) -> dict[str, str]:
    """Fills a folder with archives; the key of each row with the status it should get."""
    data = photo()
    whole = entry("../../up\n.jpg", len(data)) + data + bytes(-len(data) % 512)
    passwd = entry("/etc/passwd", 0, tarfile.SYMTYPE)
    (root / "links.tar").write_bytes(whole + passwd + entry("cut.jpg", 1 << 40) + b"x")
    zeros = gzip.compress(bytes(32 << 20))
    (root / "zeros.tar.gz").write_bytes(gzip.compress(whole) + zeros * 30)
    (root / "claims.tar.gz").write_bytes(gzip.compress(entry("huge.jpg", 1 << 59)) + zeros * 30)
    (root / "names.tar").write_bytes((entry("x", 1 << 19, b"x") + bytes(1 << 19)) * 9 + whole)
    return {
        "claims.tar.gz": "unreadable",
        "claims.tar.gz/huge.jpg": "too_large",
        "links.tar//etc/passwd": "unsupported",
        "links.tar/../../up\n.jpg": "no_face",
        "links.tar/cut.jpg": "too_large",
        "names.tar": "unreadable",
        "names.tar/../../up\n.jpg": "no_face",
        "zeros.tar.gz/../../up\n.jpg": "no_face",
    }


def test_archives_of_traps(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    expected = make_archives(tmp_path / "in")
    job = extract(f"{tmp_path}/in/*.tar*", tmp_path / "out", "--set", "input.kind=tar")
    check_quiet(job)
    found = {re.sub(r"#\d+$", "", key): status for key, status in statuses(job).items()}
    assert found == expected | {"zeros.tar.gz": "unreadable"}
    check_sound(job)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "out"]


# A manifest


def test_a_manifest_that_names_secrets(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "in" / "photo.jpg").write_bytes(photo())
    os.mkfifo(tmp_path / "in" / "fifo")
    expected = {
        "photo.jpg": "no_face",
        "fifo": "unsupported",
        "/dev/zero": "unsupported",
        "file:///dev/random": "unsupported",
        "/proc/self/environ": "undecodable",
        "../secret": "unsupported",
        f"file://{tmp_path}/secret": "unsupported",
        "~/secret": "unreadable",
        "$HOME/secret": "unreadable",
        "ftp://127.0.0.1/secret": "unsupported",
        f"simplecache::file://{tmp_path}/secret": "unsupported",
        f"s3://b/k::file://{tmp_path}/secret": "unsupported",
        f"zip://x::{tmp_path}/secret": "unsupported",
        "memory://x": "unsupported",
        "github://o:r@/x": "unsupported",
    }
    rows: list[dict[str, Any]] = [{"uri": uri} for uri in expected]
    manifest = tmp_path / "in" / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = extract(manifest, tmp_path / "out")
    check_quiet(job)
    assert statuses(job) == expected
    check_sound(job)
