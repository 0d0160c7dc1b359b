"""Finished outputs of the stand-in job, made in this process without Ray."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs.engine.identity import Identity
from jobs.engine.parts.names import shard_of
from jobs.engine.plans.plan import Plan
from jobs.engine.records import SEAL, sealed
from jobs.engine.reports import ShardReport
from jobs.engine.settings import ShardSizes
from jobs.engine.workers.worker import Worker
from jobs.storage.storage import Storage
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

IDENTITY = Identity({"detect": {"min_face": 20}}, "digest", packages={"pyarrow": "0"}, input="in")


def plan_folder(output: Path, folder: Path, sizes: ShardSizes | None = None) -> Plan:
    """The plan of an output, extended by the files of a folder."""
    storage = Storage(str(output))
    IDENTITY.write(storage)
    plan = Plan(storage)
    plan.extend(list_folder(folder), sizes or ShardSizes())
    return plan


def start_worker(output: Path, job: ChecksumJob | None = None) -> Worker:
    """A worker in this process."""
    worker = Worker(str(output), {}, ["pyarrow"])
    worker.start(pickle.dumps(job or ChecksumJob()))
    return worker


def finished_output(tmp_path: Path, members: int = 20) -> Path:
    """An output with every shard committed."""
    output = tmp_path / "out"
    plan = plan_folder(output, make_folder(tmp_path / "in", members))
    worker = start_worker(output)
    for spec in plan.shards():
        assert isinstance(worker.run(spec), ShardReport)
    return output


def edit_record(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Changes a record, and its digest with it."""
    record = json.loads(path.read_text(encoding="utf-8"))
    del record[SEAL]
    edit(record)
    path.write_bytes(sealed(record))


def part_digests(output: Path) -> dict[str, str]:
    """Output and first shard -> SHA-256, of all Parquet parts, whatever else is in their names."""
    found: dict[str, str] = {}
    for path in sorted(output.glob("*/part-*.parquet")):
        name = f"{path.parent.name}/{shard_of(path.name)}"
        assert name not in found, f"{path} is one too many"
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
