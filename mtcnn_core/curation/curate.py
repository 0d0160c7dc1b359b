"""Verdicts on all faces of a dataset, one rule after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names, Progress, Rows
from mtcnn_core.curation.duplicates import duplicate_groups
from mtcnn_core.curation.identities import (
    Split,
    cluster,
    first_rows,
    merge_identities,
    split_labels,
)
from mtcnn_core.curation.likeness import Others, likeness, suspicion
from mtcnn_core.curation.neighbours import Neighbours, nearest, single_threads
from mtcnn_core.curation.thresholds import Thresholds
from mtcnn_core.curation.verdicts import EVIDENCE, Reason, Verdict, Verdicts

# How many neighbours of each face are looked at.
NEIGHBOURS = 24


def curate(
    faces: FaceColumns,
    thresholds: Thresholds,
    progress: Progress | None = None,
    threads: int = 1,
) -> Verdicts:
    """Decides about each face. What each reason means, and how it is decided, is in README.md.

    Args:
        faces: The faces.
        thresholds: Where verdicts begin, in the model's own cosines.
        progress: Told the stage, and how many of its rows are done of how many.
        threads: How many threads compute it. The result does not depend on it.

    Raises:
        CurationError: A library of the extra ``curate`` is not installed.
    """
    verdicts = Verdicts.keep_all(faces.label)
    _judge_alone(faces, thresholds, verdicts)
    judged = np.flatnonzero(verdicts.verdict == Verdict.keep)
    some = faces if len(judged) == len(faces) else faces.select(judged)
    with single_threads():
        neighbours = nearest(some.embeddings, None, NEIGHBOURS, threads, progress)
        found = _Judged(some, neighbours, thresholds, threads, progress).verdicts()
    verdicts.verdict[judged] = found.verdict
    verdicts.reason[judged] = found.reason
    verdicts.score[judged] = found.score
    # Labels keep their numbers in the selection, but the last may be missing there.
    new = found.identity >= some.labels
    verdicts.identity[judged] = np.where(
        new, found.identity - some.labels + faces.labels, found.identity
    )
    verdicts.evidence[judged] = np.where(found.evidence >= 0, judged[found.evidence], -1)
    return replace(verdicts, split_from=found.split_from)


def bearers(faces: FaceColumns) -> Rows:
    """Finds for each face the one of its photo that bears the photo's label, int64 ``(n,)``.

    It is the one nearest the centre, of equals the first.
    """
    order = np.lexsort((np.arange(len(faces)), -faces.centrality, faces.photo))
    first = np.ones(len(order), np.bool_)
    first[1:] = faces.photo[order[1:]] != faces.photo[order[:-1]]
    bearer = np.empty(len(faces), np.int64)
    bearer[order] = order[first][np.cumsum(first) - 1]
    return bearer


def _judge_alone(faces: FaceColumns, thresholds: Thresholds, verdicts: Verdicts) -> None:
    """Other faces of labelled photos, then what is too bad or has no vector."""
    bearer = bearers(faces)
    rows = np.flatnonzero((bearer != np.arange(len(faces))) & (faces.label >= 0))
    short = faces.centrality[bearer[rows]] - faces.centrality[rows]
    verdicts.set(
        rows,
        Verdict.drop,
        Reason.other_face,
        score=short,
        identity=-1,
        evidence=bearer[rows][:, None],
    )
    bad = ~faces.has_vector
    if thresholds.quality is not None:
        bad = bad | (faces.quality < thresholds.quality)
    rows = np.flatnonzero(bad & (verdicts.verdict == Verdict.keep))
    verdicts.set(
        rows,
        Verdict.drop,
        Reason.quality,
        score=np.where(faces.has_vector[rows], faces.quality[rows], np.nan),
        identity=-1,
        evidence=np.empty((len(rows), 0), np.int64),
    )


@dataclass
class _Judged:
    """The rules that compare faces, all of which have vectors."""

    faces: FaceColumns
    neighbours: Neighbours
    thresholds: Thresholds
    threads: int
    progress: Progress | None

    def verdicts(self) -> Verdicts:
        faces, near = self.faces, self.neighbours
        verdicts = Verdicts.keep_all(faces.label)
        everything = np.ones(len(faces), np.bool_)
        self._tell("duplicates", 0)
        group = duplicate_groups(faces, near, everything, self.thresholds)
        self._tell("splitting", 0)
        split = self._split(group)
        self._tell("labels", 0)
        label = self._joined(np.where(split.part > 0, faces.labels + split.part - 1, faces.label))
        suspect = suspicion(faces.embeddings, label, near, group, self.threads)
        margin = suspect.margin
        wrong = unlike(label, margin, self.thresholds)
        verdicts.score[:] = suspect.own
        self._move_parts(verdicts, split)
        self._drop_copies(verdicts, group, wrong, margin)
        self._move(verdicts, wrong, margin, suspect.others, label)
        self._tell("clusters", 0)
        split_from = np.concatenate(
            [split.split_from, self._cluster(verdicts, len(split.split_from))]
        )
        self._tell("merging", 0)
        self._merge(verdicts)
        self._speak_for_kept(verdicts)
        self._tell("merging", 1)
        return replace(verdicts, split_from=split_from)

    def _tell(self, stage: str, done: int) -> None:
        if self.progress is not None:
            self.progress(stage, done, 1)

    def _split(self, group: Names) -> Split:
        """Labels of two persons, before faces are compared with them; copies count once."""
        usable = self.faces.label >= 0
        first = np.unique(group, return_index=True)[1]
        copies = group >= 0
        copies[first] = False
        split = split_labels(
            self.faces, self.neighbours, usable & ~copies, self.thresholds, self.threads
        )
        # A copy is of the part that its first is of, if it bears the same label.
        whole = np.flatnonzero(group >= 0)
        firsts = np.full(int(group.max(initial=-1)) + 1, -1)
        firsts[group[first[group[first] >= 0]]] = first[group[first] >= 0]
        source = firsts[group[whole]]
        same = self.faces.label[whole] == self.faces.label[source]
        split.part[whole[same]] = split.part[source[same]]
        split.score[whole[same]] = split.score[source[same]]
        return split

    def _joined(self, label: Names) -> Names:
        """Labels, those of one person as one: else each face of it would be like another label."""
        merge = merge_identities(
            self.faces, label, self.neighbours, label >= 0, self.thresholds, self.threads
        )
        joined: Names = label.astype(np.int32)
        named = joined >= 0
        joined[named] = merge.into[joined[named]]
        return joined

    def _drop_copies(self, verdicts: Verdicts, group: Names, wrong: Bools, margin: Floats) -> None:
        best = keepers(self.faces, group, wrong, margin)
        rows = np.flatnonzero((group >= 0) & (best != np.arange(len(group))))
        vectors = self.faces.embeddings
        verdicts.set(
            rows,
            Verdict.drop,
            Reason.duplicate,
            score=np.einsum("ij,ij->i", vectors[rows], vectors[best[rows]]),
            identity=verdicts.identity[best[rows]],
            evidence=best[rows][:, None],
        )

    def _move(
        self, verdicts: Verdicts, wrong: Bools, margin: Floats, other: Others, label: Names
    ) -> None:
        alive = verdicts.verdict != Verdict.drop
        right = np.where(alive & ~wrong, label, -1).astype(np.int32)
        rows = np.flatnonzero(alive & wrong)
        claim = likeness(
            self.faces.embeddings, right, rows, other.label[rows], threads=self.threads
        )
        claimed = claim >= self.thresholds.claim
        for verdict, some in ((Verdict.move, claimed), (Verdict.drop, ~claimed)):
            verdicts.set(
                rows[some],
                verdict,
                Reason.not_like_identity,
                score=margin[rows[some]],
                identity=other.label[rows[some]] if verdict == Verdict.move else -1,
                evidence=other.rows[rows[some]],
            )

    def _move_parts(self, verdicts: Verdicts, split: Split) -> None:
        near = self.neighbours.rows
        rows = np.flatnonzero(split.part)
        fits = (near[rows] >= 0) & (split.part[near[rows]] == split.part[rows, None])
        verdicts.set(
            rows,
            Verdict.move,
            Reason.two_persons,
            score=split.score[rows],
            identity=self.faces.labels + split.part[rows] - 1,
            evidence=first_rows(near[rows], fits, EVIDENCE),
        )

    def _cluster(self, verdicts: Verdicts, splits: int) -> Names:
        faces = self.faces
        usable = (verdicts.verdict == Verdict.keep) & (faces.label < 0)
        found = cluster(faces, self.neighbours, usable, self.thresholds, self.threads)
        rows = np.flatnonzero(found >= 0)
        verdicts.identity[rows] = faces.labels + splits + found[rows]
        verdicts.score[rows] = likeness(
            faces.embeddings, found, rows, found[rows], threads=self.threads
        )
        return np.full(int(found.max(initial=-1)) + 1, -1, np.int32)

    def _merge(self, verdicts: Verdicts) -> None:
        faces, near = self.faces, self.neighbours.rows
        usable = verdicts.verdict != Verdict.drop
        merge = merge_identities(
            faces, verdicts.identity, self.neighbours, usable, self.thresholds, self.threads
        )
        named = np.flatnonzero(verdicts.identity >= 0)
        before = verdicts.identity.copy()
        verdicts.identity[named] = merge.into[before[named]]
        changed = verdicts.identity != before
        rows = np.flatnonzero(changed & (verdicts.verdict == Verdict.keep))
        target = verdicts.identity[rows, None]
        fits = (near[rows] >= 0) & (before[near[rows]] == target) & usable[near[rows]]
        verdicts.set(
            rows,
            Verdict.merge,
            Reason.same_person,
            score=merge.score[before[rows]],
            identity=verdicts.identity[rows],
            evidence=first_rows(near[rows], fits, EVIDENCE),
        )

    def _speak_for_kept(self, verdicts: Verdicts) -> None:
        near, identity = self.neighbours.rows, verdicts.identity
        rows = np.flatnonzero((verdicts.verdict == Verdict.keep) & (identity >= 0))
        counted = verdicts.verdict != Verdict.drop
        fits = (near[rows] >= 0) & (identity[near[rows]] == identity[rows, None])
        verdicts.evidence[rows] = first_rows(near[rows], fits & counted[near[rows]], EVIDENCE)


def unlike(label: Names, margin: Floats, thresholds: Thresholds) -> Bools:
    """Tells which faces are not like their label's others.

    Of a label's faces that are all unlike each other the least suspect one is left: of two faces
    that differ, one is not to blame.

    Args:
        label: int32 ``(n,)``; -1 for none.
        margin: float32 ``(n,)``: likeness to the nearest others minus likeness to its own; NaN
            where one of them is not known.
        thresholds: ``margin`` is used.

    Returns:
        bool ``(n,)``.
    """
    wrong: Bools = (margin > thresholds.margin) & (label >= 0)
    known = np.flatnonzero(label >= 0)
    order = known[np.lexsort((known, np.nan_to_num(margin[known], nan=-9), label[known]))]
    first = np.ones(len(order), np.bool_)
    first[1:] = label[order[1:]] != label[order[:-1]]
    wrong[order[first]] = False
    return wrong


def keepers(faces: FaceColumns, group: Names, wrong: Bools, margin: Floats) -> Rows:
    """Finds for each face of a group of copies the one that stays, int64 ``(n,)``.

    First those that are not unlike their label, then those with a label; where copies bear several
    labels, the one that is most like its own; then by quality, and of equals the first.
    """
    n = len(group)
    rows = np.flatnonzero(group >= 0)
    numbers, label = group[rows], faces.label[rows]
    count = int(group.max(initial=-1)) + 1
    low, high = np.full(count, np.iinfo(np.int32).max), np.full(count, -1)
    labelled = label >= 0
    np.minimum.at(low, numbers[labelled], label[labelled])
    np.maximum.at(high, numbers[labelled], label[labelled])
    disputed = (low < high)[numbers]
    unlikely = np.where(disputed, np.nan_to_num(margin[rows], nan=9), 0)
    quality = np.nan_to_num(faces.quality[rows], nan=-np.inf)
    order = np.lexsort((rows, -quality, unlikely, ~labelled, wrong[rows], numbers))
    first = np.ones(len(order), np.bool_)
    first[1:] = numbers[order[1:]] != numbers[order[:-1]]
    best = np.arange(n)
    best[rows[order]] = rows[order[first]][np.cumsum(first) - 1]
    return best
