"""Files of an output with some bytes in them, as they are and as Parquet readers see them."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from tests.jobs.engine.mortal import contents


def holding(output: str, *wanted: str | bytes) -> list[str]:
    """Paths of the files that hold any of some texts or bytes."""
    needles = [each.encode() if isinstance(each, str) else each for each in wanted]
    return sorted(
        path
        for path, data in contents(output).items()
        if any(needle in seen for needle in needles for seen in (data, _decoded(path, data)))
    )


def _decoded(path: str, data: bytes) -> bytes:
    """What is in a Parquet file: values neither compressed nor encoded, and the metadata."""
    if not path.endswith(".parquet") or not data:
        return b""
    file = pq.ParquetFile(io.BytesIO(data))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, file.schema_arrow) as stream:
        for batch in file.iter_batches():
            stream.write_batch(batch)
    statistics = [
        str(file.metadata.row_group(group).column(column).to_dict())
        for group in range(file.num_row_groups)
        for column in range(file.metadata.num_columns)
    ]
    return bytes(sink.getvalue()) + "".join(statistics).encode()
