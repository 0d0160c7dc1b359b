"""Thresholds from the user's own faces: errors are planted, and each threshold is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.columns import Bools, FaceColumns, Floats, Names, Progress, Rows
from mtcnn_core.curation.curate import NEIGHBOURS, bearers, unlike
from mtcnn_core.curation.duplicates import duplicate_groups
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.curation.identities import LEAST_SPLIT, cluster, merge_identities, split_labels
from mtcnn_core.curation.leaks import leaks
from mtcnn_core.curation.likeness import likeness, suspicion
from mtcnn_core.curation.linkage import totals
from mtcnn_core.curation.neighbours import nearest, single_threads
from mtcnn_core.curation.planting import copies, flips, joins, splits
from mtcnn_core.curation.thresholds import Thresholds
from mtcnn_core.evaluation.clusters import Agreement, agreement, bcubed

# So many faces are enough for two digits, and take a minute.
_MOST = 20_000
_STEPS = 25
_SHARE = 0.05
_TRIALS = 4
# By which share of the way to equal vectors faces of one person must be more alike than of two.
_LEAST_APART = 0.1
# Verdicts that take faces away or join persons are to be right this often.
_PRECISION = 0.98


@dataclass(frozen=True)
class Sweep:
    """What one threshold does to planted errors, at each of several values.

    What was wrong in the sample before counts as wrongly found, so precisions are the least there
    is.

    Attributes:
        threshold: Its name in :class:`Thresholds`.
        reason: The verdict's reason that it decides, or what else.
        values: The values, rising.
        agreements: Precision and recall at each.
        planted: How many errors there are to find.
        chosen: Place of the value that was chosen.
    """

    threshold: str
    reason: str
    values: tuple[float, ...]
    agreements: tuple[Agreement, ...]
    planted: int
    chosen: int


@dataclass(frozen=True)
class Calibration:
    """Thresholds for one collection of faces, and what they were chosen by.

    Attributes:
        thresholds: The chosen ones.
        sweeps: One a threshold.
        faces: How many faces were in the sample.
        persons: How many persons.
    """

    thresholds: Thresholds
    sweeps: tuple[Sweep, ...]
    faces: int
    persons: int


def calibrate(
    faces: FaceColumns,
    quality: float | None = None,
    seed: int = 20,
    progress: Progress | None = None,
    threads: int = 1,
) -> Calibration:
    """Chooses thresholds by errors that are planted into a sample of labelled faces.

    Nothing of it depends on the model: the values that are tried lie between how much faces of
    different persons are alike, and how much faces of one.

    Args:
        faces: The faces. Used are those that bear the label of their photo, of persons with two
            faces or more.
        quality: The threshold of quality, which is not calibrated: worse faces are left out.
        seed: Chooses sample and errors.
        progress: Told how far it is.
        threads: How many threads compute it. The result does not depend on it.

    Raises:
        CurationError: There are too few labelled faces, or a library is not installed.
    """
    rng = np.random.default_rng(seed)
    with single_threads():
        sample = faces.select(_sampled(faces, quality, rng))
        trial = _Trial(sample, rng, threads, quality, progress)
        return trial.calibration()


def _sampled(faces: FaceColumns, quality: float | None, rng: np.random.Generator) -> Rows:
    """Rows of whole persons, up to the most faces there may be."""
    fit = faces.has_vector & (faces.label >= 0) & (bearers(faces) == np.arange(len(faces)))
    if quality is not None:
        fit &= ~(faces.quality < quality)
    sizes = np.bincount(faces.label[fit], minlength=faces.labels)
    order = rng.permutation(faces.labels)
    order = order[sizes[order] >= 2]
    taken = order[np.cumsum(sizes[order]) <= _MOST]
    if len(taken) < 20 or sizes[taken].max() < 2 * LEAST_SPLIT:
        raise CurationError(
            f"{len(taken)} labels with two faces or more are too few to calibrate with, "
            "or none of them has six: leave out --calibrate, or give more labelled photos"
        )
    return np.flatnonzero(fit & np.isin(faces.label, taken))


class _Trial:
    """A sample, into which one kind of error is planted after the other."""

    def __init__(
        self,
        sample: FaceColumns,
        rng: np.random.Generator,
        threads: int,
        quality: float | None,
        progress: Progress | None,
    ) -> None:
        person = np.unique(sample.label, return_inverse=True)[1].astype(np.int32)
        self.sample = replace(sample, label=person)
        self.rng, self.threads, self.progress = rng, threads, progress
        self.near = nearest(sample.embeddings, None, NEIGHBOURS, threads, progress)
        some = rng.integers(len(sample), size=(2, 20_000))
        pairs = some[:, person[some[0]] != person[some[1]]]
        vectors = sample.embeddings
        # How alike faces of one person are, and of two, in the middle.
        sums, sizes = totals(vectors, person)
        within = (np.einsum("ij,ij->i", sums, sums) - sizes) / (sizes * (sizes - 1))
        self.own = float(np.median(within))
        self.other = float(np.median(np.einsum("ij,ij->i", vectors[pairs[0]], vectors[pairs[1]])))
        if self.own - self.other < _LEAST_APART * (1 - self.other):
            raise CurationError(
                f"faces of one label are hardly more alike ({self.own:.3f}) than faces of two "
                f"({self.other:.3f}): give photos whose labels are persons, or another model"
            )
        middle = (self.own + self.other) / 2
        self.thresholds = Thresholds(
            margin=0,
            claim=middle,
            person=middle,
            same_person=0,
            two_persons=middle,
            leak=0,
            duplicate_bits=76,
            duplicate_distance=1.33 * (1 - self.own),
            same_cosine=1 - 0.1 * (1 - self.own),
            own=self.own,
            other=self.other,
            quality=quality,
        )

    def calibration(self) -> Calibration:
        kinds = (
            self._copies,
            self._persons,
            self._splits,
            self._joins,
            self._flips,
            self._claims,
            self._leaks,
        )
        sweeps = []
        for number, kind in enumerate(kinds):
            if self.progress is not None:
                self.progress("calibrating", number, len(kinds))
            sweep = kind()
            value = sweep.values[sweep.chosen]
            self.thresholds = self._with(sweep.threshold, value)
            sweeps.append(sweep)
        persons = self.sample.labels
        return Calibration(self.thresholds, tuple(sweeps), len(self.sample), persons)

    def _with(self, name: str, value: float) -> Thresholds:
        if name != "duplicate_bits":
            changed: Thresholds = replace(self.thresholds, **{name: value})  # type: ignore[arg-type]
            return changed
        # Bits and distance keep their ratio.
        scale = value / self.thresholds.duplicate_bits
        distance = self.thresholds.duplicate_distance * scale
        return replace(self.thresholds, duplicate_bits=round(value), duplicate_distance=distance)

    def _values(self, low: float = 0.3, high: float = 1.1) -> list[float]:
        """Values between how alike two persons are (0) and how alike one is (1)."""
        return [
            float(v) for v in self.other + np.linspace(low, high, _STEPS) * (self.own - self.other)
        ]

    def _gaps(self) -> list[float]:
        """Relative cosines, around that of one person."""
        return [float(v) for v in np.linspace(-0.4, 0.08, _STEPS) * (self.own - self.other)]

    def _sweep(
        self,
        threshold: str,
        reason: str,
        values: Sequence[float],
        planted: int,
        try_one: Callable[[Thresholds], Agreement],
        choose: Callable[[Sequence[Agreement]], int],
    ) -> Sweep:
        found = tuple(try_one(self._with(threshold, value)) for value in values)
        return Sweep(threshold, reason, tuple(values), found, planted, choose(found))

    def _copies(self) -> Sweep:
        made, rows = copies(self.sample, 4 * _SHARE, 1 - self.own, self.rng)
        both = self.sample.joined(made)
        near = nearest(both.embeddings, None, NEIGHBOURS, self.threads)
        everything = np.ones(len(both), np.bool_)
        place = len(self.sample) + np.arange(len(rows))

        def try_one(thresholds: Thresholds) -> Agreement:
            group = duplicate_groups(both, near, everything, thresholds)
            found = (group[place] >= 0) & (group[place] == group[rows])
            # All of a group but one would be dropped.
            dropped = int((group >= 0).sum()) - int(group.max(initial=-1)) - 1
            right = int(found.sum())
            return Agreement(min(right / dropped, 1.0) if dropped else 1.0, right / len(rows))

        values = [float(bits) for bits in range(28, 128, 4)]
        return self._sweep("duplicate_bits", "duplicate", values, len(rows), try_one, careful)

    def _persons(self) -> Sweep:
        everything = np.ones(len(self.sample), np.bool_)

        def try_one(thresholds: Thresholds) -> Agreement:
            found = cluster(self.sample, self.near, everything, thresholds, self.threads)
            return bcubed(found, self.sample.label)

        planted = self.sample.labels
        return self._sweep("person", "clusters", self._values(), planted, try_one, balanced)

    def _splits(self) -> Sweep:
        label, moved = splits(self.sample.label, 4 * _SHARE, self.rng)
        faces = replace(self.sample, label=label)
        true = np.arange(faces.labels, dtype=np.int32)
        true[label] = self.sample.label
        new = np.unique(label[moved])
        everything = np.ones(len(faces), np.bool_)

        def try_one(thresholds: Thresholds) -> Agreement:
            merge = merge_identities(faces, label, self.near, everything, thresholds, self.threads)
            merged = np.flatnonzero(merge.into != np.arange(len(merge.into)))
            right = true[merged] == true[merge.into[merged]]
            precision = float(right.mean()) if len(merged) else 1.0
            found = merge.into[new] == merge.into[true[new]]
            return Agreement(precision, float(found.mean()))

        return self._sweep("same_person", "same_person", self._gaps(), len(new), try_one, careful)

    def _joins(self) -> Sweep:
        label, moved = joins(self.sample.label, 2 * _SHARE, self.rng, LEAST_SPLIT)
        faces = replace(self.sample, label=label)
        planted = np.zeros(faces.labels, np.bool_)
        planted[label[moved]] = True
        everything = np.ones(len(faces), np.bool_)

        def try_one(thresholds: Thresholds) -> Agreement:
            split = split_labels(faces, self.near, everything, thresholds, self.threads)
            found = np.zeros(faces.labels, np.bool_)
            found[split.split_from] = True
            return agreement(found, planted)

        return self._sweep(
            "two_persons", "two_persons", self._values(0.0), int(planted.sum()), try_one, careful
        )

    def _flips(self) -> Sweep:
        # Few are planted at a time, so several times.
        trials = [flips(self.sample.label, _SHARE, self.rng) for _ in range(_TRIALS)]
        margins = [self._margins(trial.label)[0] for trial in trials]
        planted = np.concatenate([trial.is_planted for trial in trials])
        values = [float(v) for v in np.linspace(-0.1, 0.7, _STEPS) * (self.own - self.other)]

        def try_one(thresholds: Thresholds) -> Agreement:
            found = [
                unlike(trial.label, margin, thresholds)
                for trial, margin in zip(trials, margins, strict=True)
            ]
            return agreement(np.concatenate(found), planted)

        return self._sweep(
            "margin", "not_like_identity", values, int(planted.sum()), try_one, early
        )

    def _margins(self, label: Names) -> tuple[Floats, Names]:
        """How much more each face is like another label, and which."""
        faces = self.sample
        alone = np.full(len(faces), -1, np.int32)
        suspect = suspicion(faces.embeddings, label, self.near, alone, self.threads)
        return suspect.margin, suspect.others.label

    def _claims(self) -> Sweep:
        label = flips(self.sample.label, _SHARE, self.rng).label
        margin, other = self._margins(label)
        wrong = unlike(label, margin, self.thresholds)
        rows = np.flatnonzero(wrong)
        right = np.where(wrong, -1, label)
        claim = likeness(self.sample.embeddings, right, rows, other[rows], threads=self.threads)
        true = other[rows] == self.sample.label[rows]

        def try_one(thresholds: Thresholds) -> Agreement:
            return agreement(claim >= thresholds.claim, true)

        return self._sweep("claim", "moves", self._values(), int(true.sum()), try_one, careful)

    def _leaks(self) -> Sweep:
        here, there, planted = sides(self.sample.label, self.rng)
        faces, other = self.sample.select(here), self.sample.select(there)
        # Every score is the same at each threshold.
        found = leaks(faces, other, self.thresholds, threads=self.threads)
        first = np.unique(faces.label, return_index=True)[1]
        score, true = found.score[first], planted[faces.label[first]]

        def try_one(thresholds: Thresholds) -> Agreement:
            return agreement(score >= thresholds.leak, true)

        return self._sweep("leak", "leaks", self._gaps(), int(true.sum()), try_one, careful)


def sides(
    label: Names, rng: np.random.Generator, photos: int = 4, share: float = 0.2
) -> tuple[Rows, Rows, Bools]:
    """Parts faces into two datasets that share some persons, but no photo.

    Args:
        label: int32 ``(n,)``.
        rng: Chooses the faces and the side of each person that is not shared.
        photos: How many photos of a shared person are on each side.
        share: Which share of the persons that have as many is shared.

    Returns:
        Rows of the one side, rows of the other, and bool ``(labels,)``: who is shared.
    """
    sizes = np.bincount(label)
    able = np.flatnonzero(sizes >= 2 * photos)
    if not len(able):
        able, photos = np.flatnonzero(sizes == sizes.max()), int(sizes.max()) // 2
    chosen = rng.choice(able, max(1, round(share * len(able))), replace=False)
    shared = np.zeros(len(sizes), np.bool_)
    shared[chosen] = True
    place = np.empty(len(label), np.int64)
    shuffled = rng.permutation(len(label))
    order = shuffled[np.argsort(label[shuffled], kind="stable")]
    place[order] = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    side = rng.integers(2, size=len(sizes))[label]
    here = np.where(shared[label], place < photos, side == 0)
    there = np.where(shared[label], (place >= photos) & (place < 2 * photos), side == 1)
    return np.flatnonzero(here), np.flatnonzero(there), shared


def careful(found: Sequence[Agreement]) -> int:
    """Place of the best F among precisions of .98 and more; where there is none, of all.

    It is the middle of those that are as good but for .01, as a sample tells no more.
    """
    precise = [each.f if each.precision >= _PRECISION and each.recall else -1 for each in found]
    return _middle(precise) if max(precise) > 0 else balanced(found)


def balanced(found: Sequence[Agreement]) -> int:
    """Place of the best F, or the middle of those that are as good but for .01."""
    return _middle([each.f for each in found])


def early(found: Sequence[Agreement]) -> int:
    """Place of the first third of those whose F is the best but for .01.

    A low margin finds more, and labels with many faces, which matter most, need a lower one than
    those with two.
    """
    best = _plateau([each.f for each in found])
    return int(best[len(best) // 3])


def _middle(values: Sequence[float]) -> int:
    best = _plateau(values)
    return int(best[len(best) // 2])


def _plateau(values: Sequence[float]) -> NDArray[np.intp]:
    return np.flatnonzero(np.array(values) >= max(values) - 0.01)
