"""The first half of an evaluation: an extraction of the photos that a ground truth names."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.engine.driver.run import run
from jobs.engine.driver.summary import Summary
from jobs.engine.identity import Identity, read_identity
from jobs.evaluation.found_photos import FoundPhoto, FoundPhotos
from jobs.evaluation.pictures import Pictures
from jobs.evaluation.selection import select, select_keys
from jobs.extract.config import Config
from jobs.extract.job import open_job
from jobs.extract.kind import EXTRACT
from jobs.kind.continuing import going_on
from jobs.kind.run import identity_of
from jobs.messages.credentials import public_url
from jobs.messages.errors import UserError
from jobs.sources.overlap import check_apart
from jobs.sources.source import open_source
from jobs.storage.storage import Storage
from mtcnn_core.faces import Faces

DATASET = "dataset"
_NAMED = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Detected:
    """What was found in the photos of a ground truth.

    Attributes:
        photos: Name in the ground truth -> what became of the photo.
        absent: How many that it names are not in the input.
        lost: Names of photos that the detector never saw; they have no faces.
        dataset: The rows.
        pictures: The photos themselves.
        summary: How the extraction ended.
        identity: What determined its rows.
        seconds: Seconds that it took, start and listing included.
    """

    photos: Mapping[str, FoundPhoto]
    absent: int
    lost: tuple[str, ...]
    dataset: FoundPhotos
    pictures: Pictures
    summary: Summary
    identity: Identity
    seconds: float

    def about(self) -> dict[str, Any]:
        """How it was made, as JSON values for `metrics.json`."""
        return {
            "photos": {
                "scored": len(self.photos),
                "absent": self.absent,
                "lost": len(self.lost),
                "processed_now": self.summary.processed,
            },
            "seconds": {"extraction": round(self.seconds, 3)},
            "input": self.identity.input,
            "settings": self.identity.config,
            "config_digest": self.identity.digest,
            "models": self.identity.models,
            "packages": self.identity.packages,
        }


def default_output(kind: str, config: Config) -> str:
    """The folder of an evaluation that was given none: another config has another one."""
    return f"evaluations/{kind}-{config.digest()[:8]}"


def detect(
    images: str, names: Collection[str], output: str, config: Config, limit: int | None = None
) -> Detected:
    """Extracts the photos that a ground truth names into a dataset, or what is left of them.

    Args:
        images: The input, as for `extract`.
        names: The photos, as paths with forward slashes; see `jobs.evaluation.selection.Names`.
        output: Folder of the evaluation; the dataset is a folder in it.
        config: All settings.
        limit: How many photos at most; of archives all are read, and the rest is left out after.

    Raises:
        UserError: Something the user has to change.
        Interrupted: SIGINT or SIGTERM; the same call resumes.
        mtcnn_core.engines.errors.DeviceError: The device is not there.
        mtcnn_core.weights.errors.WeightsError: The weights are not installed.
    """
    began = time.monotonic()
    folder, options = f"{output.rstrip('/')}/{DATASET}", config.output.storage_options
    going = going_on(EXTRACT, config, folder)
    opened = open_job(images, going)
    identity = identity_of(EXTRACT, images, going, opened)
    _check_input(Storage(folder, options), identity)
    selection = select(opened.list_members(), names, limit)
    if not selection.is_known:  # else nothing that is written there would be taken for a photo
        check_apart(images, output)
    summary = run(
        opened.job,
        selection.list,
        folder,
        # What a limit leaves out is not gone.
        opened.settings.model_copy(update={"gone": "keep"}),
        identity,
        labels=EXTRACT.labels,
        options=options,
    )
    dataset = FoundPhotos(folder, options)
    keys = selection.keys if selection.is_known else select_keys(dataset.keys(), names, limit)
    rows = dataset.photos(set(keys.values()))
    photos = {
        name: rows.get(key, FoundPhoto(key, "", "no row", Faces.empty()))
        for name, key in keys.items()
    }
    absent = 0 if limit is not None and len(keys) == limit else len(names) - len(keys)
    lost = tuple(name for name, photo in photos.items() if not photo.was_seen)
    _warn(absent, lost, photos)
    return Detected(
        photos,
        absent,
        lost,
        dataset,
        Pictures(open_source(images, config.input), selection.members, config.limits),
        summary,
        identity,
        time.monotonic() - began,
    )


def _check_input(storage: Storage, identity: Identity) -> None:
    """Refuses the dataset of other photos: they may have the same names."""
    stored = read_identity(storage)
    if stored is not None and stored.input.rstrip("/") != identity.input.rstrip("/"):
        raise UserError(
            f"'{storage.url}' holds what was found in '{stored.input}', not in "
            f"'{public_url(identity.input)}': give another --output"
        )


def _warn(absent: int, lost: Collection[str], photos: Mapping[str, FoundPhoto]) -> None:
    if absent:
        _log.warning(
            f"{absent:,} photos of the ground truth are not in the input: "
            "they are left out of the score."
        )
    if lost:
        some = ", ".join(f"'{name}' ({photos[name].status})" for name in list(lost)[:_NAMED])
        more = ", ..." if len(lost) > _NAMED else ""
        _log.warning(
            f"{len(lost):,} photos could not be looked at and count as photos without a face: "
            f"{some}{more}"
        )
