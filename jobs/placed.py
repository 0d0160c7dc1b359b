"""Rows of another job's output that a driver has chosen, brought into an order of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jobs.members import Member
from jobs.upstream import Upstream

# Columns that say where a row is: shard, its version, and number of the row in it.
PLACE = ("shard", "version", "row")
_NAMES = ("key", "face_index")


def taken(upstream: Upstream, table: str, column: str, placed: pa.Table) -> pa.Array:
    """A column of rows wherever they are, in the order in which they are wanted.

    Of each shard the row groups that hold some of them are read, once.

    Args:
        upstream: The output.
        table: Its table.
        column: The column.
        placed: The rows that are wanted, with key, face_index and the columns :data:`PLACE`.

    Raises:
        jobs.messages.errors.UserError: A shard was made anew since, or cannot be read.
    """
    shards = placed["shard"].combine_chunks().dictionary_encode()
    numbers = shards.indices.to_numpy(zero_copy_only=False)
    rows = placed["row"].to_numpy()
    versions = placed["version"].to_pylist()
    found: list[pa.Array] = []
    order: list[np.ndarray] = []
    for number, shard in enumerate(shards.dictionary.to_pylist()):
        here = np.flatnonzero(numbers == number)
        here = here[np.argsort(rows[here], kind="stable")]
        member = Member(shard, f"{table}/{shard}", None, versions[here[0]], None)
        columns = [*_NAMES, column]
        own = upstream.take(member, table, columns, rows[here])
        upstream.check_same(member, own, placed.take(pa.array(here)), _NAMES)
        found.append(own[column].combine_chunks())
        order.append(here)
    back = np.argsort(np.concatenate(order), kind="stable")
    return pa.concat_arrays(found).take(pa.array(back))


def turns(values: Sequence[int] | np.ndarray) -> np.ndarray:
    """Whether each value is another one than the one before it."""
    array = np.asarray(values)
    return np.concatenate([[True], array[1:] != array[:-1]])
