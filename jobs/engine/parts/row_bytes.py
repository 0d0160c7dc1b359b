"""What can be said of rows, and done to them, however they were batched."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def row_bytes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Data bytes of each row, shape `(rows,)`, the same however the batch was built."""
    total = np.zeros(batch.num_rows, dtype=np.int64)
    for column in batch.columns:
        total += _value_bytes(column)
    return total


def _value_bytes(array: pa.Array) -> npt.NDArray[np.int64]:
    kind = array.type
    if _is_text(kind):
        return _int64(pc.binary_length(array))
    if pa.types.is_struct(kind):
        fields = [_value_bytes(field) for field in array.flatten()]
        return np.sum(fields, axis=0, dtype=np.int64) if fields else _constant(array, 0)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = np.concatenate([[0], np.cumsum(_value_bytes(array.flatten()))])
        ends = np.cumsum(_int64(pc.list_value_length(array)))
        starts = np.concatenate([[0], ends[:-1]])[: len(ends)]
        return np.asarray(values[ends] - values[starts], dtype=np.int64)
    return _constant(array, _width(kind))


def _width(kind: pa.DataType) -> int:
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size) * _width(kind.value_type)
    if pa.types.is_dictionary(kind):
        return _width(kind.index_type)
    return max(1, int(kind.bit_width) // 8)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return any(
        (
            types.is_string(kind),
            types.is_binary(kind),
            types.is_large_string(kind),
            types.is_large_binary(kind),
        )
    )


def _int64(array: pa.Array) -> npt.NDArray[np.int64]:
    filled = pc.fill_null(array, pa.scalar(0, array.type))
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64)


def _constant(array: pa.Array, value: int) -> npt.NDArray[np.int64]:
    return np.full(len(array), value, dtype=np.int64)


def canonical(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, its dictionary, if any, in order of appearance."""
    kind = column.type
    if not pa.types.is_dictionary(kind):
        return pa.concat_arrays(column.chunks)
    # Parquet stores an Arrow dictionary as it is, order and unused entries included.
    values = pa.concat_arrays(column.cast(kind.value_type).chunks)
    encoded = values.dictionary_encode()
    indices = encoded.indices.cast(kind.index_type)
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=kind.ordered)
