"""Names that somebody chose to break something: in every kind of input they are only names."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.engine.plans.members import members_of, table_of
from jobs.sources.settings import InputSettings
from jobs.sources.source import open_source
from tests.servers.object_store import ObjectStore

NAMES = [
    "line\nend.jpg",
    "return\r.jpg",
    "tab\t.jpg",
    "escape\x1b[2J\x07.jpg",
    "right\u202egpj.jpg",
    "\ufeffmark.jpg",
    "C:\\windows\\x.jpg",
    "a.tar/b.tar/c.jpg",
    "a.parquet#3",
    "%00%2e%2e%2f.jpg",
    "$HOME ~ `id` ${x}.jpg",
    "~",
    "-rf",
    "...",
    " ",
    "n" * 250,
    "/".join(["d" * 200] * 15),
]
# What no folder can hold, though an archive or a table can.
WILD = [
    "../up.jpg",
    "../../../../etc/passwd",
    "/etc/passwd",
    "a/../b.jpg",
    "a//b.jpg",
    ".",
    "..",
    "file:///etc/passwd",
    "s3://b/k.jpg",
    "n" * 4096,
    "nul\0.jpg",
]


def keys(url: object, **settings: object) -> list[str]:
    """The keys of all items; each item holds the key it should have."""
    source = open_source(str(url), InputSettings.model_validate(settings))
    members = list(source.list())
    assert members_of(table_of(members)) == members
    found = list(source.stream(members))
    for member, data in found:
        assert data == member.key.encode(), member
    # As the output stores them.
    column = pa.array([member.key for member, _ in found], pa.string())
    column.validate(full=True)
    return [member.key for member, _ in found]


def test_in_a_folder(tmp_path: Path) -> None:
    for name in NAMES:
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    assert keys(tmp_path / "in") == sorted(NAMES)


def test_as_the_input_itself(tmp_path: Path) -> None:
    for name in NAMES:
        if "/" not in name and "#" not in name:
            (tmp_path / name).write_bytes(name.encode())
            assert keys(tmp_path / name) == [name]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_in_a_tar(tmp_path: Path, format: int) -> None:
    names = [name for name in NAMES + WILD if "\0" not in name]  # `tarfile` ends them there
    with tarfile.open(tmp_path / "x.tar", "w", format=format) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name.encode())
            archive.addfile(info, io.BytesIO(name.encode()))
    assert keys(tmp_path / "x.tar") == names


def test_in_parquet(tmp_path: Path) -> None:
    names = NAMES + WILD
    table = {"image": pa.array([name.encode() for name in names]), "key": names}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    assert keys(tmp_path / "x.parquet") == names


def jsonl(file: Path, names: list[str], uris: list[str]) -> Path:
    rows = [{"uri": uri, "key": name} for name, uri in zip(names, uris, strict=True)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def parquet(file: Path, names: list[str], uris: list[str]) -> Path:
    pq.write_table(pa.table({"uri": uris, "key": names}), file)
    return file


@pytest.mark.parametrize(("write", "suffix"), [(jsonl, "jsonl"), (parquet, "parquet")])
def test_as_keys_of_a_manifest(
    tmp_path: Path, write: Callable[[Path, list[str], list[str]], Path], suffix: str
) -> None:
    names = [name for name in NAMES + WILD if "\0" not in name]
    uris = [f"{number}.jpg" for number in range(len(names))]
    for name, uri in zip(names, uris, strict=True):
        (tmp_path / uri).write_bytes(name.encode())
    assert keys(write(tmp_path / f"m.{suffix}", names, uris)) == names


def test_as_addresses_in_a_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("x", "secret")
    (tmp_path / "in").mkdir()
    for name in NAMES:
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    assert keys(jsonl(tmp_path / "in" / "m.jsonl", NAMES, NAMES)) == NAMES


def test_in_an_object_store(s3: ObjectStore) -> None:
    fs, url = s3.filesystem(), s3.folder()
    # S3 keys have 1,024 bytes at most, and the server under test knows no line ends.
    names = [name for name in NAMES if len(name) < 900 and "\n" not in name]
    for name in names:
        fs.pipe_file(f"{url}/{name}", name.encode())
    assert keys(url, storage_options=s3.options) == sorted(names)


def test_no_name_makes_a_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    test_in_a_tar(tmp_path / "in", tarfile.PAX_FORMAT)
    assert [file.name for file in tmp_path.rglob("*")] == ["in", "x.tar"]
