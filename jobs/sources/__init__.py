"""What can be read: each kind of input lists its members for the plan and streams a shard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from jobs.members import Member
from jobs.messages.credentials import in_options
from jobs.sources.files.reading import ReadError
from jobs.sources.folder import FolderSource, check_apart, local_path
from jobs.sources.kinds import Kind, kind_of
from jobs.sources.labels import check_label_pattern
from jobs.sources.manifest import ManifestSource
from jobs.sources.parquet import ParquetSource
from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource

__all__ = ["ReadError", "Source", "check_apart", "open_source"]


class Source(Protocol):
    """An input. It is pickled to the workers, and the same there as on the driver."""

    def list(self) -> Iterator[Member]:
        """Yield every member once, always in the same order, in bounded memory.

        Raises:
            UserError: There is nothing to read; raised at the first `next`, or the last.
        """
        ...

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        """Yield the items of the given members in order, with their bytes or why they have none.

        A member that is no container is itself the one item.

        Args:
            members: Some of those listed.
            max_bytes: Larger ones are not read and get kind "too_large"; None reads all.
        """
        ...


_SOURCES: Mapping[Kind, Callable[[str, InputSettings], Source]] = {
    "folder": FolderSource,
    "tar": TarSource,
    "parquet": ParquetSource,
    "manifest": ManifestSource,
}


def open_source(url: str, settings: InputSettings) -> Source:
    """The input that a URL names; of remote storage, only a Parquet file is looked at.

    Args:
        url: `demo:`, or a path or fsspec URL of a folder, a glob, one file, tars, Parquet files
            or a manifest.
        settings: How it is read.

    Raises:
        UserError: The URL is not one that can be opened.
    """
    if url == "demo:":
        # Imported here: it imports Pillow, which whoever reads a configuration does without.
        from jobs.sources.demo import DemoSource

        return DemoSource(settings)
    # Credentials in a URL become options: what follows stores URLs, and workers open them.
    url, options = in_options(url, settings.storage_options)
    check_label_pattern(settings)
    settings = settings.model_copy(update={"storage_options": dict(options)})
    return _SOURCES[kind_of(url, settings)](local_path(url) or url, settings)
