"""What the driver does: it judges all faces at once, and stages the rows for its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

from jobs.curate.config import Config
from jobs.curate.figures import figures_of
from jobs.curate.judging import Judged, judge, read_faces, with_leaks
from jobs.curate.settling import settle
from jobs.curate.upstreams import Upstreams
from jobs.curate.verdict_rows import VerdictColumns
from jobs.engine.staged import StagedFile, stage
from jobs.engine.usable import usable_cpus
from jobs.kind.job_kind import Continued, Show
from jobs.kind.staging import Staging
from jobs.messages.bar import bar
from jobs.storage.storage import Storage
from mtcnn_core.curation.thresholds import Thresholds


class Curation(Staging):
    """The verdicts of an output, computed when that is needed.

    Args:
        upstreams: What they are computed from.
        going: Settings that the output goes on with.
        output: The output.
    """

    def __init__(self, upstreams: Upstreams, going: Continued[Config], output: Storage) -> None:
        super().__init__(output, "curate")
        self._upstreams = upstreams
        self._settings = going.config.curate
        self._digest = going.digest
        self._threads = going.config.curate.threads or usable_cpus()
        self._thresholds: Thresholds | None = None

    def settle(self, show: Show, store: bool) -> str:
        """Settles the thresholds; see :meth:`Staging.settle`."""
        self._thresholds = settle(
            self._output,
            self._digest,
            self._upstreams,
            self._settings,
            lambda: self._judged,
            show,
            store,
            self._threads,
        )
        return self._upstreams.state(asdict(self._thresholds))

    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Judges all faces; see :meth:`Staging.compute`."""
        columns = self._verdicts()
        files: list[StagedFile] = []
        start = 0
        with bar("writing", "rows", len(columns)) as advance:
            for shard, rows in self._upstreams.vectors.rows_by_shard("embeddings"):
                table = columns.table(start, start + rows)
                files.append(stage(output, shard, table))
                start += rows
                advance(rows)
        return files, {each.name: each.as_record() for each in figures_of(columns)}

    @cached_property
    def _judged(self) -> Judged:
        return read_faces(self._upstreams)

    def _verdicts(self) -> VerdictColumns:
        assert self._thresholds is not None
        columns = judge(self._judged, self._thresholds, self._threads)
        return with_leaks(columns, self._judged, self._upstreams, self._thresholds, self._threads)
