"""What to compare with, set up alike (same settings, one thread, CPU).

Other packages with the same cascade, and this one with another engine.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.messages.errors import UserError
from mtcnn_core.detectors import make_detector
from mtcnn_core.engines.registry import EngineName, Precision, find_engine, variants
from mtcnn_core.settings.detector import DetectorSettings

# uint8 (h, w, 3) RGB -> how many faces were found
Detect = Callable[[NDArray[np.uint8]], int]


@dataclass(frozen=True)
class Rival:
    """A package to compare with.

    Attributes:
        packages: Distributions whose versions matter, if they are installed.
        install: What to type to get it.
        load: Imports it and makes a detector.
    """

    packages: tuple[str, ...]
    install: str
    load: Callable[[DetectorSettings], Detect]


def find_rival(name: str) -> Rival:
    """A rival by its name.

    Raises:
        UserError: There is none of that name.
    """
    if name not in RIVALS:
        raise UserError(f"--against takes {', '.join(RIVALS)}, not '{name}'")
    return RIVALS[name]


def load_rival(name: str, settings: DetectorSettings) -> Detect:
    """Imports a package and makes its detector.

    Args:
        name: One of `RIVALS`.
        settings: Size, factor and thresholds are handed on; so is what else it can be told.

    Raises:
        UserError: There is none of that name, or it is not installed.
        mtcnn_core.engines.errors.DeviceError: The engine is not there.
    """
    rival = find_rival(name)
    try:
        return rival.load(settings)
    except ImportError as error:
        missing = f"'{error.name}' is missing" if isinstance(error, ModuleNotFoundError) else error
        raise UserError(
            f"--against {name} cannot be imported ({missing}): {rival.install}"
        ) from error


def _mtcnn(settings: DetectorSettings) -> Detect:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when it is imported
    tensorflow: Any = importlib.import_module("tensorflow")
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    detector: Any = importlib.import_module("mtcnn").MTCNN(device="CPU:0")
    pnet, rnet, onet = settings.thresholds
    # 1.0.0 counts its pyramid's levels for faces of 12 px. For much larger ones it asks for levels
    # that are too small, and answers that there is no face: see the count of faces.
    options = {
        "min_face_size": settings.min_face,
        "scale_factor": settings.factor,
        "threshold_pnet": pnet,
        "threshold_rnet": rnet,
        "threshold_onet": onet,
        "nms_pnet1": settings.nms_level,
        "nms_pnet2": settings.nms_proposals,
        "nms_rnet": settings.nms_refined,
        "nms_onet": settings.nms_output,
    }
    return lambda image: len(detector.detect_faces(image, **options))


def _facenet_pytorch(settings: DetectorSettings) -> Detect:
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    detector: Any = importlib.import_module("facenet_pytorch").MTCNN(
        keep_all=True,
        min_face_size=settings.min_face,
        factor=settings.factor,
        thresholds=list(settings.thresholds),
        device="cpu",
    )

    def detect(image: NDArray[np.uint8]) -> int:
        boxes, _, _ = detector.detect(image, landmarks=True)
        return 0 if boxes is None else len(boxes)

    return detect


def _engine(engine: EngineName, precision: Precision, settings: DetectorSettings) -> Detect:
    detector = make_detector(replace(settings, engine=engine, precision=precision))
    return lambda image: len(detector.detect(image))


RIVALS: Mapping[str, Rival] = {
    "mtcnn": Rival(
        ("mtcnn", "tensorflow", "tensorflow-cpu", "keras"),
        "pip install tensorflow mtcnn==1.0.0",
        _mtcnn,
    ),
    "facenet-pytorch": Rival(
        ("facenet-pytorch", "torch"),
        # Without its dependencies, because it asks for a Pillow and a NumPy that are too old.
        "pip install torch torchvision requests tqdm && "
        "pip install --no-deps facenet-pytorch==2.6.0",
        _facenet_pytorch,
    ),
    **{
        name: Rival(
            find_engine(engine).packages,
            find_engine(engine).install,
            partial(_engine, engine, precision),
        )
        for name, (engine, precision) in variants().items()
    },
}
