"""A training from its first record to its last, held by one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from jobs.engine.identity import Identity
from jobs.engine.interrupts import Interrupts, interrupts
from jobs.engine.lease.lease import Lease
from jobs.storage.storage import Storage
from jobs.training.summary import AnySummary, read_summary

# What a first signal leaves to the step in hand, and to its checkpoint.
GRACE_S = 60.0

_log = logging.getLogger(__name__)


def drive(
    storage: Storage,
    identity: Identity,
    kind: type[AnySummary],
    learn: Callable[[Interrupts, Lease], None],
    conclude: Callable[[], AnySummary],
    prepare: Callable[[], None] = lambda: None,
) -> AnySummary:
    """Learns and concludes, unless that was done; the same call goes on where it was stopped.

    Args:
        storage: The output.
        identity: What determines it.
        kind: How such a training ends.
        learn: Learns to the end.
        conclude: Writes what was made, and tells how it ended.
        prepare: Called before anything is written, unless it has ended; raises where settings or
            input do not do, so that the output can still be made with others.

    Raises:
        jobs.messages.errors.UserError: The output is of another job, or of other settings.
        jobs.messages.errors.NotNowError: Another training writes there.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
    """
    with interrupts() as signals, Lease(storage) as lease:
        for warning in identity.check(storage):
            _log.warning(warning)
        if (ended := read_summary(storage, kind)) is not None:
            return ended
        prepare()
        lease.take()
        identity.write(storage)
        learn(signals, lease)
        lease.check()
        summary = conclude()
        lease.check()
        summary.write(storage)
    return summary
