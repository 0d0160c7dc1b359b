"""The photos that an output of `extract` was made from, read as it has read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs.embed.config import NO_PHOTOS, EmbedConfig
from jobs.members import Member
from jobs.messages.errors import NotNowError, UserError
from jobs.photos.frames import framed
from jobs.photos.read import Read, read
from jobs.sources.inputs import open_inputs, origin_of, recorded
from jobs.sources.settings import PACE, FramesSetting, InputSettings
from jobs.sources.source import Source
from jobs.upstream import Upstream
from mtcnn_core.settings.images import ImageLimits


@dataclass(frozen=True)
class Photos:
    """Photos of the shards of an output of `extract`; pickled to the workers.

    Attributes:
        source: Their input.
        frames: Which pictures of a file with several were looked at.
        limits: What was too large or too small to be decoded.
    """

    source: Source
    frames: FramesSetting
    limits: ImageLimits

    def check(self) -> None:
        """Raises a `UserError` if their input is not there."""
        try:
            next(iter(self.source.list()))
        except NotNowError:
            raise
        except UserError as error:
            raise UserError(
                f"{error}; or say with --photos where the photos are now, or --photos {NO_PHOTOS}"
            ) from error

    def read(self, members: Sequence[Member]) -> Iterator[Read]:
        """Yields the photos of members of a plan of `extract`, in order."""
        return framed(read(self.source, members, self.limits), self.frames, self.limits)


def open_photos(faces: Upstream, config: EmbedConfig) -> Photos | None:
    """The photos of an output of `extract`, where they were or where they are now.

    Args:
        faces: The output.
        config: Settings of `embed`.

    Returns:
        None if none are to be read.

    Raises:
        UserError: The input is not one that can be opened, or it is not clear which of several it
            is.
    """
    url, was = config.photos.input, config.photos.moved_from
    if url == NO_PHOTOS:
        return None
    origins, is_all = faces.origins
    origin = origins[0] if url is None else origin_of(url, was, origins)
    if origin is None and (was or len(origins) > 1 or not is_all):
        names = ", ".join(f"'{each.input}'" for each in origins)
        raise UserError(
            f"the faces are from several inputs, {names} among them: say with --set "
            f"photos.moved_from=INPUT which one is '{recorded(url or '')}' now"
        )
    made = faces.identity.config
    pace = {name: getattr(config.input, name) for name in PACE}
    settings = InputSettings(
        **{**made["input"], **pace},
        key_prefix=(origin or origins[0]).prefix or None,
        moved_from=was,
        storage_options=config.photos.storage_options,
    )
    source = open_inputs(url or origins[0].input, settings, origins, is_only=origin is None)
    return Photos(source, settings.frames, ImageLimits(**made["limits"]))
