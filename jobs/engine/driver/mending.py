"""What a run does about shards that are committed: lost parts, and members that changed or went."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobs.engine.driver.again import Again, Processing
from jobs.engine.driver.working import Working
from jobs.engine.plans.changes import Changes
from jobs.engine.plans.growth import Growth
from jobs.engine.plans.members import Planned
from jobs.engine.plans.plan import Plan
from jobs.engine.plans.revisions import write_revisions
from jobs.engine.settings import RunSettings
from jobs.members import Member
from jobs.messages.plain_text import plain

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mended:
    """What became of committed shards.

    Attributes:
        processed: Items that were processed again.
        dropped: Members that were left out.
        given_up: Shards that stay as they were, although there was something to do.
    """

    processed: int = 0
    dropped: int = 0
    given_up: int = 0


def wants_change(growth: Growth, settings: RunSettings) -> bool:
    """Whether what has changed, or is gone, is to be acted on."""
    redo = growth.changed and settings.changed == "redo"
    return bool(redo or (growth.gone and settings.gone == "drop"))


def tell(growth: Growth, settings: RunSettings, members: str) -> None:
    """Warns of members that are not what they were; `members` is what to call them."""
    if growth.moved:
        _log.warning(
            "%s %s are planned already from another input; by size and time they are the same.",
            f"{growth.moved:,}",
            members,
        )
    redo, drop = settings.changed == "redo", settings.gone == "drop"
    if growth.changed:
        stays = "what was found in them before stays: --changed redo reads them again"
        _log.warning(
            "%s of the planned %s have changed since, such as %s; %s.",
            f"{growth.changed:,}",
            members,
            _named(growth.changed_keys),
            "they are read again" if redo else stays,
        )
    if growth.gone and settings.gone != "keep":
        stays = "their rows stay: --gone drop leaves them out"
        _log.warning(
            "%s of the planned %s are not in the input any more, such as %s; %s.",
            f"{growth.gone:,}",
            members,
            _named(growth.gone_keys),
            "they lose their rows" if drop else stays,
        )


def mend(driver: Working, plan: Plan, lost: Sequence[str], changes: Changes | None) -> Mended:
    """Does what is in lost parts once more, and gives shards the members that they are to have.

    Args:
        driver: A driver that has begun.
        plan: The plan as it was before.
        lost: Paths of parts that are missing or damaged.
        changes: What the listing says of the members; None where that is not to be acted on.
    """
    heads, settings = driver.ledger.heads, driver.settings
    chosen: dict[str, Again] = {}
    if lost:
        shards = heads.with_files(lost)
        _log.warning(
            "Parts are missing or damaged (%s, such as '%s'): what was in them is done once more "
            "(shards: %s).",
            f"{len(lost):,}",
            lost[0],
            f"{len(shards):,}",
        )
        items = plan.items[plan.which(shards)].tolist()
        for shard, count in zip(shards, items, strict=True):
            chosen[shard] = Again(None if count < 0 else count, whole=True)
    dropped = 0
    if changes is not None:
        redo, drop = settings.changed == "redo", settings.gone == "drop"
        revised: list[_Revised] = []

        def members() -> Iterator[list[Member]]:
            for planned in plan.planned():
                after = changes.revised(planned.members, redo, drop)
                if after is not None and heads.has(planned.shard):
                    revised.append(_Revised.of(planned, after))
                    yield after

        revisions = write_revisions(driver.storage, driver.ledger.epoch, members())
        for revision, each in zip(list(revisions), revised, strict=True):
            dropped += each.dropped
            whole = each.whole or each.shard in chosen
            count = revision.items if whole else each.changed
            chosen[each.shard] = Again(None if count < 0 else count, revision=revision, whole=whole)
    if not chosen:
        return Mended()
    processed, given_up = Processing(driver, plan).run(chosen)
    return Mended(processed, dropped, given_up)


@dataclass(frozen=True)
class _Revised:
    """A shard with other members.

    Attributes:
        shard: Its identifier.
        changed: Members that are not what they were.
        dropped: Members that are left out.
        whole: Whether all of it is processed again, since rows do not tell which container they
            are from.
    """

    shard: str
    changed: int
    dropped: int
    whole: bool

    @classmethod
    def of(cls, before: Planned, after: list[Member]) -> _Revised:
        """The difference that the members make."""
        changed = len(set(after) - set(before.members))
        dropped = len(before.members) - len(after)
        whole = any(member.is_container for member in [*before.members, *after])
        return cls(before.shard, changed, dropped, whole)


def _named(keys: Iterable[str]) -> str:
    return ", ".join(f"'{plain(key)}'" for key in keys)
