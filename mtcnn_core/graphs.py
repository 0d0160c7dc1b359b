"""Built graphs, kept in the per-user cache so that a worker starts without building them."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

from mtcnn_core.cache import cache_dir
from mtcnn_core.weights import Network, Weights

# Raise it whenever networks.py writes another graph for the same weights.
LAYOUT_VERSION = 4
_MEMBER = "graph.onnx"


def graph_bytes(network: Network, weights: Weights, *, centre: int = 0) -> bytes:
    """Returns the serialised ONNX graph of a network, from the cache or newly built.

    A cached file is a zip with one member, whose checksum is verified on reading: a damaged file
    is rebuilt. Files appear whole under their final name, so processes that build at the same
    time replace each other's equal files. A cache that cannot be written is done without.

    Args:
        network: The architecture.
        weights: Its weights.
        centre: See :func:`mtcnn_core.networks.build_graph`.
    """
    path = _path(network, weights, centre)
    cached = _read(path)
    if cached is not None:
        return cached
    # Imported here: a worker that finds its graphs in the cache saves the 0.2 s of this import.
    from mtcnn_core.networks import build_graph

    graph = build_graph(network, weights[network.name], centre=centre)
    data: bytes = graph.SerializeToString(deterministic=True)
    _write(path, data)
    return data


def _path(network: Network, weights: Weights, centre: int) -> Path:
    key = f"{LAYOUT_VERSION} {network.name} {weights.digests[network.name]} {centre}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    return cache_dir() / "graphs" / f"{network.name}-{digest[:32]}.zip"


def _read(path: Path) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_MEMBER)
    except FileNotFoundError:
        return None
    # What zipfile raises for damage depends on the byte that is damaged.
    except (OSError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, data: bytes) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo(_MEMBER), data)
        os.replace(temporary, path)
    except OSError:  # read-only home, full disk: the graph in hand is all that is needed
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
