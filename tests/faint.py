"""What second looks find, and what they take for faces: `python -m tests.faint DATA`.

DATA is the folder of test photographs. Three tables: photos of LFW with a face at weak exposures,
pieces of WIDER FACE without an annotated face in which one is found, and the landmark error of
turned faces.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from jobs.truth.wider import read_wider
from mtcnn_core import decode
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.settings.detector import DetectorSettings
from tests.mtcnn_core.cascade.test_second_looks import DEGRADED
from tests.oracle import turn

Pixels = NDArray[np.uint8]
_SIDE = 256
_SETTINGS = {
    "faint: false": DetectorSettings(faint=False),
    "default": DetectorSettings(),
    "upright: auto": DetectorSettings(upright="auto"),
}


def photos(data: Path, count: int = 80) -> list[Pixels]:
    paths = sorted((data / "lfw" / "images").rglob("*.jpg"))[:count]
    return [decode(path.read_bytes()) for path in paths]


def faceless(data: Path) -> Iterator[Pixels]:
    """A piece of each photo that keeps half a face's size away from all that are annotated."""
    rng = np.random.default_rng(0)
    for name, truth in read_wider(str(data / "wider" / "gt.jsonl")).items():
        photo = decode((data / "wider" / "images" / name).read_bytes())
        room = np.array(photo.shape[1::-1]) - _SIDE
        for _ in range(12):
            if room.min() <= 0:
                break
            corner = rng.integers(room)
            margin = (truth.boxes[:, 2:] - truth.boxes[:, :2]) / 2
            low, high = truth.boxes[:, :2] - margin, truth.boxes[:, 2:] + margin
            if not ((low < corner + _SIDE) & (high > corner)).all(axis=1).any():
                x, y = corner
                yield photo[y : y + _SIDE, x : x + _SIDE].copy()
                break


def main(data: Path) -> None:
    """Prints the tables."""
    some, pieces = photos(data), list(faceless(data))
    rotated = {f"turned by {90 * n}": n for n in range(4)}
    for name, settings in _SETTINGS.items():
        detector = FaceDetector(settings)
        print(f"\n{name}: of {len(some)} photos with a face, one is found in")
        for kind, degrade in DEGRADED.items():
            print(f"  {kind:16}", sum(len(detector.detect(degrade(photo))) > 0 for photo in some))
        for kind, n in rotated.items():
            turned = [np.ascontiguousarray(np.rot90(photo, n)) for photo in some]
            print(f"  {kind:16}", sum(len(detector.detect(photo)) > 0 for photo in turned))
        wrong = sum(len(detector.detect(piece)) > 0 for piece in pieces)
        print(f"  of {len(pieces)} pieces without one: {wrong}")
    quarters = FaceDetector(DetectorSettings(turns=(90, 180, 270)))
    upright = FaceDetector()
    print("\nlandmarks, degrees: error with turns 90, 180, 270, of the distance of the eyes")
    for degrees in (0, 30, 60, 90, 135, 180, 270):
        errors = []
        for photo in some:
            known = upright.detect(photo)
            view, matrix = turn(photo, degrees)
            found = quarters.detect(view)
            if len(known) and len(found):
                points = known.landmarks[0] @ matrix[:2, :2].T + matrix[:2, 2]
                eyes = np.linalg.norm(points[0] - points[1])
                errors.append(np.linalg.norm(found.landmarks[0] - points, axis=1).mean() / eyes)
        print(f"  {degrees:4} {np.median(errors):.3f} ({len(errors)} photos)")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(Path(sys.argv[1]))
