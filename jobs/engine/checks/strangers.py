"""Files that no run leaves in an output, or that only a run that was killed does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

from jobs.engine.blame.traces import ATTEMPTS
from jobs.engine.checks.stored_plan import StoredPlan
from jobs.engine.forgotten import FORGOTTEN, is_of_forgotten
from jobs.engine.identity import JOB
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.log import LOG, entry_number
from jobs.engine.ledger.checkpoints import CHECKPOINTS, is_checkpoint
from jobs.engine.ledger.commits import COMMITS, QUARANTINE
from jobs.engine.ledger.ending import SUCCESS, SUMMARY
from jobs.engine.parts.names import shard_of
from jobs.engine.plans.index import PLAN, indexed
from jobs.engine.plans.revisions import is_revision
from jobs.engine.settled import SETTLED
from jobs.engine.shards import shard_number
from jobs.engine.staged import INDEX, STAGED, is_staged
from jobs.storage.storage import Storage

_JOB = "_job"
# Names of what an attempt at a shard leaves begin so.
_SHARD = re.compile(r"[0-9]+-[0-9]+")
_RECORDS = {JOB, SETTLED, SUMMARY}
_FOLDERS = (PLAN, COMMITS, QUARANTINE, ATTEMPTS, CLAIMS, LOG, CHECKPOINTS, FORGOTTEN, STAGED)


def strangers(
    storage: Storage, plan: StoredPlan, done: Set[str], parts: Mapping[str, Set[str]]
) -> Iterator[str]:
    """A sentence on each file or folder that does not belong where it is.

    What lies beside the tables and `_job` is the user's. While a run has the output, what it is
    writing is no stranger.

    Args:
        storage: The output.
        plan: Plan of the job.
        done: Shards with a commit record, when the plan was read, that can be read.
        parts: Output -> paths of the parts that commits name.
    """
    has_run = bool(storage.names(CLAIMS))
    for folder in ("", _JOB, *_FOLDERS, *parts):
        if not has_run:
            for path in storage.leftovers(folder):
                yield f"{path} was left by a run that was killed; run the job again."
        for path in (f"{folder}/{name}".lstrip("/") for name in storage.folders(folder)):
            if path == SUCCESS or (folder and path not in _FOLDERS):
                yield f"{path} is a folder that does not belong there."
    for name in storage.names(_JOB):
        if f"{_JOB}/{name}" not in _RECORDS:
            yield f"{_JOB}/{name} belongs to no job."
    for folder in (COMMITS, QUARANTINE):
        for name in storage.names(folder):
            shard = name.removesuffix(".json")
            if name == shard or shard_number(shard) is None:
                yield f"{folder}/{name} is the record of no shard."
    for name in () if has_run else storage.names(ATTEMPTS):
        found = _SHARD.match(name)
        if found is None or found[0] not in plan:
            yield f"{ATTEMPTS}/{name} belongs to no shard."
    for name in storage.names(LOG):
        if entry_number(name) is None:
            yield f"{LOG}/{name} is no entry of the log."
    for name in storage.names(FORGOTTEN):
        if not is_of_forgotten(name):
            yield f"{FORGOTTEN}/{name} is no tombstone."
    for name in storage.names(CHECKPOINTS):
        if not is_checkpoint(name):
            yield f"{CHECKPOINTS}/{name} is no checkpoint."
    for path in (f"{STAGED}/{name}" for name in storage.names(STAGED)):
        if not is_staged(path.rpartition("/")[2]):
            yield f"{path} was staged by no run."
        elif path != INDEX and not has_run and storage.exists(SUCCESS):
            yield f"{path} was left by a run that was killed; run the job again."
    yield from _in_plan(storage, plan, has_run)
    for output, paths in parts.items():
        yield from _in_output(storage, output, paths, plan, done, has_run)


def _in_plan(storage: Storage, plan: StoredPlan, has_run: bool) -> Iterator[str]:
    if plan.problems:  # whose a file is cannot be told
        return
    known = plan.paths()
    for name in storage.names(PLAN):
        path = f"{PLAN}/{name}"
        is_growing = name.startswith("generation-") and (
            has_run or len(indexed(storage)) > plan.generations
        )
        is_growing |= has_run and is_revision(name)
        if path not in known and not is_growing:
            yield f"{path} belongs to no generation of the plan."


def _in_output(
    storage: Storage,
    output: str,
    paths: Set[str],
    plan: StoredPlan,
    done: Set[str],
    has_run: bool,
) -> Iterator[str]:
    for name in storage.names(output):
        path = f"{output}/{name}"
        if path in paths:
            continue
        shard = shard_of(name)
        # A shard that is not done yet, or has been planned since, may have its part already; and
        # a part may be about to take the place of others.
        if shard and shard in plan and (has_run or shard not in done):
            continue
        if shard and _is_new(storage, shard, plan):
            continue
        yield f"{path} belongs to no commit."


def _is_new(storage: Storage, shard: str, plan: StoredPlan) -> bool:
    number = shard_number(shard)
    return number is not None and plan.generations <= number[0] < len(indexed(storage))
