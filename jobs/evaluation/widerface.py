"""The command `evaluate widerface`: what an extraction found, by the benchmark's own protocol."""

from __future__ import annotations

import logging
import posixpath
import time
from collections.abc import Mapping

from jobs.engine.interrupts import interrupts
from jobs.evaluation.detection import default_output, detect
from jobs.evaluation.found_photos import FoundPhoto
from jobs.evaluation.pictures import Pictures
from jobs.evaluation.plots import check_plots
from jobs.evaluation.results import Folder, Results
from jobs.evaluation.selection import limited, select
from jobs.evaluation.submission import write_detections
from jobs.evaluation.wider_scores import WiderFound, draw, score
from jobs.extract.config import Config
from jobs.messages.errors import UserError
from jobs.sources.source import open_source
from jobs.truth.detections import read_detections
from jobs.truth.wider import read_wider
from mtcnn_core.evaluation.annotations import Annotation, Detections
from mtcnn_core.faces import Faces

NO_PHOTOS = "-"

_log = logging.getLogger(__name__)


def evaluate_widerface(
    images: str,
    ground_truth: str,
    output: str | None,
    config: Config,
    *,
    limit: int | None = None,
    detections: str | None = None,
    save_detections: bool = False,
) -> Results:
    """Finds the faces of photos whose faces are known, and scores what was found.

    Args:
        images: The photos, as for `extract`; "-" with `detections` is to do without.
        ground_truth: As for `read_wider`.
        output: Folder of the evaluation; None is one named for the config.
        config: All settings.
        limit: How many photos at most.
        detections: Folder of detections in the benchmark's own format, to score those.
        save_detections: Whether what was found is written in that format, too.

    Raises:
        jobs.messages.errors.UserError: Something the user has to change.
        jobs.messages.errors.Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not installed.
    """
    check_plots()
    with interrupts():
        truth = read_wider(ground_truth)
        if detections is None:
            output = output or default_output("widerface", config)
            found = _detected(images, truth, output, config, limit)
        else:
            found = _given(detections, images, truth, config, limit)
            name = posixpath.basename(detections.replace("\\", "/").rstrip("/"))
            output = output or f"evaluations/widerface-{name}"
        folder = Folder(output, config.output.storage_options)
        began = time.monotonic()
        scores, curves = score(found)
        draw(folder, found, scores, curves)
        if save_detections:
            write_detections(
                folder,
                {name: found.detections.get(name, Detections.empty()) for name in found.truth},
            )
        metrics = {"evaluation": "widerface", "ground_truth": ground_truth, **scores, **found.about}
        return folder.finish(metrics, time.monotonic() - began, found.exit_code)


def _detected(
    images: str, truth: Mapping[str, Annotation], output: str, config: Config, limit: int | None
) -> WiderFound:
    """What the detector finds."""
    found = detect(images, truth, output, config, limit)
    return WiderFound(
        {name: truth[name] for name in found.photos},
        {name: _as_detections(photo.faces) for name, photo in found.photos.items()},
        {name: photo for name, photo in found.photos.items() if photo.was_seen},
        found.pictures,
        found.about(),
        found.summary.exit_code,
    )


def _given(
    detections: str,
    images: str,
    truth: Mapping[str, Annotation],
    config: Config,
    limit: int | None,
) -> WiderFound:
    """What another detector found."""
    found = read_detections(detections)
    photos: dict[str, FoundPhoto] = {}
    pictures = None
    names = list(limited({name: name for name in truth}, limit))
    if images != NO_PHOTOS:
        source = open_source(images, config.input)
        selection = select(source.list(), truth, limit)
        if not selection.is_known:
            raise UserError(
                f"with --detections the photos must be files, and '{images}' is an archive or a "
                f"table: give their folder, or {NO_PHOTOS} to do without"
            )
        uris = {member.key: member.uri for member in selection.members}
        photos = {
            name: FoundPhoto(key, uris[key], "ok", Faces.empty())
            for name, key in selection.keys.items()
        }
        names = list(photos)
        pictures = Pictures(source, selection.members, config.limits)
    known = {name: found[name] for name in names if name in found}
    if not known:
        raise UserError(
            f"'{detections}' holds detections of none of the {len(names):,} photos: "
            "give the folder that holds the folders of events"
        )
    if without := len(names) - len(known):
        _log.warning(f"{without:,} photos have no file of detections: they count as without.")
    about = {
        "input": detections,
        "photos": {
            "scored": len(names),
            "absent": len(truth) - len(names),
            "without_file": without,
        },
    }
    return WiderFound({name: truth[name] for name in names}, known, photos, pictures, about)


def _as_detections(faces: Faces) -> Detections:
    return Detections(faces.boxes.astype("float64"), faces.scores.astype("float64"))
