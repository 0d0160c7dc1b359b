"""The nearest faces of each face, found by faiss."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from mtcnn_core.curation.columns import Floats, Names, Progress, Rows
from mtcnn_core.curation.errors import CurationError

# Each block is one call of one thread, whatever the number of threads, so that results do not
# depend on it.
BLOCK = 4096
# Up to here every face is compared with every other; beyond it with the lists of the nearest cells.
_EXACT = 50_000
_PROBES = 8
_SAMPLE_PER_CELL = 48
_SEED = 20

_Result = TypeVar("_Result")


def library(name: str) -> Any:
    """Imports a library of the extra ``curate``.

    Raises:
        CurationError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CurationError(
            f"curating needs {name.partition('.')[0]}, which cannot be imported ({error}): "
            "install it with `pip install 'mtcnn-ray[curate]'`"
        ) from error


@contextmanager
def single_threads() -> Iterator[None]:
    """Keeps the libraries that multiply matrices to one thread a call while it lasts."""
    with library("threadpoolctl").threadpool_limits(1):
        yield


def in_blocks(
    work: Callable[[int, int], _Result],
    count: int,
    threads: int,
    told: Callable[[int, int], None] | None = None,
    block: int = BLOCK,
) -> list[_Result]:
    """Calls something for each block of rows, several at a time.

    Args:
        work: Called with the first row of a block and the first behind it.
        count: How many rows there are.
        threads: How many blocks are worked on at a time.
        told: Told how many rows are done of how many.
        block: Rows a block.

    Returns:
        What it returned, in the order of the blocks.
    """
    starts = range(0, count, block)
    found = []
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        for start, each in zip(
            starts, pool.map(lambda at: work(at, min(at + block, count)), starts), strict=True
        ):
            found.append(each)
            if told is not None:
                told(min(start + block, count), count)
    return found


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest faces of each face, the nearest first, without the face itself.

    Attributes:
        rows: int32 ``(n, k)``; -1 where there are no more.
        cosines: float32 ``(n, k)``; -2 where there are no more.
    """

    rows: Names
    cosines: Floats


def nearest(
    vectors: Floats,
    queries: Floats | None,
    count: int,
    threads: int = 1,
    progress: Progress | None = None,
) -> Neighbours:
    """Finds the nearest vectors by cosine.

    Exact up to 50,000 vectors; beyond that by an inverted file of faiss, which misses a few.

    Args:
        vectors: float32 ``(n, d)`` of length 1.
        queries: float32 ``(m, d)`` of length 1; None for the vectors themselves, each of which is
            then not its own neighbour.
        count: How many are wanted of each.
        threads: How many blocks are searched at a time. The result does not depend on it.
        progress: Told how far it is.

    Raises:
        CurationError: faiss is not installed.
    """
    asked = vectors if queries is None else queries
    if min(count + (queries is None), len(vectors)) <= 0 or len(asked) == 0:
        shape = len(asked), count
        return Neighbours(np.full(shape, -1, np.int32), np.full(shape, -2, np.float32))
    with single_threads():
        search = _search(vectors, queries, count)
        told = None if progress is None else (lambda done, of: progress("neighbours", done, of))
        found = in_blocks(search, len(asked), threads, told)
    return Neighbours(*(np.concatenate(part) for part in zip(*found, strict=True)))


def nearest_in_turn(
    vectors: Floats, count: int, threads: int = 1
) -> Iterator[tuple[int, Neighbours]]:
    """Yields what :func:`nearest` finds for the vectors themselves, so many blocks at a time.

    Only those blocks are held, however many vectors there are.

    Args:
        vectors: float32 ``(n, d)`` of length 1, n not zero.
        count: How many are wanted of each.
        threads: How many blocks are searched at a time. The neighbours do not depend on it.

    Yields:
        The first row of the blocks, and the neighbours of their rows.

    Raises:
        CurationError: faiss is not installed.
    """
    with single_threads():
        search = _search(vectors, None, count)
    for first in range(0, len(vectors), threads * BLOCK):
        size = min(threads * BLOCK, len(vectors) - first)
        with single_threads():
            found = in_blocks(partial(_moved, search, first), size, threads)
        yield first, Neighbours(*(np.concatenate(part) for part in zip(*found, strict=True)))


def _moved(
    search: Callable[[int, int], tuple[Names, Floats]], by: int, start: int, end: int
) -> tuple[Names, Floats]:
    return search(by + start, by + end)


def is_searched_whole(count: int) -> bool:
    """Whether neighbours among so many vectors are found without missing any."""
    return count <= _EXACT


def _search(
    vectors: Floats, queries: Floats | None, count: int
) -> Callable[[int, int], tuple[Names, Floats]]:
    """What finds the neighbours of a block of queries; of the vectors themselves without any."""
    index = _index(vectors)
    own = queries is None
    asked = vectors if queries is None else queries
    wanted = min(count + own, len(vectors))

    def search(start: int, end: int) -> tuple[Names, Floats]:
        faiss = library("faiss")
        faiss.omp_set_num_threads(1)  # counts for the calling thread alone
        cosines, rows = index.search(asked[start:end], wanted)
        return _ordered(cosines, rows, start if own else None, count)

    return search


def _index(vectors: Floats) -> Any:
    faiss = library("faiss")
    faiss.omp_set_num_threads(1)
    d = vectors.shape[1]
    if len(vectors) <= _EXACT:
        index = faiss.IndexFlatIP(d)
        index.add(vectors)
        return index
    # Four cells a square root: 4,000 of 250 for a million.
    cells = int(4 * np.sqrt(len(vectors)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(d), d, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, 8, True
    index.cp.max_points_per_centroid = _SAMPLE_PER_CELL
    index.train(vectors)
    for start in range(0, len(vectors), 16 * BLOCK):
        index.add(vectors[start : start + 16 * BLOCK])
    index.nprobe = _PROBES
    return index


def _ordered(cosines: Floats, rows: Rows, start: int | None, count: int) -> tuple[Names, Floats]:
    """Neighbours by falling cosine, equals by row, without the faces themselves."""
    cosines = np.where(rows < 0, -2, cosines).astype(np.float32)
    if start is not None:
        itself = rows == np.arange(start, start + len(rows))[:, None]
        cosines[itself], rows = -3, np.where(itself, -1, rows)
    order = np.lexsort((rows, -cosines))[:, :count]
    rows = np.take_along_axis(rows, order, 1)
    cosines = np.maximum(np.take_along_axis(cosines, order, 1), -2)
    short = ((0, 0), (0, count - rows.shape[1]))
    return (
        np.pad(rows, short, constant_values=-1).astype(np.int32),
        np.pad(cosines, short, constant_values=-2).astype(np.float32),
    )
