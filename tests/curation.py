"""What curation finds on real faces, and how it grows: `python -m tests.curation`.

`python -m tests.curation MODEL VECTORS.npz [COPIES.npz]` plants errors among the persons of a half,
after thresholds were chosen on the other. VECTORS.npz has a row a face: `keys` (of photos),
`labels`, `face_index`, `boxes`, `image_size`, `scores`, `sha256` of the photos, `phash` and
`embeddings`; COPIES.npz the same of changed photos, with `kind`.

`python -m tests.curation scale 1000000` measures time and memory with made-up vectors.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.curation.calibration import Calibration, calibrate, sides
from mtcnn_core.curation.columns import FaceColumns
from mtcnn_core.curation.curate import bearers, curate
from mtcnn_core.curation.leaks import leaks
from mtcnn_core.curation.planting import flips, joins, splits
from mtcnn_core.curation.thresholds import THRESHOLDS, Thresholds
from mtcnn_core.curation.verdicts import Reason, Verdict, Verdicts
from mtcnn_core.evaluation.clusters import Agreement, agreement, bcubed
from tests.mtcnn_core.curation.made_up import THRESHOLDS as MADE_UP
from tests.mtcnn_core.curation.made_up import made_up_dataset

SEEDS = (1, 2, 3, 4, 5)
_HALVES = 20
# The kinds of changes that are judged together.
TOGETHER = ("crop", "jpeg", "mirror", "resize")


@dataclass(frozen=True)
class Photos:
    """Faces of photos of persons: columns, and the name of each one's photo and of its change."""

    faces: FaceColumns
    keys: NDArray[np.str_]
    kinds: NDArray[np.str_]


def read(path: Path, names: NDArray[np.str_] | None = None) -> Photos:
    """Faces of a file; labels are numbers among names, by default those of the file."""
    with np.load(path) as file:
        z = {name: file[name] for name in file.files}
    kinds = z.get("kind", np.zeros(len(z["keys"]), np.str_))
    boxes, size = z["boxes"], z["image_size"]
    offset = (boxes[:, :2] + boxes[:, 2:]) / 2 - size / 2
    centrality = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - 2 * (offset**2).sum(axis=1)
    names = np.unique(z["labels"]) if names is None else names
    named = np.char.add(np.char.add(z["keys"], "#"), kinds)
    content = np.ascontiguousarray(z["sha256"][:, :16]).view(np.uint64).copy()
    content[:, 1] ^= z["face_index"].astype(np.uint64)
    faces = FaceColumns(
        embeddings=z["embeddings"].astype(np.float32),
        has_vector=np.ones(len(boxes), np.bool_),
        photo=np.unique(named, return_inverse=True)[1].astype(np.int64),
        label=np.searchsorted(names, z["labels"]).astype(np.int32),
        centrality=centrality.astype(np.float32),
        quality=z["scores"].astype(np.float32),
        content=content,
        phash=np.ascontiguousarray(z["phash"]).view(np.uint64),
    )
    return Photos(faces, z["keys"], kinds)


def halves(faces: FaceColumns) -> NDArray[np.bool_]:
    """Which persons thresholds are chosen on, bool ``(labels,)``; figures are of the others."""
    order = np.random.default_rng(_HALVES).permutation(faces.labels)
    chosen: NDArray[np.bool_] = order < faces.labels // 2
    return chosen


def with_at_least(faces: FaceColumns, photos: int) -> FaceColumns:
    """The faces that bear their photos' labels, of persons with so many photos, renumbered."""
    some = faces.select(bearers(faces) == np.arange(len(faces)))
    some = some.select(np.bincount(some.label)[some.label] >= photos)
    return replace(some, label=np.unique(some.label, return_inverse=True)[1].astype(np.int32))


def found_flips(faces: FaceColumns, thresholds: Thresholds, seed: int) -> Iterator[Agreement]:
    """How many of 5 % flipped labels are found, and how many of those return to their person."""
    planted = flips(faces.label, 0.05, np.random.default_rng(seed))
    verdicts = curate(replace(faces, label=planted.label), thresholds)
    # A copy of a face under another label leaves its own as well.
    copy = (verdicts.reason == Reason.duplicate) & (verdicts.identity != planted.label)
    found = (verdicts.reason == Reason.not_like_identity) | copy
    yield agreement(found, planted.is_planted)
    moved = verdicts.verdict == Verdict.move
    yield agreement(moved & (verdicts.identity == faces.label), moved)


