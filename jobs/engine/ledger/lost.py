"""Committed parts that are missing, or have not the size they were committed with."""

from __future__ import annotations

import posixpath

from jobs.engine.ledger.heads import Heads
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


def lost_parts(storage: Storage, heads: Heads) -> list[str]:
    """Paths of parts that are not there as committed, as far as listings tell.

    A listing of each table is all it takes, two where something is lost; that the content of a
    file of the right size is another one, only `verify` finds out.

    Args:
        storage: The output.
        heads: What is committed.
    """
    lost = _not_in(_listed(storage, heads), heads)
    # Remote storage is asked twice, as what was left out would be done again.
    return sorted({*lost} & {*_not_in(_listed(storage, heads), heads)}) if lost else []


def _listed(storage: Storage, heads: Heads) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for output in heads.outputs():
        sizes = storage.sizes(output)
        found |= {posixpath.join(output, name): size for name, size in sizes.items()}
    return found


def _not_in(found: dict[str, int | None], heads: Heads) -> list[str]:
    return [path for path, size in heads.files() if found.get(path, -1) not in (None, size)]


def refuse_lost(storage: Storage, heads: Heads) -> None:
    """Raises a `UserError` if parts are lost, which only the job itself can make anew."""
    if lost := lost_parts(storage, heads):
        raise UserError(
            f"parts of '{storage.url}' are missing or damaged ({len(lost):,}, such as "
            f"'{lost[0]}'): run the job again, which makes them anew"
        )
