"""Keys that several items have, which every join on `key` would multiply."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import compress

import pyarrow.parquet as pq

from jobs.engine.parts.layout import Layout
from jobs.engine.parts.row_names import naming_columns, row_names
from jobs.keys import KeySet
from jobs.storage.storage import Storage

_SHOWN = 3
_ROWS_AT_ONCE = 2**16


def repeated_keys(storage: Storage, keys: KeySet, paths: Set[str]) -> list[str]:
    """What is wrong with the keys of all items together: a sentence, or none.

    Args:
        storage: The output.
        keys: Those of all items.
        paths: The parts that have them.
    """
    repeated = keys.repeated()
    if not len(repeated):
        return []
    shown: dict[str, None] = {}
    for key in _keys(storage, paths, repeated):
        shown[key] = None
        if len(shown) == _SHOWN:
            break
    names = ", ".join(f"'{key}'" for key in shown)
    return [f"Keys are there more than once ({names}): run the job again with a new output."]


def _keys(storage: Storage, paths: Set[str], wanted: KeySet) -> Iterator[str]:
    for path in sorted(paths):
        with storage.open(path) as file:
            parquet = pq.ParquetFile(file)
            columns = naming_columns(Layout.of(parquet).schema)
            for batch in parquet.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False):
                keys = row_names(batch, columns)
                yield from compress(keys, wanted.contains(keys))
