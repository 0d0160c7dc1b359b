"""The contact sheets of a detector's mistakes: faces it missed, and what it took for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jobs.evaluation.found_photos import FoundPhoto
from jobs.evaluation.pictures import Pictures
from jobs.evaluation.sheets import MOST, Request, sheet
from mtcnn_core.evaluation.annotations import Annotation, Detections, subsets
from mtcnn_core.evaluation.mistakes import Mistake, false_alarms, misses
from mtcnn_core.pictures.contact_sheet import GREEN, RED, Mark


def miss_sheet(
    truth: Mapping[str, Annotation],
    found: Mapping[str, Detections],
    photos: Mapping[str, FoundPhoto],
    pictures: Pictures,
) -> bytes:
    """Draws the faces that were missed: those that should have been easy first, large ones first.

    Returns:
        A JPEG file: the missed face in green, detections in red.
    """
    missed = misses(truth, found, subsets(truth)[-1])
    requests = []
    for miss in missed[:MOST]:
        box = np.array(miss.box)
        near = found.get(miss.photo, Detections.empty()).boxes
        marks = [*(Mark(RED, each) for each in near), Mark(GREEN, box)]
        requests.append(Request(miss.photo, box, f"{_size(miss)}, IoU {miss.overlap:.2f}", marks))
    title = f"{_count(missed, 'missed face')} (green; detections in red)"
    return sheet(title, requests, photos, pictures)


def alarm_sheet(
    truth: Mapping[str, Annotation],
    found: Mapping[str, Detections],
    photos: Mapping[str, FoundPhoto],
    pictures: Pictures,
) -> bytes:
    """Draws the detections that overlap no annotated face by half: the surest first.

    Returns:
        A JPEG file: the detection in red, annotated faces in green.
    """
    alarms = false_alarms(truth, found)
    requests = []
    for alarm in alarms[:MOST]:
        box = np.array(alarm.box)
        faces = [Mark(GREEN, face) for face in truth[alarm.photo].boxes]
        marks = [*faces, Mark(RED, box)]
        requests.append(Request(alarm.photo, box, f"{alarm.score:.4f}, {_size(alarm)}", marks))
    title = f"{_count(alarms, 'false alarm')} (red; annotated faces in green)"
    return sheet(title, requests, photos, pictures)


def _size(mistake: Mistake) -> str:
    x1, y1, x2, y2 = mistake.box
    return f"{x2 - x1:.0f} x {y2 - y1:.0f} px"


def _count(mistakes: Sequence[Mistake], noun: str) -> str:
    """How many there are, and how many of them are shown."""
    number = f"{len(mistakes):,} {noun}{'' if len(mistakes) == 1 else 's'}"
    return number if len(mistakes) <= MOST else f"The worst {MOST} of {number}"
