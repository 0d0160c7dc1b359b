"""Proof that an output is complete and undamaged: every commit record against its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.commit import committed, quarantined, read_commits
from jobs.engine.digest import digest
from jobs.engine.errors import UserError
from jobs.engine.journal import JOURNAL
from jobs.engine.plan import Plan
from jobs.engine.shards import PartReport, ShardReport, ShardSpec, rows_shared
from jobs.engine.storage import Storage

# Hashing releases the interpreter's lock, and remote storage answers several at once.
_THREADS = 8


def verify(output: str, options: Mapping[str, Any] | None = None) -> list[str]:
    """Checks an output against its plan and commit records; changes nothing.

    Each file is read once, however many shards share it. While a compaction is under way or waits
    to be finished, that is all there is to say.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.

    Returns:
        What is wrong, a sentence each; empty if nothing is.

    Raises:
        UserError: There is no job in the output.
    """
    storage = Storage(output, options)
    plan = {spec.shard: spec for spec in Plan(storage).shards()}
    if not plan:
        raise UserError(f"There is no job in '{output}'; check the path.")
    if storage.exists(JOURNAL):
        return ["A compaction is under way or was killed; wait for it, or run it or the job again."]
    done = committed(storage)
    given_up = quarantined(storage)
    unplanned = sorted(done - set(plan))
    problems = [f"Shard {shard} is committed but not planned." for shard in unplanned]
    for shard in sorted(set(plan) - done):
        why = "in quarantine" if shard in given_up else "not done yet"
        problems.append(f"Shard {shard} is {why}.")
    reports = list(read_commits(storage, sorted(done.intersection(plan))))
    files: dict[str, list[PartReport]] = {}
    for report in reports:
        problems.extend(_check_shard(plan[report.shard], report))
        for part in report.parts.values():
            files.setdefault(part.path, []).append(part)
    with ThreadPoolExecutor(_THREADS) as threads:
        checks = threads.map(lambda parts: list(_check_file(storage, parts)), files.values())
        for found in checks:
            problems.extend(found)
    problems.extend(_strangers(storage, files))
    return problems


def _check_shard(spec: ShardSpec, report: ShardReport) -> Iterator[str]:
    if spec.members is not None and report.members != spec.members:
        yield (
            f"The commit of shard {spec.shard} has {report.members} members, "
            f"the plan {spec.members}."
        )
    if sum(report.statuses.values()) != report.members:
        yield f"The statuses of shard {spec.shard} do not add up to its members."
    if report.rows.get(report.primary) != report.members:
        yield (
            f"Shard {spec.shard} has {report.rows.get(report.primary)} rows in "
            f"'{report.primary}' for {report.members} members."
        )


def _check_file(storage: Storage, parts: Sequence[PartReport]) -> Iterator[str]:
    """Checks a file against the commits of the shards whose rows are in it, in plan order."""
    path, size, sha256 = parts[0].path, parts[0].bytes, parts[0].sha256
    if any((part.bytes, part.sha256) != (size, sha256) for part in parts):
        yield f"The commits that share {path} disagree about its content."
        return
    if not storage.exists(path):
        yield f"{path} is missing."
        return
    with storage.open(path) as file:
        found_sha256, found_size = digest(file)
        if found_size != size:
            yield f"{path} has {found_size} bytes instead of {size}."
            return
        if found_sha256 != sha256:
            yield f"{path} has other content than was committed (SHA-256 differs)."
            return
        file.seek(0)
        try:
            found_rows = pq.ParquetFile(file).metadata.num_rows
        except pa.ArrowException as error:
            yield f"{path} is not a Parquet file ({error})."
            return
    rows = rows_shared(parts)
    if rows is None:
        yield f"The commits that share {path} leave out some of its rows or count them twice."
    elif found_rows != rows:
        yield f"{path} has {found_rows} rows instead of {rows}."


def _strangers(storage: Storage, expected: Mapping[str, object]) -> Iterator[str]:
    folders = {path.rpartition("/")[0] for path in expected}
    for folder in sorted(folders):
        for name in storage.names(folder):
            if f"{folder}/{name}" not in expected:
                yield f"{folder}/{name} belongs to no commit."
