"""What can be read: each kind of input lists its members for the plan and streams a shard."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from jobs.config import InputSettings
from jobs.engine.plan import Member
from jobs.sources.demo import DemoSource
from jobs.sources.folder import FolderSource, check_apart, local_path
from jobs.sources.reading import ReadError

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
        """Yield the given members in order, each with its bytes or why it has none.

        Args:
            members: Some of those listed.
            max_bytes: Larger ones are not read and get kind "too_large"; None reads all.
        """
        ...


def open_source(url: str, settings: InputSettings) -> Source:
    """The input that a URL names; touches no storage yet.

    Args:
        url: `demo:`, or a path or fsspec URL of a folder, a glob or one file.
        settings: How it is read.
    """
    if url == "demo:":
        return DemoSource(settings)
    path = local_path(url)
    return FolderSource(url if path is None else path, settings)
