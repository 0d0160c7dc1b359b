"""Which column is meant by a name: tables spell `Label`, ` label` and `LABEL` where `label` is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings

_SHOWN = 10

_log = logging.getLogger(__name__)


def column_named(wanted: str, names: Sequence[str], where: str) -> str | None:
    """The column with a name, or else the only one that differs in case and outer spaces alone.

    Args:
        wanted: The name.
        names: Names of all columns.
        where: The table, for messages.

    Raises:
        UserError: Several can be meant.
    """
    if names.count(wanted) == 1:
        return wanted
    alike = [name for name in names if folded(name) == folded(wanted)]
    if len(alike) > 1:
        raise UserError(
            f"'{where}' has {len(alike)} columns '{wanted}' ({listed(alike)}): rename all but one"
        )
    return alike[0] if alike else None


def folded(name: str) -> str:
    """A name without case and outer spaces."""
    return name.strip().casefold()


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first ones of many."""
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def say_unused(names: Sequence[str], settings: InputSettings, where: str) -> None:
    """Says that folders give the labels, where a column may have been meant to.

    Args:
        names: Columns that are there and not used.
        settings: What makes a label.
        where: The table, for messages.
    """
    if names and settings.label == "folder" and settings.label_pattern is None:
        _log.warning(
            "'%s' has no column 'label' of text or numbers, so the folders give the labels; "
            "not used are %s: if one has the labels, name it with --set input.label_column=NAME",
            where,
            listed(names),
        )
