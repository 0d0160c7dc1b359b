"""The variants of the cascade that `tests.ablations` compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from jobs.extract.config import load_config
from mtcnn_core.cascade import boxes as bx
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.cascade.pyramid import Pyramid
from mtcnn_core.settings.detector import DetectorSettings
from tests import patches

DEFAULT, WIDERFACE = "default", "widerface"
Changes = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Variant:
    """One cascade.

    Attributes:
        base: Name of the variant that it is a change of; its own if it is a base line.
        settings: Of the detector.
        patches: Where in the program -> what stands there while the detector runs.
        detector: What runs.
    """

    base: str
    settings: DetectorSettings
    patches: Changes = field(default_factory=dict)
    detector: type[FaceDetector] = FaceDetector

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Changes the program for the time of the block."""
        with ExitStack() as stack:
            for place, replacement in self.patches.items():
                stack.enter_context(mock.patch(place, replacement))
            yield


def variants() -> dict[str, Variant]:
    """All of them by name, each base line before its changes."""
    default = Variant(DEFAULT, load_config(None).detect)
    widerface = Variant(WIDERFACE, load_config(WIDERFACE).detect)
    found = {DEFAULT: default}
    for name, changes in _DEFAULT_SETTINGS.items():
        found[name] = replace(default, settings=replace(default.settings, **changes))
    for name, places in _PATCHES.items():
        found[name] = replace(default, patches=places)
    for name, (places, detector) in _PORTS.items():
        found[name] = replace(default, patches=places, detector=detector)
    found[WIDERFACE] = widerface
    for name, places in _WIDERFACE_PATCHES.items():
        found[f"{WIDERFACE}: {name}"] = replace(widerface, patches=places)
    for name, changes in _WIDERFACE_SETTINGS.items():
        settings = replace(widerface.settings, **changes)
        found[f"{WIDERFACE}: {name}"] = replace(widerface, settings=settings)
    return found


def _pyramid(kind: type[Pyramid]) -> Changes:
    return {"mtcnn_core.cascade.stages.Pyramid": kind}


_SUPPORT = {"pooling": "support", "nms_output": 0.4}
_UNION = {"mtcnn_core.cascade.boxes.nms_minimum": bx.nms}

_DEFAULT_SETTINGS: dict[str, Changes] = {
    "min_face 12": {"min_face": 12},
    "min_face 15": {"min_face": 15},
    "min_face 30": {"min_face": 30},
    "min_face 40": {"min_face": 40},
    "factor .85": {"factor": 0.85},
    "factor .79": {"factor": 0.79},
    "factor .6": {"factor": 0.6},
    "factor .5": {"factor": 0.5},
    "thresholds .5 .5 .3": {"thresholds": (0.5, 0.5, 0.3)},
    "thresholds .5 .3 .05": {"thresholds": (0.5, 0.3, 0.05)},
    "thresholds .7 .8 .9": {"thresholds": (0.7, 0.8, 0.9)},
    "thresholds .5 .7 .7": {"thresholds": (0.5, 0.7, 0.7)},
    "thresholds .6 .3 .7": {"thresholds": (0.6, 0.3, 0.7)},
    "thresholds .6 .7 .05": {"thresholds": (0.6, 0.7, 0.05)},
    "no NMS within levels": {"nms_level": 1},
    "NMS within levels .7": {"nms_level": 0.7},
    "NMS across levels .5": {"nms_proposals": 0.5},
    "NMS after R-Net .5": {"nms_refined": 0.5},
    "NMS after R-Net .85": {"nms_refined": 0.85},
    "NMS after O-Net .5": {"nms_output": 0.5},
    "min_neighbours 0": {"min_neighbours": 0},
    "min_neighbours 2": {"min_neighbours": 2},
    "min_neighbours 6": {"min_neighbours": 6},
    "min_neighbours 8": {"min_neighbours": 8},
    "mirror none": {"mirror": "none"},
    "mirror crops": {"mirror": "crops"},
    "mirror photo": {"mirror": "photo"},
    "turns +-20": {"turns": (-20, 20)},
    "support": _SUPPORT,
    "support + mirror crops": {**_SUPPORT, "mirror": "crops"},
    "support + mirror photo": {**_SUPPORT, "mirror": "photo"},
    "support + thresholds .5 .3 .05": {**_SUPPORT, "thresholds": (0.5, 0.3, 0.05)},
    "support + factor .79": {**_SUPPORT, "factor": 0.79},
    "support + min_face 12": {**_SUPPORT, "min_face": 12},
}
_PATCHES: dict[str, Changes] = {
    "NMS after O-Net by union": _UNION,
    "score flattened": {"mtcnn_core.cascade.pooling.sigmoid": patches.flat_score},
    "levels by area from full photo": _pyramid(patches.LevelsByArea),
    "levels linear from full photo": _pyramid(patches.LevelsFromFull),
    "crops from full photo": _pyramid(patches.CropsFromFull),
    "crops in whole grey levels": _pyramid(patches.CropsInBytes),
    "border grey": _pyramid(patches.GreyBorder),
    "border continued": _pyramid(patches.ContinuedBorder),
    "border clipped and stretched": _pyramid(patches.Clipped),
    "boxes rounded": _pyramid(patches.Rounded),
    "boxes truncated": _pyramid(patches.Truncated),
}
_PORTS: dict[str, tuple[Changes, type[FaceDetector]]] = {
    "coordinates of the ports": (
        {**_pyramid(patches.Ported), "mtcnn_core.cascade.boxes.regress": patches.regress_and_one},
        patches.PortedDetector,
    ),
    "coordinates and resampling of the ports": (
        {**_pyramid(patches.Facenet), "mtcnn_core.cascade.boxes.regress": patches.regress_and_one},
        patches.PortedDetector,
    ),
}
_WIDERFACE_SETTINGS: dict[str, Changes] = {
    "min_neighbours 4": {"min_neighbours": 4},
    "no turns": {"turns": ()},
    "no mirror": {"mirror": "none"},
    "mirror crops": {"mirror": "crops"},
    "no turns and no mirror": {"turns": (), "mirror": "none"},
    "strongest": {"pooling": "strongest", "nms_output": 0.7},
    "thresholds .6 .7 .7": {"thresholds": (0.6, 0.7, 0.7)},
    "factor .709": {"factor": 0.709},
    "min_face 16": {"min_face": 16},
    "turned_min_face 48": {"turned_min_face": 48},
    "turned_min_face 20": {"turned_min_face": 20},
    "turns +-10": {"turns": (-10, 10)},
    "turns +-30": {"turns": (-30, 30)},
    "min_face 10": {"min_face": 10},
    "factor .85": {"factor": 0.85},
    "nms_output .3": {"nms_output": 0.3},
    "nms_output .5": {"nms_output": 0.5},
    "thresholds .5 .5 .3": {"thresholds": (0.5, 0.5, 0.3)},
    "turned_min_face 12": {"turned_min_face": 12},
    "turns +-20 +-40": {"turns": (-40, -20, 20, 40)},
}
_WIDERFACE_PATCHES: dict[str, Changes] = {
    "score without support": {
        "mtcnn_core.cascade.pooling._SUPPORT": 0.0,
        "mtcnn_core.cascade.pooling._SLOPE": 1.0,
        "mtcnn_core.cascade.pooling._EVEN": 0.0,
    },
}
