"""Proof that nothing of what was forgotten is in an output any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from jobs.engine.erasing.parts import touched
from jobs.engine.erasing.plans import planned_members
from jobs.engine.erasing.records import Records, of_faces
from jobs.engine.forgotten import Forgotten
from jobs.engine.lease.log import LogEntry
from jobs.engine.ledger.commits import read_commits
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan
from jobs.engine.records import RecordError
from jobs.storage.storage import Storage

_FIX = "run 'mtcnn-ray forget' on it again"


def not_forgotten(storage: Storage, entries: Sequence[LogEntry], done: Set[str]) -> Iterator[str]:
    """A sentence on each place that still names something that was forgotten.

    Every key, digest and face that stands anywhere is compared with the tombstones: in rows, in
    lists of rows, in the plan, in the records.

    Args:
        storage: The output.
        entries: Entries of its log.
        done: Shards with a commit record.
    """
    try:
        forgotten = Forgotten.read(storage)
    except RecordError as error:
        yield str(error)
        return
    if not forgotten:
        return
    heads = Heads.read(storage)
    [primary] = {report.primary for report in read_commits(storage, sorted(done)[:1])} or {""}
    for one in touched(storage, heads, primary, forgotten):
        count = one.rows.total() + one.entries
        yield f"{one.part.path} has {count:,} rows of what was forgotten; {_FIX}."
    plan = Plan(storage, heads.revisions())
    members = planned_members(storage, plan, heads, forgotten)
    for path in sorted(members.files | members.revisions):
        yield f"{path} has members that were forgotten; {_FIX}."
    records = Records(storage, forgotten, of_faces(storage, heads, primary), entries)
    for path in records.paths(done):
        yield f"{path} names what was forgotten; {_FIX}."
