"""Proof that an output is complete and undamaged: every record against its files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import chain
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from jobs.engine.checks.commits import CommitsCheck, Counted
from jobs.engine.checks.ending import check_ending, check_schema, stored_identity
from jobs.engine.checks.not_forgotten import not_forgotten
from jobs.engine.checks.repeated import repeated_keys
from jobs.engine.checks.shards import PartsCheck
from jobs.engine.checks.stored_plan import Planned, StoredPlan
from jobs.engine.checks.strangers import strangers
from jobs.engine.driver.status import STOPPED_FORGET, STOPPED_RETRY
from jobs.engine.forgotten import is_forgetting
from jobs.engine.identity import JOB, read_identity
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.checkpoints import CHECKPOINTS
from jobs.engine.ledger.commits import committed, failure_path, parse_failure, quarantined
from jobs.engine.ledger.ending import SUCCESS
from jobs.engine.ledger.heads import Heads
from jobs.engine.records import RecordError
from jobs.engine.settled import read_settled
from jobs.engine.shards import shard_number
from jobs.engine.staged import check_index
from jobs.messages.bar import bar
from jobs.messages.errors import NotNowError, UserError
from jobs.storage.storage import Storage


def verify(
    output: str,
    options: Mapping[str, Any] | None = None,
    *,
    failed_statuses: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> list[str]:
    """Checks an output against its plan and its records; changes nothing.

    What the records count and hash is counted and hashed again, from the files alone: sizes,
    digests, schemas, rows and statuses; the keys of the primary rows are those of the plan, as
    far as it knows them, and no key comes twice; and where the primary output has a column
    `num_<output>`, the rows of that output are as many of each item, in the order of the items.
    Each file is read once, however many shards share it.

    A run may be writing: shards that are not done yet are told, and nothing of what is in the
    making is taken for damage. While a retry or a forget waits to be finished, that is all there is
    to say. Where something was forgotten, nothing of it may be anywhere.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
        failed_statuses: Job -> statuses that count as failed; of a job that is not there those
            counts are not checked.

    Returns:
        What is wrong, a sentence each; empty if nothing is.

    Raises:
        UserError: There is no job in the output, or it cannot be read.
    """
    storage = Storage(output, options)
    problems: list[str] = []
    with contextlib.suppress(RecordError):  # it is told below, if it is still so then
        read_identity(storage)  # first: a newer version writes other records
    entries = _log(storage, problems)
    # In this order, since a run may be under way: what is marked is committed, what is committed
    # is planned.
    was_marked = storage.exists(SUCCESS)
    done = committed(storage)
    plan = StoredPlan(storage)
    if not (plan.generations or done or storage.exists(JOB)):
        raise UserError(f"there is no job in '{output}': check the path")
    problems += plan.problems
    if not plan.generations:
        problems.append("Nothing is planned: the run is listing its input, or the plan is gone.")
    identity = stored_identity(storage, problems)
    problems += _unplanned(plan, done)
    given_up, damaged = _given_up(storage)
    problems += damaged

    def schema_problems(path: str, schema: pa.Schema) -> Iterable[str]:
        return check_schema(path, schema, identity) if identity else ()

    failed = failed_statuses.get(identity.job) if identity else None
    commits = CommitsCheck(storage, plan, entries, failed, problems.append)
    with bar("verifying", "shards", len(plan)) as advance:
        parts = PartsCheck(storage, schema_problems, advance)
        planned = chain(plan.shards(problems.append), _of_unknown_plan(plan, done))
        is_done = _committed_of(planned, done, given_up, problems.append)
        for problem in parts.run(commits.run(is_done)):  # while others are told
            problems.append(problem)
    problems += repeated_keys(storage, parts.keys, parts.of_items)
    problems += _damaged_records(storage)
    problems += strangers(storage, plan, done - commits.unread, parts.parts)
    left = len(plan) - sum(plan.is_known(shard) for shard in done if shard in plan)
    later = _log(storage, [])
    last = later[-1] if later else None
    problems += check_ending(storage, len(plan), left, commits.tally, last, was_marked)
    if commits.stale:
        problems = [STOPPED_RETRY]
    if is_forgetting(storage):
        problems = [STOPPED_FORGET]
    if not problems:  # else a record may be damaged, and then they cannot be compared
        problems += _of_checkpoints(storage, commits.tally)
        problems += not_forgotten(storage, entries, done)
    if problems and any(entry.kind == "change" for entry in later[len(entries) :]):
        return ["Another command has changed this output meanwhile; verify again."]
    return problems


def _log(storage: Storage, problems: list[str]) -> list[LogEntry]:
    """All entries of the log, or as many as can be read."""
    entries: list[LogEntry] = []
    try:
        entries.extend(Log(storage).after(0))
    except NotNowError:  # no problem of the output
        raise
    except UserError as error:
        problems.append(str(error))
    return entries


def _of_checkpoints(storage: Storage, tally: Counted) -> Iterator[str]:
    heads = Heads.read(storage)
    fix = f"delete the folder {CHECKPOINTS}, which the next run makes anew"
    if not heads.has_checkpoints:
        yield f"A file in {CHECKPOINTS} is damaged or missing; {fix}."
        return
    told = heads.tally()
    if len(heads) == tally.shards_done and (
        told.members,
        told.failed,
        told.statuses,
        told.rows,
    ) != (
        tally.members_done,
        tally.failed,
        dict(tally.statuses),
        dict(tally.rows),
    ):
        yield f"What is in {CHECKPOINTS} is not what the records say; {fix}."


def _damaged_records(storage: Storage) -> Iterator[str]:
    for check in (check_index, read_settled):
        try:
            check(storage)
        except RecordError as error:
            yield str(error)


def _unplanned(plan: StoredPlan, done: Set[str]) -> list[str]:
    shards = sorted(shard for shard in done if shard_number(shard) and shard not in plan)
    return [f"Shard {shard} is committed but not planned." for shard in shards]


def _given_up(storage: Storage) -> tuple[set[str], list[str]]:
    """The shards in quarantine, and what is wrong with their records."""
    shards = {shard for shard in quarantined(storage) if shard_number(shard)}
    problems = []
    for shard in sorted(shards):
        try:
            parse_failure(storage.read_bytes(failure_path(shard)), shard)
        except FileNotFoundError:
            continue  # it has been committed since
        except RecordError as error:
            problems.append(str(error))
    return shards, problems


def _of_unknown_plan(plan: StoredPlan, done: Set[str]) -> Iterator[Planned]:
    """Committed shards whose generation cannot be read: their files can be checked all the same."""
    shards = (shard for shard in done if shard in plan and not plan.is_known(shard))
    return map(Planned, sorted(shards, key=lambda shard: shard_number(shard) or (0, 0)))


def _committed_of(
    planned: Iterable[Planned], done: Set[str], given_up: Set[str], tell: Callable[[str], None]
) -> Iterator[Planned]:
    for each in planned:
        if each.shard in done:
            yield each
        elif each.shard in given_up:
            tell(f"Shard {each.shard} is in quarantine.")
        else:
            tell(f"Shard {each.shard} is not done yet.")