def found_splits(faces: FaceColumns, thresholds: Thresholds, seed: int) -> Agreement:
    """How many of 20 % of the persons, whose photos were given a second label, are one again."""
    planted = splits(faces.label, 0.2, np.random.default_rng(seed))
    verdicts = curate(replace(faces, label=planted.label), thresholds)
    true = np.zeros(int(planted.label.max()) + 1, np.int32)
    true[planted.label] = faces.label
    merged = verdicts.verdict == Verdict.merge
    right = merged & (true[np.minimum(verdicts.identity, len(true) - 1)] == faces.label)
    once = np.unique(faces.label[planted.is_planted])
    found = np.intersect1d(once, faces.label[right])
    return Agreement(float(right.sum() / max(merged.sum(), 1)), len(found) / len(once))


def found_joins(faces: FaceColumns, thresholds: Thresholds, seed: int) -> Agreement:
    """How many of 10 % of the labels, that were given a second person, are two again."""
    planted = joins(faces.label, 0.1, np.random.default_rng(seed))
    verdicts = curate(replace(faces, label=planted.label), thresholds)
    split = np.zeros(faces.labels, np.bool_)
    true = split.copy()
    split[planted.label[verdicts.reason == Reason.two_persons]] = True
    true[planted.label[planted.is_planted]] = True
    return agreement(split, true)


def found_persons(faces: FaceColumns, thresholds: Thresholds) -> tuple[Agreement, Agreement]:
    """Clusters against persons where nobody has a label: faces nearest the centre are judged.

    First with those faces alone, then with all faces that the photos hold.
    """
    bearer = bearers(faces) == np.arange(len(faces))
    no_label = np.full(len(faces), -1, np.int32)
    alone = faces.select(bearer)
    found = curate(replace(alone, label=no_label[bearer]), thresholds)
    among = curate(replace(faces, label=no_label), thresholds)
    return (
        bcubed(_with_copies(found), alone.label),
        bcubed(_with_copies(among)[bearer], alone.label),
    )


def _with_copies(verdicts: Verdicts) -> NDArray[np.int32]:
    """Identities, where a copy is of its original's; both alone are a cluster of their own."""
    identity = verdicts.identity.copy()
    copy = verdicts.reason == Reason.duplicate
    original = np.where(copy, verdicts.evidence[:, 0], np.arange(len(identity)))
    free = (identity < 0) & (np.bincount(original, minlength=len(identity)) > 1)
    identity[free] = identity.max(initial=-1) + 1 + np.arange(int(free.sum()))
    return identity[original]


def found_copies(
    photos: Photos, copies: Photos, chosen: NDArray[np.bool_], thresholds: Thresholds
) -> dict[str, tuple[Agreement, Agreement]]:
    """How many changed photos are found beside their originals, by kind and together.

    LFW has copies of its own, which count as wrong in the first figures; what is dropped without
    any planted copy is left out of the second.
    """
    result = {}
    faces, changed = photos.faces, copies.faces
    mine = np.flatnonzero(chosen[faces.label] & (bearers(faces) == np.arange(len(faces))))
    theirs = chosen[changed.label] & (bearers(changed) == np.arange(len(changed)))
    row = {key: place for place, key in enumerate(photos.keys[mine])}
    own = curate(faces.select(mine), thresholds).reason == Reason.duplicate
    for kind in (*np.unique(copies.kinds), "/".join(TOGETHER)):
        some = np.flatnonzero(theirs & np.isin(copies.kinds, kind.split("/")))
        added = replace(changed.select(some), photo=len(faces) + np.arange(len(some)))
        verdicts = curate(faces.select(mine).joined(added), thresholds)
        drop = verdicts.reason == Reason.duplicate
        # A picture and its copies are one set; all of it but one face is to be dropped.
        source = np.concatenate([np.arange(len(mine)), [row[key] for key in copies.keys[some]]])
        same = drop & (source == source[np.maximum(verdicts.evidence[:, 0], 0)])
        wrong = drop & ~same
        besides = wrong & ~np.concatenate([own, np.zeros(len(some), np.bool_)])
        result[kind] = (
            Agreement(float(same.sum() / max(drop.sum(), 1)), _found(same, source, len(mine))),
            Agreement(
                float(same.sum() / max(same.sum() + besides.sum(), 1)),
                _found(same, source, len(mine)),
            ),
        )
    return result


def _found(same: NDArray[np.bool_], source: NDArray[np.int64], originals: int) -> float:
    """The share of the planted copies of which one of the pair was dropped for the other."""
    planted = len(source) - originals
    return min(float(same.sum() / planted), 1.0)


