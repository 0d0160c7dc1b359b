"""What each setting costs and gains: `python -m tests.ablations PHOTOS GROUND_TRUTH`.

Every variant of the cascade looks for the faces of the same photos, and its row is printed as soon
as it is there: average precision by the protocol of WIDER FACE, its difference to the base line
with a star where 95 of 100 resamplings of the photos agree on the sign, and CPU time as a ratio to
that of the base line. For the ratio the base line is timed once more beside each variant, on every
eighth photo: other programs change how fast a core is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs.messages.errors import UserError
from jobs.truth.wider import read_wider
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.evaluation.annotations import Annotation, Detections, subsets
from mtcnn_core.evaluation.wider_face import Counts, count
from mtcnn_core.images.photo import decode
from tests.variants import Variant, variants

_TIMED_AGAIN = 8  # every so many photos
_RESAMPLES = 400


@dataclass(frozen=True, eq=False)
class Measured:
    """What a variant found in one photo, and the CPU seconds it took.

    Attributes:
        base_seconds: Of the base line on the same photo at the same time; None where not timed.
    """

    photo: str
    found: Detections
    seconds: float
    base_seconds: float | None


@dataclass(frozen=True, eq=False)
class Row:
    """How good a variant is, and how fast.

    Attributes:
        counts: Subset -> what it found.
        milliseconds: CPU time a photo.
        ratio: To that of its base line.
    """

    variant: str
    base: str
    counts: Mapping[str, Counts]
    milliseconds: float
    ratio: float

    def precision(self, subset: str) -> float:
        """Average precision."""
        return self.counts[subset].curve().average_precision

    def is_sure(self, base: Row, subset: str) -> bool:
        """Whether a difference to another row outlives a change of the photos."""
        ours, theirs = self.counts[subset], base.counts[subset]
        photos = len(ours.faces)
        draws = np.random.default_rng(0).multinomial(
            photos, np.full(photos, 1 / photos), size=_RESAMPLES
        )
        gains = [
            ours.curve(weights).average_precision - theirs.curve(weights).average_precision
            for weights in draws
            if weights @ ours.faces
        ]
        low, high = np.percentile(gains, (2.5, 97.5)) if gains else (0, 0)
        return bool(low > 0 or high < 0)


def photos_of(folder: Path, truth: Mapping[str, Annotation], limit: int | None) -> dict[str, Path]:
    """The annotated photos that are there, by name; spread over all of them if limited."""
    found = {name: folder / name for name in sorted(truth) if (folder / name).is_file()}
    if limit is None or limit >= len(found):
        return found
    names = list(found)
    return {names[i]: found[names[i]] for i in np.arange(limit) * len(names) // limit}


def rows(
    names: Sequence[str], photos: Mapping[str, Path], truth: Mapping[str, Annotation], pool: Pool
) -> Iterator[Row]:
    """Measures one variant after the other."""
    truth = {name: truth[name] for name in photos}
    for variant in names:
        tasks = [(variant, i % _TIMED_AGAIN == 0, *item) for i, item in enumerate(photos.items())]
        yield _row(variant, list(pool.imap_unordered(_measure, tasks)), truth)


def _row(variant: str, measured: Sequence[Measured], truth: Mapping[str, Annotation]) -> Row:
    found = {each.photo: each.found for each in measured}
    twice = [(m.seconds, m.base_seconds) for m in measured if m.base_seconds is not None]
    own, base = np.array(twice).sum(axis=0)
    return Row(
        variant,
        _variants()[variant].base,
        {subset: count(truth, found, subset) for subset in subsets(truth)},
        1000 * float(np.mean([each.seconds for each in measured])),
        float(own / base),
    )


def _measure(task: tuple[str, bool, str, Path]) -> Measured:
    name, again, photo, file = task
    variant = _variants()[name]
    pixels = decode(file.read_bytes())
    found, seconds = _timed(name, pixels)
    base_seconds = _timed(variant.base, pixels)[1] if again else None
    return Measured(photo, found, seconds, base_seconds)


def _timed(name: str, pixels: NDArray[np.uint8]) -> tuple[Detections, float]:
    detector = _detector(name)
    with _variants()[name].patched():
        began = time.process_time()
        faces = detector.detect(pixels)
        seconds = time.process_time() - began
    boxes, scores = faces.boxes.astype(np.float64), faces.scores.astype(np.float64)
    return Detections(boxes, scores), seconds


@cache
def _variants() -> dict[str, Variant]:
    return variants()


@lru_cache(maxsize=2)  # a variant and its base line
def _detector(name: str) -> FaceDetector:
    variant = _variants()[name]
    return variant.detector(variant.settings)


def heading(subsets: Sequence[str]) -> str:
    """The first two lines of the table, in Markdown."""
    cells = ["variant".ljust(44), *(f"{subset:>14}" for subset in subsets), "CPU ms", "ratio"]
    return f"| {' | '.join(cells)} |\n|{'|'.join(['---', *['--:'] * (len(cells) - 1)])}|"


def line(row: Row, base: Row) -> str:
    """One more line of it."""
    precisions = []
    for subset in row.counts:
        precision = row.precision(subset)
        difference = ""
        if row is not base:
            star = "*" if row.is_sure(base, subset) else " "
            difference = f"{precision - base.precision(subset):+.3f}{star}"
        precisions.append(f"{precision:.3f} {difference:>8}")
    cells = [row.variant.ljust(44), *precisions, f"{row.milliseconds:6.0f}", f"{row.ratio:5.2f}"]
    return f"| {' | '.join(cells)} |"


def _chosen(only: str | None) -> list[str]:
    """The variants asked for, each after its base line."""
    known = variants()
    wanted = [name.strip() for name in only.split(",")] if only else list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"there is no variant '{unknown[0]}': give some of {', '.join(known)}")
    return [name for name in known if name in {*wanted, *(known[each].base for each in wanted)}]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.ablations", description=__doc__)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of WIDER FACE photos")
    parser.add_argument("truth", metavar="GROUND_TRUTH", help="as for evaluate widerface")
    parser.add_argument("--processes", type=int, default=1, help="how many run at once")
    parser.add_argument("--only", metavar="NAME,...", help="only these variants")
    parser.add_argument("--photos", type=int, dest="limit", metavar="N", help="only so many photos")
    options = parser.parse_args(arguments)
    chosen = _chosen(options.only)
    try:
        truth = read_wider(options.truth)
    except UserError as error:
        raise SystemExit(str(error)) from None
    photos = photos_of(options.photos, truth, options.limit)
    if not photos:
        raise SystemExit(f"none of the annotated photos is in {options.photos}")
    print(heading(subsets(truth)), flush=True)
    bases: dict[str, Row] = {}
    # Spawned: the networks' threads do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for row in rows(chosen, photos, truth, pool):
            base = bases.setdefault(row.base, row)
            print(line(row, base), flush=True)


if __name__ == "__main__":
    main()
