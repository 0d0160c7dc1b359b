"""What the driver does: it judges all faces at once, and stages the rows for its workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property

from jobs.curate.config import Config
from jobs.curate.figures import figures_of
from jobs.curate.judging import Judged, judge, read_faces, with_leaks
from jobs.curate.settling import settle
from jobs.curate.upstreams import Upstreams
from jobs.curate.verdict_rows import VerdictColumns
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_finished
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.lost import lost_parts
from jobs.engine.staged import (
    StagedFile,
    StagedIndex,
    is_whole,
    read_index,
    stage,
    write_index,
)
from jobs.engine.usable import usable_cpus
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Continued, Show
from jobs.members import Member
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage
from mtcnn_core.curation.thresholds import Thresholds


class Curation:
    """The verdicts of an output, computed when that is needed.

    Args:
        upstreams: What they are computed from.
        going: Settings that the output goes on with.
        output: The output.
    """

    def __init__(self, upstreams: Upstreams, going: Continued[Config], output: Storage) -> None:
        self._upstreams = upstreams
        self._settings = going.config.curate
        self._digest = going.digest
        self._output = output
        self._threads = going.config.curate.threads or usable_cpus()
        self._index: StagedIndex | None = None

    def decide(self, show: Show, store: bool) -> None:
        """Finds out what the rows are, and stages them unless they are staged or committed.

        Args:
            show: Given what calibration has found.
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
        """Yields a member for each shard of the vectors; what is staged for it is its version."""
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
                f"what '{self._output.url}' was made of has changed since: run 'mtcnn-ray curate' "
                "again"
            )

    def conclude(self) -> Sequence[Figures]:
        """What there is to show of all verdicts."""
        figures = self._index.figures if self._index else {}
        return [Figures.of(record) for record in figures.values()]

    def _found(self, show: Show, store: bool, always: bool = False) -> StagedIndex:
        """What is staged; computed anew if need be, or always."""
        thresholds = settle(
            self._output,
            self._digest,
            self._upstreams,
            self._settings,
            lambda: self._judged,
            show,
            store,
            self._threads,
        )
        state = self._upstreams.state(asdict(thresholds))
        index = read_index(self._output)
        if not always and index and index.state == state and self._is_of_use(index):
            return index
        return self._staged(self._verdicts(thresholds), state, store)

    def _is_of_use(self, index: StagedIndex) -> bool:
        """Whether all that was staged is there still, or is committed."""
        if is_whole(self._output, index):
            return True
        return is_finished(self._output) and not lost_parts(self._output, Heads.read(self._output))

    @cached_property
    def _judged(self) -> Judged:
        return read_faces(self._upstreams)

    def _verdicts(self, thresholds: Thresholds) -> VerdictColumns:
        columns = judge(self._judged, thresholds, self._threads)
        return with_leaks(columns, self._judged, self._upstreams, thresholds, self._threads)

    def _staged(self, columns: VerdictColumns, state: str, store: bool) -> StagedIndex:
        output = self._output if store else None
        files: list[StagedFile] = []
        start = 0
        with bar("writing", "rows", len(columns)) as advance:
            for shard, rows in self._upstreams.vectors.rows_by_shard("embeddings"):
                table = columns.table(start, start + rows)
                files.append(stage(output, shard, table))
                start += rows
                advance(rows)
        figures = {each.name: each.as_record() for each in figures_of(columns)}
        index = StagedIndex(state, files, figures)
        if store:
            write_index(self._output, index)
        return index
