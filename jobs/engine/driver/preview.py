"""What the next run would do, without doing it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.engine.driver.progress import Reporter
from jobs.engine.driver.run import extend_plan
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import after_change
from jobs.engine.forgotten import Forgotten
from jobs.engine.identity import Identity
from jobs.engine.interrupts import interrupts
from jobs.engine.job import Labels
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_finished
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans.generation import cut_into_shards, items_in
from jobs.engine.plans.growth import Growth, News
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.settings import RunSettings
from jobs.members import Member, Origin
from jobs.storage.storage import Storage

_EXAMPLES = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preview:
    """Work to be done.

    Attributes:
        growth: What is new in the input.
        shards: Shards to be done, planned before or now.
        items: Items in them; None where only reading them tells.
        bytes: Known sizes of their members.
        examples: A few of their members, from all over them.
    """

    growth: Growth
    shards: int
    items: int | None
    bytes: int
    examples: list[Member]


def preview(
    members: Iterable[Member],
    output: str,
    settings: RunSettings,
    identity: Identity,
    *,
    store: bool,
    inputs: Sequence[Origin] = (),
    labels: Labels = Labels(),  # noqa: B008 - frozen
    options: Mapping[str, Any] | None = None,
) -> Preview:
    """Plans what is new in an input and tells what is to be done; starts no worker.

    Args:
        members: The whole input.
        output: Local path or fsspec URL.
        settings: Settings of the run to come.
        identity: What determines the output.
        store: Whether the plan is stored; otherwise nothing is written.
        inputs: Names of the input, as for :func:`jobs.engine.driver.run.run`.
        labels: What to call things when reporting progress.
        options: Keyword arguments of the output's fsspec file system.

    Raises:
        UserError: Something the user has to change.
        Interrupted: SIGINT or SIGTERM.
    """
    storage = Storage(output, options)
    with interrupts(), Reporter(labels, settings.line_every_s) as reporter:
        if store:
            with Lease(storage) as lease:
                for warning in identity.check(storage):
                    _log.warning(warning)
                ledger = Ledger(storage, lease)
                if not ledger.is_new and not is_finished(storage):
                    ledger.begin()
                plan, growth, _ = extend_plan(
                    storage, members, settings, identity, reporter, ledger, inputs
                )
                if ledger.epoch:
                    ledger.end(
                        lambda heads: after_change(storage, take_stock(storage, plan, heads))
                    )
            return _of_plan(storage, plan, ledger.heads, growth)
        identity.check(storage)
        heads = Heads.read(storage)
        plan = Plan(storage, heads.revisions())
        known = _of_plan(storage, plan, heads, Growth())
        news = News(plan.planned, inputs or [Origin(identity.input)])
        members = Forgotten.read(storage).without(members)
        examples = _Examples()
        shards = size = items = 0
        for shard in cut_into_shards(news.among(members, reporter.listed), settings.shards):
            count = items_in(shard)
            items = -1 if min(count, items) < 0 else items + count
            shards += 1
            size += sum(member.size or 0 for member in shard)
            for member in shard:
                examples.add(member)
        news.check()
        growth = news.growth(max(items, 0))
    total = None if items < 0 or known.items is None else items + known.items
    return Preview(
        growth, shards + known.shards, total, size + known.bytes, known.examples + examples.kept
    )


def _of_plan(storage: Storage, plan: Plan, heads: Heads, growth: Growth) -> Preview:
    left = np.flatnonzero(~heads.which(plan))
    items = plan.items[left]
    reader = PlanReader(storage)
    examples: list[Member] = []
    for index in left[_spread(len(left), _EXAMPLES)]:
        members = reader.members(plan.shard(int(index)))
        examples += [members[i] for i in _spread(len(members), -(-_EXAMPLES // len(left)))]
    return Preview(
        growth,
        len(left),
        None if (items < 0).any() else int(items.sum()),
        int(plan.sizes[left].sum()),
        examples,
    )


def _spread(length: int, count: int) -> npt.NDArray[np.intp]:
    """Indices at even distances."""
    return np.linspace(0, length - 1, min(length, count)).astype(np.intp)


class _Examples:
    """Members at even distances of a stream of unknown length."""

    def __init__(self) -> None:
        self.kept: list[Member] = []
        self._seen = 0
        self._step = 1

    def add(self, member: Member) -> None:
        if self._seen % self._step == 0:
            self.kept.append(member)
        self._seen += 1
        if len(self.kept) > _EXAMPLES:
            self.kept = self.kept[::2]
            self._step *= 2
