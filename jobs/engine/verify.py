"""Proof that an output is complete and undamaged: every commit record against its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.engine.commit import committed, quarantined, read_commits
from jobs.engine.errors import UserError
from jobs.engine.plan import Plan
from jobs.engine.shards import PartReport, ShardReport, ShardSpec
from jobs.engine.storage import Storage

# Hashing releases the interpreter's lock, and remote storage answers several at once.
_THREADS = 8
_BLOCK_BYTES = 2**22


def verify(output: str, options: Mapping[str, Any] | None = None) -> list[str]:
    """Checks an output against its plan and commit records; changes nothing.

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
    done = committed(storage)
    given_up = quarantined(storage)
    unplanned = sorted(done - set(plan))
    problems = [f"Shard {shard} is committed but not planned." for shard in unplanned]
    for shard in sorted(set(plan) - done):
        why = "in quarantine" if shard in given_up else "not done yet"
        problems.append(f"Shard {shard} is {why}.")
    reports = list(read_commits(storage, sorted(done.intersection(plan))))
    specs = [plan[report.shard] for report in reports]
    with ThreadPoolExecutor(_THREADS) as threads:
        for found in threads.map(partial(_check, storage), specs, reports):
            problems.extend(found)
    problems.extend(_strangers(storage, reports))
    return problems


def _check(storage: Storage, spec: ShardSpec, report: ShardReport) -> list[str]:
    problems = []
    if spec.members is not None and report.members != spec.members:
        problems.append(
            f"The commit of shard {spec.shard} has {report.members} members, "
            f"the plan {spec.members}."
        )
    if sum(report.statuses.values()) != report.members:
        problems.append(f"The statuses of shard {spec.shard} do not add up to its members.")
    if report.rows.get(report.primary) != report.members:
        problems.append(
            f"Shard {spec.shard} has {report.rows.get(report.primary)} rows in "
            f"'{report.primary}' for {report.members} members."
        )
    for part in report.parts.values():
        problems.extend(_check_part(storage, part))
    return problems


def _check_part(storage: Storage, part: PartReport) -> Iterator[str]:
    if not storage.exists(part.path):
        yield f"{part.path} is missing."
        return
    digest = hashlib.sha256()
    size = 0
    with storage.open(part.path) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
        if size != part.bytes:
            yield f"{part.path} has {size} bytes instead of {part.bytes}."
            return
        if digest.hexdigest() != part.sha256:
            yield f"{part.path} has other content than was committed (SHA-256 differs)."
            return
        file.seek(0)
        try:
            rows = pq.ParquetFile(file).metadata.num_rows
        except pa.ArrowException as error:
            yield f"{part.path} is not a Parquet file ({error})."
            return
    if rows != part.rows:
        yield f"{part.path} has {rows} rows instead of {part.rows}."


def _strangers(storage: Storage, reports: list[ShardReport]) -> Iterator[str]:
    expected = {part.path for report in reports for part in report.parts.values()}
    folders = {path.rpartition("/")[0] for path in expected}
    for folder in sorted(folders):
        for name in storage.names(folder):
            if f"{folder}/{name}" not in expected:
                yield f"{folder}/{name} belongs to no commit."