def found_leaks(faces: FaceColumns, thresholds: Thresholds, photos: int, seed: int) -> Agreement:
    """How many of the persons that are in two datasets are found, with so many photos in each."""
    here, there, shared = sides(faces.label, np.random.default_rng(seed), photos, share=0.5)
    mine = faces.select(here)
    found = leaks(mine, faces.select(there), thresholds)
    first = np.unique(mine.label, return_index=True)[1]
    leak = np.zeros(len(shared), np.bool_)
    leak[mine.label[first]] = found.is_leak[first]
    return agreement(leak, shared)


def _shown(name: str, found: list[Agreement]) -> None:
    mean = np.mean([(a.precision, a.recall, a.f) for a in found], axis=0)
    each = " | ".join(f"{p:.3f} {r:.3f} {f:.3f}" for p, r, f in [mean, *((*a, a.f) for a in found)])
    print(f"{name:44} {each}", flush=True)


def show_calibration(calibration: Calibration) -> None:
    """Prints the curve of each threshold."""
    print(calibration.thresholds)
    for sweep in calibration.sweeps:
        print(f"{sweep.reason}: {sweep.threshold}, {sweep.planted} planted")
        for place, (value, found) in enumerate(zip(sweep.values, sweep.agreements, strict=True)):
            mark = " <-" if place == sweep.chosen else ""
            print(f"  {value:8.4f}  {found.precision:.3f} {found.recall:.3f} {found.f:.3f}{mark}")


def main(vectors: Path, copies: Path | None, model: str) -> None:
    """Prints what calibration chooses on one half of the persons, and figures on the other.

    Figures are by the thresholds of the model, which were chosen on the first half too.
    """
    photos = read(vectors)
    faces, chosen = photos.faces, halves(photos.faces)
    calibration = calibrate(faces.select(chosen[faces.label]))
    show_calibration(calibration)
    thresholds = THRESHOLDS[model]
    rest = faces.select(~chosen[faces.label])
    report: list[tuple[str, Callable[[int], Agreement]]] = []
    for least in (4, 2):
        some = with_at_least(rest, least)
        name = f"persons with {least} or more"
        report += [
            (f"flips, {name}", lambda seed, some=some: next(found_flips(some, thresholds, seed))),
            (f"splits, {name}", lambda seed, some=some: found_splits(some, thresholds, seed)),
            (f"joins, {name}", lambda seed, some=some: found_joins(some, thresholds, seed)),
        ]
    for count in (4, 2, 1):
        some = with_at_least(rest, 2)
        report.append(
            (
                f"leaks, {count} photos a side",
                lambda seed, some=some, count=count: found_leaks(some, thresholds, count, seed),
            )
        )
    print("\nprecision, recall, F: the mean, then of each seed")
    for name, measure in report:
        _shown(name, [measure(seed) for seed in SEEDS])
    some = with_at_least(rest, 2)
    _shown("flips that return", [list(found_flips(some, thresholds, seed))[1] for seed in SEEDS])
    _shown("persons without labels (bearers; all faces)", list(found_persons(rest, thresholds)))
    judged = curate(rest, thresholds)
    for reason in Reason:
        print(f"as they are: {reason.name:20} {(judged.reason == reason).sum()} of {len(judged)}")
    if copies is not None:
        names = np.unique(np.load(vectors)["labels"])
        for kind, found in found_copies(photos, read(copies, names), ~chosen, thresholds).items():
            _shown(f"copies: {kind} (LFW's own wrong; left out)", list(found))


def scale(count: int, threads: int = 2) -> None:
    """Prints time and memory for so many made-up vectors of a hundredth as many identities."""
    import resource

    faces, person = made_up_dataset(count, count // 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    begin = time.perf_counter()
    stages: list[tuple[str, float]] = []

    def told(stage: str, done: int, of: int) -> None:
        if not stages or stages[-1][0] != stage:
            stages.append((stage, time.perf_counter() - begin))

    verdicts = curate(faces, MADE_UP, told, threads)
    took = time.perf_counter() - begin
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{count} faces: {took:.1f} s, {most:.2f} GB at most ({before:.2f} before)")
    ends = [start for _, start in stages[1:]] + [took]
    print("  " + ", ".join(f"{n} {e - s:.1f}" for (n, s), e in zip(stages, ends, strict=True)))
    for reason in Reason:
        print(f"  {reason.name:20} {(verdicts.reason == reason).sum()}")
    kept = (verdicts.identity >= 0) & (verdicts.verdict != Verdict.drop)
    print("  identities", bcubed(verdicts.identity[kept], person[kept]))


if __name__ == "__main__":
    if sys.argv[1] == "scale":
        scale(int(sys.argv[2]), *(int(arg) for arg in sys.argv[3:]))
    else:
        main(Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None, sys.argv[1])
