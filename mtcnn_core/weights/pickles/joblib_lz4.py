"""joblib's files, as in the ``mtcnn`` 1.0.0 wheel: an lz4 frame around a pickle."""

from __future__ import annotations

import io

import lz4.frame

from mtcnn_core.weights.errors import WeightsError
from mtcnn_core.weights.pickles.reader import read_pickle
from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Tensor, collect

MAGIC = b"\x04\x22\x4d\x18"


def read_lz4(data: bytes, source: str) -> list[Tensor]:
    """Reads the arrays of a joblib file.

    Raises:
        WeightsError: The file is cut off, too large when it is unpacked, or hides code.
    """
    unpacking = lz4.frame.LZ4FrameDecompressor()
    unpacked: bytes = unpacking.decompress(data, max_length=MAX_BYTES)
    if not unpacking.eof:
        if len(unpacked) < MAX_BYTES:
            raise WeightsError(f"{source} is cut off")
        raise WeightsError(f"{source} is too large for weights when it is unpacked")
    return list(collect(read_pickle(io.BytesIO(unpacked), source), (source,)))
