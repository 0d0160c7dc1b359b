"""The table of samples: how those of the networks lie in Parquet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.kind.schemas import floats, with_features
from mtcnn_core.samples.samples import KINDS, Samples

TABLE = "samples"

_CHANNELS = 3


def samples_schema(side: int, metadata: Mapping[str, str]) -> pa.Schema:
    """The schema of samples.

    Args:
        side: Side of the crops in pixels.
        metadata: What else it says.
    """
    return with_features(
        [
            pa.field("key", pa.string(), nullable=False),
            pa.field("sample_index", pa.int32(), nullable=False),
            pa.field("kind", pa.dictionary(pa.int32(), pa.string()), nullable=False),
            pa.field("pixels", pa.binary(side * side * _CHANNELS), nullable=False),
            pa.field("square", floats(4), nullable=False),
            pa.field("box", floats(4)),
            pa.field("landmarks", floats(10)),
            pa.field("iou", pa.float32(), nullable=False),
            pa.field("size", pa.float32()),
            pa.field("score", pa.float32()),
            pa.field("target", pa.float32(), nullable=False),
        ],
        metadata,
    )


def side_of(schema: pa.Schema) -> int:
    """Side of the crops in pixels."""
    width: int = schema.field("pixels").type.byte_width
    return math.isqrt(width // _CHANNELS)


def batch_of(
    samples: Samples, keys: Sequence[str], indices: NDArray[np.int32], schema: pa.Schema
) -> pa.RecordBatch:
    """Samples as rows.

    Args:
        samples: The samples.
        keys: Keys of their photos.
        indices: int32 ``(n,)``: the number of each among those of its photo.
        schema: As :func:`samples_schema` gives it.
    """
    names = pa.DictionaryArray.from_arrays(
        pa.array(samples.kinds, pa.int32()), pa.array(KINDS, pa.string())
    )
    columns = {
        "key": pa.array(keys, pa.string()),
        "sample_index": pa.array(indices, pa.int32()),
        "kind": names,
        "pixels": _of_bytes(samples.pixels, schema.field("pixels").type),
        "square": _of_rows(samples.squares, nullable=False),
        "box": _of_rows(samples.boxes),
        "landmarks": _of_rows(samples.landmarks.reshape(len(samples), -1)),
        "iou": pa.array(samples.ious),
        "size": _of_numbers(samples.sizes),
        "score": _of_numbers(samples.scores),
        "target": pa.array(samples.targets),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def samples_of(rows: pa.Table) -> Samples:
    """Rows as samples; what is not known is NaN."""
    columns = {name: _whole(rows.column(name)) for name in rows.schema.names}
    side, count = side_of(rows.schema), rows.num_rows
    kinds = columns["kind"]
    numbers = np.array([KINDS.index(name) for name in kinds.dictionary.to_pylist()], np.int8)
    pixels = columns["pixels"]
    start = pixels.offset * side * side * _CHANNELS
    data = np.frombuffer(pixels.buffers()[1], np.uint8)
    return Samples(
        data[start : start + count * side * side * _CHANNELS].reshape(count, side, side, _CHANNELS),
        numbers[np.asarray(kinds.indices)] if count else np.empty(0, np.int8),
        _rows_of(columns["square"], 4),
        _rows_of(columns["box"], 4),
        _rows_of(columns["landmarks"], 10).reshape(-1, 5, 2),
        *(_numbers_of(columns[name]) for name in ("iou", "size", "score", "target")),
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.unify_dictionaries().combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _of_bytes(pixels: NDArray[np.uint8], kind: pa.DataType) -> pa.Array:
    data = pa.py_buffer(np.ascontiguousarray(pixels))
    return pa.Array.from_buffers(kind, len(pixels), [None, data])


def _of_rows(values: NDArray[np.float32], nullable: bool = True) -> pa.Array:
    width = values.shape[1]
    mask = pa.array(np.isnan(values[:, 0])) if nullable else None
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=floats(width), mask=mask)


def _of_numbers(values: NDArray[np.float32]) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _rows_of(column: pa.Array, width: int) -> NDArray[np.float32]:
    flat = np.asarray(column.values)[column.offset * width : (column.offset + len(column)) * width]
    rows = flat.reshape(-1, width).astype(np.float32)
    rows[np.asarray(column.is_null())] = np.nan
    return rows


def _numbers_of(column: pa.Array) -> NDArray[np.float32]:
    values: NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
    return values
