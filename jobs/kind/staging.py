"""Jobs whose driver decides what the rows are, and stages that for its workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_finished
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.lost import lost_parts
from jobs.engine.staged import StagedFile, StagedIndex, is_whole, read_index, write_index
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Show
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


class Staging(ABC):
    """The members of a job that computes them itself, when that is needed.

    Args:
        output: Where they are staged.
        job: Name of the job.
    """

    def __init__(self, output: Storage, job: str) -> None:
        self._output = output
        self._job = job
        self._index: StagedIndex | None = None

    @abstractmethod
    def settle(self, show: Show, store: bool) -> str:
        """Settles what can be told without computing.

        Args:
            show: Given figures, as they come.
            store: Whether anything may be written.

        Returns:
            Digest of all that the members depend on.
        """

    @abstractmethod
    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Computes and stages all members, once it is settled on what they depend.

        Args:
            output: Where to; None only tells what the members are.

        Returns:
            What is staged for each, and the figures as JSON has them.
        """

    def decide(self, show: Show, store: bool) -> None:
        """Finds out what the rows are, and stages them unless they are staged or committed.

        Args:
            show: Given figures, as they come.
            store: Whether anything may be written.

        Raises:
            UserError: Something the user has to change.
        """
        if not store:
            self._index = self._found(show, store)
            return
        # Refuses a second driver before anything is computed.
        with Lease(self._output):
            self._index = self._found(show, store)

    def members(self) -> Iterator[Member]:
        """Yields a member for each staged file, whose digest is its version."""
        assert self._index is not None
        for file in self._index.files:
            key, rows = file.key, file.rows
            yield Member(key, key, file.bytes, file.sha256, None, items=rows, stop=rows)

    def check(self, member: Member) -> None:
        """Sees to it that what is staged for members is there, for those that are done again.

        Raises:
            UserError: The input is another one by now.
        """
        index = read_index(self._output)
        if index is None or not is_whole(self._output, index):
            index = self._found(lambda figures: None, store=True, always=True)
        if member.version not in {file.sha256 for file in index.files}:
            raise UserError(
                f"what '{self._output.url}' was made of has changed since: "
                f"run 'mtcnn-ray {self._job}' again"
            )

    def conclude(self) -> Sequence[Figures]:
        """What there is to show of all rows."""
        figures = self._index.figures if self._index else {}
        return [Figures.of(record) for record in figures.values()]

    def _found(self, show: Show, store: bool, always: bool = False) -> StagedIndex:
        """What is staged; computed anew if need be, or always."""
        state = self.settle(show, store)
        index = read_index(self._output)
        if not always and index and index.state == state and self._is_of_use(index):
            return index
        files, figures = self.compute(self._output if store else None)
        index = StagedIndex(state, files, figures)
        if store:
            write_index(self._output, index)
        return index

    def _is_of_use(self, index: StagedIndex) -> bool:
        """Whether all that was staged is there still, or is committed."""
        if is_whole(self._output, index):
            return True
        return is_finished(self._output) and not lost_parts(self._output, Heads.read(self._output))
