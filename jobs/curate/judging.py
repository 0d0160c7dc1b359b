"""Verdicts on all faces: what is read becomes columns, which the core judges."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.curate.faces import Photos, Vectors, read_photos, read_vectors
from jobs.curate.kind import REASONS, VERDICTS
from jobs.curate.names import identity_names, numbered
from jobs.curate.own import OwnRows, rows_of
from jobs.curate.upstreams import Upstreams
from jobs.curate.verdict_rows import Leaks, VerdictColumns
from jobs.messages.bar import bar
from jobs.messages.errors import UserError
from mtcnn_core.curation.columns import FaceColumns, Progress
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.thresholds import Thresholds

_OWN = 1 + list(REASONS).index("own")


@dataclass(frozen=True, eq=False)
class Judged:
    """Faces as they are judged.

    Attributes:
        columns: What is judged.
        vectors: The rows that the columns are of.
        own: Verdicts of one's own.
        label: Number of each face's label as it was, int32 ``(n,)``.
        names: Names of the labels, by their numbers.
    """

    columns: FaceColumns
    vectors: Vectors
    own: OwnRows
    label: NDArray[np.int32]
    names: list[str]


def read_faces(upstreams: Upstreams) -> Judged:
    """Reads all that is judged.

    A face that one's own verdict drops has no vector for the core, so that it speaks for no other,
    and one that it moves has the label that it moves to.

    Raises:
        UserError: Files do not go together, or cannot be read.
    """
    rows = upstreams.vectors.dataset.rows.get("embeddings", 0)
    with bar("reading", "rows", 2 * rows) as advance:
        vectors = read_vectors(upstreams.vectors, advance)
        photos = read_photos(upstreams.faces, vectors, advance)
    pa.default_memory_pool().release_unused()  # what reading took, before the core takes more
    if not len(vectors):
        raise UserError(f"there are no faces in '{upstreams.vectors.address}': check the path")
    own = rows_of(upstreams.own_address, list(upstreams.own), vectors)
    names, label = numbered(vectors.labels, filter(None, own.identities))
    return Judged(_columns(vectors, photos, label, own, names), vectors, own, label, names)


def _columns(
    vectors: Vectors, photos: Photos, label: NDArray[np.int32], own: OwnRows, names: list[str]
) -> FaceColumns:
    has_vector, wanted = vectors.has_vector.copy(), label.copy()
    has_vector[own.rows[own.verdicts == VERDICTS.index("drop")]] = False
    wanted[own.rows] = _own_identities(own, label, names)
    return FaceColumns(
        embeddings=vectors.embeddings,
        has_vector=has_vector,
        photo=photos.photo,
        label=wanted,
        centrality=photos.centrality,
        quality=vectors.quality,
        content=photos.content,
        phash=vectors.phash,
    )


def _own_identities(own: OwnRows, label: NDArray[np.int32], names: list[str]) -> NDArray[np.int32]:
    """Number of the label that each face with a verdict of one's own bears by it."""
    places = {name: number for number, name in enumerate(names)}
    said = [-1 if name is None else places[name] for name in own.identities]
    numbers = np.array(said, np.int32)
    return np.where(numbers < 0, label[own.rows], numbers)


def judge(judged: Judged, thresholds: Thresholds, threads: int) -> VerdictColumns:
    """Judges all faces.

    Args:
        judged: The faces.
        thresholds: Where verdicts begin.
        threads: The result does not depend on it.

    Raises:
        UserError: A library is missing.
    """
    from mtcnn_core.curation.curate import curate

    with telling() as progress, core_errors():
        found = curate(judged.columns, thresholds, progress=progress, threads=threads)
    own, vectors = judged.own, judged.vectors
    is_dropped = own.verdicts == VERDICTS.index("drop")
    identities = _own_identities(own, judged.label, judged.names)
    found.verdict[own.rows] = own.verdicts
    found.reason[own.rows] = _OWN
    found.score[own.rows] = np.nan
    found.evidence[own.rows] = -1
    found.identity[own.rows] = np.where(is_dropped, -1, identities)
    names = identity_names(
        judged.names, found.split_from, found.identity, vectors.keys, vectors.face_index
    )
    return VerdictColumns(
        keys=vectors.keys,
        face_index=vectors.face_index,
        label=judged.label,
        identity=found.identity,
        names=names,
        verdict=found.verdict,
        reason=found.reason,
        score=found.score,
        evidence=found.evidence,
    )


def with_leaks(
    columns: VerdictColumns,
    judged: Judged,
    upstreams: Upstreams,
    thresholds: Thresholds,
    threads: int,
) -> VerdictColumns:
    """Adds which faces show persons who are also among the other vectors.

    Persons here are the identities that the verdicts make.

    Raises:
        UserError: A file cannot be read.
    """
    if not upstreams.others:
        return columns
    found = _leaks(judged.columns, columns.identity, upstreams, thresholds, threads)
    return replace(columns, leaks=list(found))


def _leaks(
    here: FaceColumns,
    identity: NDArray[np.int32],
    upstreams: Upstreams,
    thresholds: Thresholds,
    threads: int,
) -> Iterator[Leaks]:
    from mtcnn_core.curation.leaks import leaks

    for address, other in upstreams.others.items():
        there = read_vectors(other)
        with telling() as progress, core_errors():
            found = leaks(
                here,
                _others(there),
                thresholds,
                identity=identity,
                progress=progress,
                threads=threads,
            )
        rows = np.flatnonzero(found.is_leak)
        nearest = found.evidence[rows, 0]
        yield Leaks(
            address,
            rows,
            found.score[rows],
            there.keys.take(nearest),
            there.face_index[nearest],
        )


def _others(vectors: Vectors) -> FaceColumns:
    """Other vectors as columns; what only verdicts need is not known."""
    count = len(vectors)
    _, label = numbered(vectors.labels, ())
    return FaceColumns(
        embeddings=vectors.embeddings,
        has_vector=vectors.has_vector,
        photo=np.arange(count),
        label=label,
        centrality=np.zeros(count, np.float32),
        quality=vectors.quality,
        content=np.zeros((count, 2), np.uint64),
        phash=vectors.phash,
    )


@contextlib.contextmanager
def telling() -> Generator[Progress, None, None]:
    """What the core tells how far it is, shown as a bar a stage."""
    with contextlib.ExitStack() as stack:
        shown = _Shown(stack)
        yield shown.tell


class _Shown:
    """The bar of the stage that the core is in."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._stage = ""
        self._done = 0
        self._advance: Callable[[int], None] = lambda count: None

    def tell(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self._stack.close()
            self._advance = self._stack.enter_context(bar(stage, "steps", total))
            self._stage, self._done = stage, 0
        self._advance(done - self._done)
        self._done = done


@contextlib.contextmanager
def core_errors() -> Generator[None, None, None]:
    """Turns what the core has to say to users into a `UserError`."""
    try:
        yield
    except CurationError as error:
        raise UserError(str(error)) from error
