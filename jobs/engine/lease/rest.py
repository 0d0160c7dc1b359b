"""Whether an output is at rest, so that a driver with nothing to do need not touch it."""

from __future__ import annotations

from jobs.engine.errors import UserError
from jobs.engine.exchange.journal import change_under_way
from jobs.engine.files.storage import Storage
from jobs.engine.lease.claims import CLAIMS
from jobs.engine.lease.lease import Lease
from jobs.engine.plans.plan import Plan
from jobs.engine.status import SUCCESS


def is_at_rest(storage: Storage) -> bool:
    """Whether no driver has an output, and none has left anything half done there."""
    leftovers = (path for folder in (CLAIMS, "_job") for path in storage.leftovers(folder))
    return not (storage.names(CLAIMS) or change_under_way(storage) or any(leftovers))


def is_finished(storage: Storage) -> bool:
    """Whether an output is at rest and its job was complete when it came to rest."""
    return storage.exists(SUCCESS) and is_at_rest(storage)


def take_late(lease: Lease, storage: Storage, plan: Plan) -> None:
    """Takes the lease of an output that was finished, now that there is something to write.

    Raises:
        UserError: Another run has it, or had it since the plan was read.
    """
    if lease.held:
        return
    lease.take()
    if Plan(storage).generations != plan.generations or not storage.exists(SUCCESS):
        raise UserError(
            f"Another run has added to '{storage.url}' meanwhile; run the same command again."
        )
