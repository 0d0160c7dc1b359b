"""Thresholds: what was said, what calibration has chosen, or what is known of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from jobs.curate.config import CurateSettings
from jobs.curate.judging import Judged, core_errors, telling
from jobs.curate.upstreams import Upstreams, named
from jobs.engine.identity import read_identity
from jobs.engine.settled import Settled, read_settled, write_settled
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Show
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from mtcnn_core.curation.thresholds import THRESHOLDS, Thresholds
from mtcnn_core.embedding.known import by_digest


def check_begun(output: Storage, upstreams: Upstreams) -> None:
    """Raises a `UserError` if an output was begun with vectors of another model."""
    settled = read_settled(output) if read_identity(output) else None
    model = settled.values["model"] if settled else upstreams.model
    if model != upstreams.model:
        raise UserError(
            f"'{output.url}' was begun with vectors of {named(model)}, and these are of "
            f"{named(upstreams.model)}: use another output"
        )


def settle(
    output: Storage,
    digest: str,
    upstreams: Upstreams,
    settings: CurateSettings,
    read: Callable[[], Judged],
    show: Show,
    store: bool,
    threads: int,
) -> Thresholds:
    """The thresholds of an output: those that it was begun with, or else new ones.

    Args:
        output: The output.
        digest: Digest of its config.
        upstreams: What is judged.
        settings: What was said.
        read: Reads the faces, if they have to be looked at.
        show: Given what calibration has found.
        store: Whether new ones are stored.
        threads: The result does not depend on it.

    Raises:
        UserError: There are none for the model.
    """
    settled = read_settled(output)
    if settled is not None and settled.digest == digest:
        for record in settled.figures.values():
            show(Figures.of(record))
        return Thresholds(**{name: settled.values[name] for name in _names()})
    figures: dict[str, Any] = {}
    if settings.calibrate:
        thresholds, found = _calibrated(read(), settings, threads)
        show(found)
        figures[found.name] = found.as_record()
    else:
        thresholds = _known(upstreams.model, settings)
    thresholds = replace(thresholds, **_said(settings))
    values = {**asdict(thresholds), "model": upstreams.model}
    if store:
        write_settled(output, Settled(digest, values, figures))
    return thresholds


def _known(made_by: Mapping[str, Any], settings: CurateSettings) -> Thresholds:
    """Thresholds of a known model, whatever it is called here; or those said, if all were."""
    known_model = by_digest(made_by["digest"])
    model = known_model.name if known_model else made_by["name"]
    if model in THRESHOLDS:
        return THRESHOLDS[model]
    said = _said(settings)
    optional = {field.name for field in fields(Thresholds) if field.default is None}
    missing = [name for name in _names() if name not in said and name not in optional]
    if missing:
        known = ", ".join(THRESHOLDS)
        raise UserError(
            f"no thresholds are known for vectors of '{model}', only for {known}: give "
            f"--calibrate, or set curate.{missing[0]} and the like"
        )
    return Thresholds(**said)


def _calibrated(
    judged: Judged, settings: CurateSettings, threads: int
) -> tuple[Thresholds, Figures]:
    """Thresholds that planted errors have chosen, and what each of those tried has found.

    Raises:
        UserError: There are too few labelled faces.
    """
    from mtcnn_core.curation.calibration import calibrate

    with telling() as progress, core_errors():
        found = calibrate(
            judged.columns, settings.quality, settings.seed, progress=progress, threads=threads
        )
    rows = [
        (
            sweep.reason,
            sweep.threshold,
            float(value),
            sweep.planted,
            float(agreement.precision),
            float(agreement.recall),
            "chosen" if place == sweep.chosen else "",
        )
        for sweep in found.sweeps
        for place, (value, agreement) in enumerate(zip(sweep.values, sweep.agreements, strict=True))
    ]
    title = f"Errors planted among {found.faces:,} faces of {found.persons:,} persons"
    columns = ("reason", "threshold", "value", "planted", "precision", "recall", "")
    note = "A threshold that was set is used in place of the chosen one."
    figures = Figures("calibration", title, columns, rows, [note] if _said(settings) else ())
    return found.thresholds, figures


def _said(settings: CurateSettings) -> Mapping[str, Any]:
    found = ((name, getattr(settings, name)) for name in _names())
    return {name: value for name, value in found if value is not None}


def _names() -> list[str]:
    return [field.name for field in fields(Thresholds)]
