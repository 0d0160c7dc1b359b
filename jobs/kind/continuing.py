"""How a job goes on with an output that an earlier version, or another command line, has begun.

Its rows must be the same as before. What was said for it then has to be said now, and what was not
said stays what it was then, whatever the defaults are now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from jobs.engine.identity import Identity, another_job, read_identity, refusal
from jobs.engine.plans.index import origins_of, read_indices
from jobs.kind.config import JobConfig
from jobs.kind.job_kind import Continued, JobKind
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

_log = logging.getLogger(__name__)

_ABSENT = "(absent)"

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)
_Compared = Mapping[str, Callable[[Any], Any]]


def going_on(kind: JobKind[AnyConfig], config: AnyConfig, output: str) -> Continued[AnyConfig]:
    """With what an output begins, or goes on if it was begun.

    Raises:
        UserError: Its rows would not be the same.
    """
    storage = Storage(output, config.output.storage_options)
    stored = read_identity(storage)
    if stored is None:
        return begun(kind, config, output)
    origins, is_recorded = origins_of(read_indices(storage), stored.input)
    going = continued(kind, stored, config, output)
    return replace(going, origins=origins, is_recorded=is_recorded, output=output)


def begun(kind: JobKind[AnyConfig], config: AnyConfig, output: str = "") -> Continued[AnyConfig]:
    """With what a new output begins."""
    digest, recorded = config.digest(), config.identity()
    return Continued(config, digest, kind.schema_version, recorded, output=output)


def continued(
    kind: JobKind[AnyConfig], stored: Identity, config: AnyConfig, url: str
) -> Continued[AnyConfig]:
    """With what an output goes on.

    Args:
        kind: The job.
        stored: What the output was made with.
        config: What is wanted now.
        url: What to call the output.

    Raises:
        UserError: Its rows would not be the same: settings that differ, a setting that means
            something else now, tables of a newer version, or another job.
    """
    if stored.job != kind.name:
        raise another_job(url, stored.job, kind.name)
    if stored.schema > kind.schema_version:
        raise UserError(
            f"the tables of '{url}' are of a newer mtcnn-ray (schema {stored.schema}, this one "
            f"knows {kind.schema_version}): update mtcnn-ray"
        )
    old, new = _flat(stored.config), _flat(config.identity())
    for name, meaning in kind.meanings.items():
        always_meant = old.get(name, meaning.unless) == meaning.unless
        if stored.meanings.get(name, 1) != meaning.version and not always_meant:
            raise UserError(
                f"'{url}' was begun when {name} meant something else ({meaning.before}): "
                "use another output, or the version that made it"
            )
    compared = config.compared
    defaults = _flat(kind.config().identity())
    defaults_then = _flat(stored.defaults or {})
    differing, kept = [], {}
    for name in sorted(old.keys() | new.keys()):
        now = new.get(name, _ABSENT)
        # A setting that did not exist was, in effect, what keeps things as they were.
        was = old.get(name, kind.before.get(name, defaults.get(name)))
        if _same(compared, name, was, now):
            continue
        default_then = defaults_then.get(name, _ABSENT)
        unsaid_then = name not in old or _same(compared, name, was, default_then)
        unsaid_now = now == _ABSENT or (
            name not in config.given and _same(compared, name, now, defaults[name])
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


def _same(compared: _Compared, name: str, one: Any, other: Any) -> bool:
    if name in compared:
        return bool(compared[name](one) == compared[name](other))
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
