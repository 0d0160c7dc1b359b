"""What a job left behind, as bytes and as rows."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


@dataclass(frozen=True)
class Finished:
    """A job that ran to its end.

    Attributes:
        output: Its dataset.
        done: How the command ended.
    """

    output: Path
    done: subprocess.CompletedProcess[str]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return rows(self.output, table)


def rows(output: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table, in the order of the shards."""
    return [
        row
        for file in sorted((output / table).glob("part-*.parquet"))
        for row in pq.ParquetFile(file).read().to_pylist()
    ]


def digests(output: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every Parquet part."""
    return {
        str(file.relative_to(output)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(output.glob("*/part-*.parquet"))
    }


def contents(output: Path) -> dict[str, list[str]]:
    """Table -> SHA-256 of its parts in order, whatever they are called."""
    found: dict[str, list[str]] = {}
    for path, digest in digests(output).items():
        found.setdefault(path.partition("/")[0], []).append(digest)
    return found


def logged(output: Path) -> list[dict[str, Any]]:
    """The entries of the log."""
    entries = sorted((output / "_job" / "log").glob("*.json"))
    return [json.loads(entry.read_text(encoding="utf-8")) for entry in entries]


def committed(output: Path) -> set[str]:
    """Shards with a commit record."""
    return {file.stem for file in (output / "_job" / "commits").glob("*.json")}


def commits(output: Path) -> list[dict[str, Any]]:
    """The commit records."""
    files = sorted((output / "_job" / "commits").glob("*.json"))
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def planned(output: Path) -> int:
    """Number of shards in all generations of the plan."""
    files = (output / "_job" / "plan").glob("*.json")
    return sum(json.loads(file.read_text(encoding="utf-8"))["shards"] for file in files)


def everything(output: Path) -> dict[str, tuple[int, int, int]]:
    """Relative path -> inode, modification time and size of every file and folder."""
    return {
        str(path.relative_to(output)): (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        for path in sorted(output.rglob("*"))
        if (stat := path.stat())
    }


def files(output: Path) -> list[str]:
    """Relative path of every file, whatever its name."""
    return sorted(str(path.relative_to(output)) for path in output.rglob("*") if not path.is_dir())


def files_but_log(output: Path) -> list[str]:
    """The same without what tells how often a driver has begun: its entries, and their numbers."""
    paths = [path for path in files(output) if not path.startswith("_job/log/")]
    return [re.sub(r"(generation-\d+|part-\d+-\d+)\.\d+(~\d+)?", r"\1", path) for path in paths]
