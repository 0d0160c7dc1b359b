"""Photos and faces leave outputs for good: find them, set tombstones, write everything anew."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.engine.driver.forgetting import Output, Target
from jobs.engine.driver.losses import Forgetting
from jobs.engine.erasing.search import Met, Named, Wanted, copies
from jobs.engine.interrupts import interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.settings import RunSettings
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Forgot:
    """How a forgetting ended.

    Attributes:
        outputs: What became of each, in the order given.
        copies: Keys of photos with the same bytes, which go as well.
    """

    outputs: Sequence[Forgetting]
    copies: Sequence[str]


def forget(
    targets: Sequence[Target],
    wanted: Wanted,
    *,
    dry_run: bool = False,
    settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
) -> Forgot:
    """Takes photos, or one face of a photo, out of outputs, and everything that names them.

    First each output gets tombstones, keyed hashes that later runs and `verify` know them by. Then
    all that they stand for leaves: records are restated without their names, parts are written
    anew and take the place of others by one entry of the log, and the plan gets files without
    them. What stays is as it was. It may be killed at any time; the same call, or one without
    names, goes on, and until then nothing else changes the output.

    Photos with the same bytes and another key are the same photo, and go too.

    Args:
        targets: The outputs.
        wanted: What is to be forgotten; nothing ends what was stopped.
        dry_run: Whether to tell what would go, and write nothing.
        settings: Settings of the workers that end a retry which was stopped.

    Raises:
        UserError: None of it is in any output, or one is in use, damaged or incomplete.
        Interrupted: SIGINT or SIGTERM; the same call goes on.
    """
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(interrupts())
        outputs = [
            Output(target, None if dry_run else stack.enter_context(_lease(target)))
            for target in targets
        ]
        names = _names(outputs, wanted)
        for output in outputs:
            output.set_aside(names, wanted.face)
        asked = set(wanted.keys)
        others = sorted({each.key for each in names if each.key not in asked})
        if dry_run:
            return Forgot([output.survey().told for output in outputs], others)
        busy = [output for output in outputs if output.has_work]
        for output in busy:
            output.begin(settings)
        for output in busy:  # of all, before anything of it is gone by which it is found again
            output.bury()
        done = {output.url: output.erase(settings, signals) for output in busy}
        return Forgot([done.get(each.url) or each.survey().told for each in outputs], others)


def _lease(target: Target) -> Lease:
    return Lease(Storage(target.url, target.options))


def _names(outputs: Sequence[Output], wanted: Wanted) -> set[Named]:
    """What is to be forgotten, by all of its names.

    Raises:
        UserError: None of it is in any output.
    """
    if not wanted.keys:
        if not any(output.forgotten for output in outputs):
            raise UserError("nothing is to be forgotten: name a photo with --key")
        return set()
    found = [output.met(wanted) for output in outputs]
    names: set[Named] = set()
    for key in wanted.keys:
        names.add(_named(key, outputs, found, wanted.face))
    for output in outputs:
        names |= copies(output.storage, output.heads, names)
    return names


def _named(key: str, outputs: Sequence[Output], found: Sequence[Met], face: int | None) -> Named:
    """A wanted key, as outputs have it."""
    sha256 = next((each.digests[key] for each in found if each.digests.get(key)), "")
    is_photo = any(key in each.photos for each in found)
    is_file = not is_photo and any(key in each.files for each in found)
    where = ", ".join(f"'{output.url}'" for output in outputs)
    if face is not None:
        has_face = any(face in each.faces.get(key, ()) for each in found)
        if not (has_face or any(output.forgotten.has_face(key, face) for output in outputs)):
            raise UserError(f"there is no face {face} of '{key}' in {where}: check key and number")
        return Named(key, sha256)
    is_planned = any(key in each.planned for each in found)
    was_forgotten = any(output.forgotten.has_photo(key) for output in outputs)
    if not (is_photo or is_file or is_planned or was_forgotten):
        raise UserError(f"there is no '{key}' in {where}: check the key")
    return Named(key, sha256, is_file)
