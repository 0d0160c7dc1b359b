"""How an output goes on that another version of this program, or another command line, has begun.

Its rows must be the same as before. What was said for it then has to be said now, and what was not
said stays what it was then, whatever the defaults are now.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs import config as settings
from jobs.config import Config
from jobs.engine.identity import Identity, refusal
from jobs.messages.errors import UserError
from jobs.tables import SCHEMA_VERSION
from mtcnn_core.settings.models import name_of

_log = logging.getLogger(__name__)

_DETECTOR = "detect.detector"
_ABSENT = "(absent)"


@dataclass(frozen=True)
class Continued:
    """With what an output goes on.

    Attributes:
        config: The settings.
        digest: Of what was recorded of them when the output was begun.
        schema: Version of its tables.
        recorded: The settings as they were recorded.
    """

    config: Config
    digest: str
    schema: int
    recorded: Mapping[str, Any]


def begun(config: Config) -> Continued:
    """With what a new output begins."""
    return Continued(config, config.digest(), SCHEMA_VERSION, config.identity())


def continued(stored: Identity, config: Config, url: str) -> Continued:
    """With what an output goes on.

    Args:
        stored: What it was made with.
        config: What is wanted now.
        url: What to call the output.

    Raises:
        UserError: Its rows would not be the same: settings that differ, a setting that means
            something else now, or tables of a newer version.
    """
    if stored.schema > SCHEMA_VERSION:
        raise UserError(
            f"The tables of '{url}' are of a newer mtcnn-ray (schema {stored.schema}, this one "
            f"knows {SCHEMA_VERSION}); update mtcnn-ray."
        )
    for name, (version, sentence) in settings.MEANINGS.items():
        if stored.meanings.get(name, 1) != version:
            raise UserError(
                f"'{url}' was begun when {name} meant something else ({sentence}); "
                "use another output, or the version that made it."
            )
    old, new = _flat(stored.config), _flat(config.identity())
    defaults = _flat(Config().identity())
    differing, kept = [], {}
    for name in sorted(old.keys() | new.keys()):
        now = new.get(name, _ABSENT)
        # A setting that did not exist was, in effect, what keeps things as they were.
        absent = settings.BEFORE.get(name, defaults.get(name))
        was = old.get(name, absent)
        if _same(name, was, now):
            continue
        unsaid_then = name not in old or _same(name, was, _default(stored, name))
        unsaid_now = now == _ABSENT or (
            name not in config.given and _same(name, now, defaults[name])
        )
        if not (unsaid_then and unsaid_now):
            differing.append((name, was, now))
        elif now != _ABSENT:
            kept[name] = was
            _log.warning(
                "%s stays %s, as this output was begun; by default it is %s now.", name, was, now
            )
    if differing:
        raise refusal(url, differing)
    return Continued(config.with_values(kept), stored.digest, stored.schema, stored.config)


def _default(stored: Identity, name: str) -> Any:
    """What a setting was by default when the output was begun; nothing it can be, if unknown."""
    return _flat(stored.defaults or {}).get(name, _ABSENT)


def _same(name: str, one: Any, other: Any) -> bool:
    if name == _DETECTOR:  # a path, which may change: what is in the file has a digest of its own
        return name_of(one) == name_of(other)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
