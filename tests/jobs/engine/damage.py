"""What can happen to the files of an output; each tells what it did, None if it could not."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.jobs.engine.outputs import edit_record

Rng = np.random.Generator


def files(output: Path) -> set[str]:
    return {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}


def flip(output: Path, path: str, rng: Rng) -> str | None:
    data = bytearray((output / path).read_bytes())
    if not data:
        return None
    place, change = int(rng.integers(len(data))), int(rng.integers(1, 256))
    data[place] ^= change
    (output / path).write_bytes(data)
    return f"byte {place} of {len(data)} changed by {change}"


def truncate(output: Path, path: str, rng: Rng) -> str | None:
    data = (output / path).read_bytes()
    if not data:
        return None
    size = int(rng.integers(len(data)))
    (output / path).write_bytes(data[:size])
    return f"{size} of {len(data)} bytes left"


def append(output: Path, path: str, rng: Rng) -> str | None:
    data = (output / path).read_bytes()
    if not data:
        return None
    more = rng.bytes(int(rng.integers(1, 9)))
    (output / path).write_bytes(data + more)
    return f"{more!r} appended"


def empty(output: Path, path: str, rng: Rng) -> str | None:
    if not (output / path).stat().st_size:
        return None
    (output / path).write_bytes(b"")
    return "emptied"


def remove(output: Path, path: str, rng: Rng) -> str:
    (output / path).unlink()
    return "removed"


def make_a_folder(output: Path, path: str, rng: Rng) -> str:
    (output / path).unlink()
    (output / path).mkdir()
    return "a folder instead"


def overwrite(output: Path, path: str, rng: Rng) -> str | None:
    mine = (output / path).read_bytes()
    others = sorted(other for other in files(output) if (output / other).read_bytes() != mine)
    other = str(rng.choice(others))
    if not mine:
        return None
    shutil.copy(output / other, output / path)
    return f"overwritten with {other}"


def duplicate(output: Path, path: str, rng: Rng) -> str | None:
    if "/" not in path:
        return None  # the user's place
    target = (output / path).with_name(f"x{(output / path).name}")
    shutil.copy(output / path, target)
    return f"copied to {target.name}"


def duplicate_as_next(output: Path, path: str, rng: Rng) -> str | None:
    """Under a name such as a run would give."""
    target = output / path.replace("000-000000", "000-000007").replace("n-000", "n-001")
    if path.startswith("_job/log/"):
        target = target.with_name(f"{int(target.stem) + 1:08d}.json")
    if target.exists():
        return None
    shutil.copy(output / path, target)
    return f"copied to {target.name}"


def sink(output: Path, path: str, rng: Rng) -> str | None:
    if "/" not in path:
        return None
    folder = (output / path).parent / "sub"
    folder.mkdir()
    shutil.copy(output / path, folder)
    return "copied to a sub-folder"


EVERYWHERE = [
    flip,
    truncate,
    append,
    empty,
    remove,
    make_a_folder,
    overwrite,
    duplicate,
    duplicate_as_next,
    sink,
]


def swap_files(folder: str) -> Callable[[Path, Rng], str | None]:
    def swap(output: Path, rng: Rng) -> str | None:
        paths = sorted(path for path in (output / folder).iterdir() if path.is_file())
        if len(paths) < 2:
            return None
        one, other = rng.choice(len(paths), 2, replace=False)
        data = [paths[index].read_bytes() for index in (one, other)]
        paths[one].write_bytes(data[1])
        paths[other].write_bytes(data[0])
        return f"{paths[one].name} and {paths[other].name} swapped" if data[0] != data[1] else None

    swap.__name__ = f"swap_in_{folder.rpartition('/')[2]}"
    return swap


def swap_all_of_two_shards(output: Path, rng: Rng) -> str | None:
    if not (output / "files/part-000-000001.parquet").exists():
        return None
    for name in ("files", "lines"):
        exchange(output, name)
    return "parts and what the commits say of them swapped"


def lose_a_shard(output: Path, rng: Rng) -> str:
    for path in sorted(files(output)):
        if "000-000001." in path:
            (output / path).unlink()
    return "shard 000-000001 removed"


def lose_a_summary(output: Path, rng: Rng) -> str:
    (output / "_job/summary.json").unlink()
    return "summary removed"


def tell_another_summary(output: Path, rng: Rng) -> str:
    edit_record(
        output / "_job/summary.json", lambda record: record["status"].update(members_done=39)
    )
    return "summary counts other members"


ONCE = [
    *map(swap_files, ("files", "lines", "_job/commits", "_job/plan", "_job/log", "_job")),
    swap_all_of_two_shards,
    lose_a_shard,
    lose_a_summary,
    tell_another_summary,
]


def exchange(output: Path, name: str) -> None:
    """Swaps the parts of two shards, and what the commits say of them."""
    commits = [output / f"_job/commits/000-00000{number}.json" for number in (0, 1)]
    parts = [json.loads(commit.read_text())["parts"][name] for commit in commits]
    paths = [output / part["path"] for part in parts]
    data = [path.read_bytes() for path in paths]
    for index, other in ((0, 1), (1, 0)):
        paths[index].write_bytes(data[other])
        set_part(commits[index], name, {**parts[other], "path": parts[index]["path"]})


def rewrite_part(output: Path, path: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Changes the rows of a part that no other shard shares, and what its commit says of it."""
    table = change(pq.ParquetFile(output / path).read())
    pq.write_table(table, output / path)
    data = (output / path).read_bytes()
    name, _, file = path.partition("/")
    shard = file.removeprefix("part-").removesuffix(".parquet")
    part = {
        "path": path,
        "rows": table.num_rows,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    set_part(output / f"_job/commits/{shard}.json", name, part)


def set_part(commit: Path, name: str, part: dict[str, Any]) -> None:
    """Changes what a commit says of a part, wherever it says it."""

    def edit(record: dict[str, Any]) -> None:
        record["parts"][name] = part
        record["rows"][name] = part["rows"]

    edit_record(commit, edit)
