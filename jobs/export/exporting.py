"""What the driver does: it settles what each face is called, and removes what is not any more."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from jobs.engine.settled import Settled, read_settled, write_settled
from jobs.engine.staged import StagedFile, stage
from jobs.export.card import write_card
from jobs.export.config import Config
from jobs.export.files import sweep
from jobs.export.formats import FORMATS
from jobs.export.names import as_names, names_of, stem_of
from jobs.export.rows import class_names, read_rows
from jobs.export.schema import STAGED
from jobs.finished import Finished
from jobs.kind.figures import Figures
from jobs.kind.job_kind import Continued, Show
from jobs.kind.staging import Staging
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

# To be raised when the same input comes to be exported otherwise.
_VERSION = 1
_SWEPT = "swept"


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
        self._digest = going.digest
        self._state = ""

    def settle(self, show: Show, store: bool) -> str:
        """Tells from what the files are made; see :meth:`Staging.settle`."""
        parts = [_VERSION, self._digest, self._source.state]
        self._state = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return self._state

    def compute(self, output: Storage | None) -> tuple[list[StagedFile], Mapping[str, Any]]:
        """Settles all names; see :meth:`Staging.compute`."""
        table = "feed" if self._source.identity.job == "feed" else "faces"
        with bar("reading", "faces", self._source.dataset.rows.get(table, 0)) as advance:
            rows = read_rows(self._source, self._settings, advance)
        if not len(rows):
            raise UserError(
                f"no face of '{self._source.address}' is kept and wanted: change the condition, "
                "or what extract keeps"
            )
        classes = class_names(rows, self._settings)
        called = as_names(classes)
        rows = rows.append_column(
            "class_name", pa.array([called[classes[i]] for i in rows["class_id"].to_pylist()])
        )
        rows = rows.append_column("stem", pa.array(self._stems(rows), pa.string()))
        rows = rows.select(STAGED.names).cast(STAGED)
        if output is not None:
            write_card(output, self._settings.format, sorted(set(rows["split"].to_pylist())))
        files = []
        for shard, piece in _by_shard(rows):
            if FORMATS[self._settings.format].tells_classes:
                told = [json.dumps(classes), *[None] * (len(piece) - 1)]
                piece = piece.append_column("classes", pa.array(told, pa.string()))
            files.append(stage(output, shard, piece))
        return files, {}

    def conclude(self) -> Sequence[Figures]:
        """Removes files that are no face's any more, unless that was done."""
        settled = read_settled(self._output)
        if settled is None or settled.values.get(_SWEPT) != self._state:
            sweep(self._output, self._settings.format)
            write_settled(self._output, Settled(self._digest, {_SWEPT: self._state}, {}))
        return ()

    def _stems(self, rows: pa.Table) -> list[str]:
        """What the file of each face is called, without its ending."""
        names = rows["class_name"].to_pylist()
        if FORMATS[self._settings.format].numbers_in_class:
            seen: Counter[str] = Counter()
            stems = []
            for name in names:
                seen[name] += 1
                stems.append(f"{name}_{seen[name]:04d}")
            return stems
        faces = zip(rows["key"].to_pylist(), rows["face_index"].to_pylist(), strict=True)
        return names_of([stem_of(key, index) for key, index in faces])


def _by_shard(rows: pa.Table) -> list[tuple[str, pa.Table]]:
    """The rows of each shard, in order."""
    shards = rows["shard"].to_pylist()
    found = []
    start = 0
    for stop in range(1, len(shards) + 1):
        if stop == len(shards) or shards[stop] != shards[start]:
            found.append((shards[start], rows.slice(start, stop - start)))
            start = stop
    return found
