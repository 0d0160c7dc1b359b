"""What the driver does: it settles what each face is called, and removes what is not any more."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from jobs.engine.identity import read_identity
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.ending import is_finished
from jobs.engine.staged import StagedFile, StagedIndex, is_whole, stage
from jobs.export.batches import batches, in_splits
from jobs.export.config import Config
from jobs.export.formats.known import FORMATS
from jobs.export.names import names_of
from jobs.export.own import claim, open_written
from jobs.export.rows import Chosen, read_rows
from jobs.export.schema import STAGED
from jobs.export.stems import numbered_stems, stems_of
from jobs.export.written import Written
from jobs.finished import Finished
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Continued, Show
from jobs.kind.staging import Staging
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

# To be raised when the same input comes to be exported otherwise.
_VERSION = 1

_log = logging.getLogger(__name__)


class Exporting(Staging):
    """The files of an export, settled when that is needed.

    Args:
        source: The dataset, or the feed.
        going: Settings that the output goes on with.
        output: The output.
    """

    def __init__(self, source: Finished, going: Continued[Config], output: Storage) -> None:
        super().__init__(output, "export")
        self._source = source
        self._settings = going.config.export
        self._format = FORMATS[self._settings.format]
        self._digest = going.digest
        # What was finished when it was looked at, if nothing was to be done anew since.
        self._before: Written | None = None
        self._is_anew = False

    def settle(self, show: Show, store: bool) -> str:
        """Tells from what the files are made; see :meth:`Staging.settle`."""
        parts = [_VERSION, self._digest, self._source.state]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Settles all names; see :meth:`Staging.compute`."""
        table = "feed" if self._source.identity.job == "feed" else "faces"
        with bar("reading", "faces", self._source.dataset.rows.get(table, 0)) as advance:
            chosen = read_rows(self._source, self._settings, advance)
        if not len(chosen.rows):
            raise UserError(
                f"no face of '{self._source.address}' is kept and wanted: change the condition, "
                "or what extract keeps"
            )
        rows = self._named(chosen)
        if output is not None:
            self._before, self._is_anew = None, True
            splits = rows["split"].combine_chunks().dictionary_encode().dictionary.to_pylist()
            claim(output, self._settings.format, splits, self._digest)
        files = []
        with bar("planning", "faces", len(rows)) as advance:
            for key, batch in batches(rows, self._settings.shard_bytes):
                files.append(stage(output, key, self._staged(batch, chosen.classes)))
                advance(len(batch))
        return files, {}

    def lost(self) -> list[str]:
        """Parts of `files` with rows of files that are missing, or have not their size."""
        if read_identity(self._output) is None:
            return []
        written = self._before or self._open()
        if is_finished(self._output) and not self._is_anew:
            self._before = written
        return written.lost()

    def conclude(self) -> Sequence[Figures]:
        """Removes files that are no face's any more, and writes the boxes."""
        if self._before and self._before.is_right:
            return ()
        with Lease(self._output):
            if not is_finished(self._output):  # what is a face's is not known yet
                return ()
            written = self._open()
            for path, data in written.wrong_boxes().items():
                self._output.publish_bytes(data, path)
            strays = written.strays()
            if strays:
                self._output.delete(*strays)
                _log.warning(
                    "Files that are no face's any more were removed (%s, such as '%s').",
                    f"{len(strays):,}",
                    strays[0],
                )
            for folder in written.folders:
                self._output.prune(folder)
        return ()

    def _open(self) -> Written:
        return open_written(self._output, self._settings.format)

    def _is_of_use(self, index: StagedIndex) -> bool:
        """Whether all that was staged is there still, or is committed and its files are there."""
        return super()._is_of_use(index) and (is_whole(self._output, index) or not self.lost())

    def _named(self, chosen: Chosen) -> pa.Table:
        """The faces in the order of batches, each with the name of its folder and its file."""
        rows = in_splits(chosen.rows)
        called = pa.array(names_of(chosen.classes), pa.string())
        names = called.take(rows["class_id"].combine_chunks())
        keys = rows["key"].to_pylist()
        if self._format.is_numbered:
            stems = numbered_stems(names.to_pylist(), keys)
        else:
            stems = stems_of(keys, rows["face_index"].to_pylist())
        rows = rows.append_column("class_name", names)
        return rows.append_column("stem", pa.array(stems, pa.string())).combine_chunks()

    def _staged(self, batch: pa.Table, classes: Sequence[str]) -> pa.Table:
        """What a worker gets; the names of classes stand in the first row, if it needs them."""
        staged = batch.select(STAGED.names).cast(STAGED)
        if self._format.tells_classes:
            told = [json.dumps(classes), *[None] * (len(staged) - 1)]
            staged = staged.append_column("classes", pa.array(told, pa.string()))
        return staged
