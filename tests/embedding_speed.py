"""How fast crops become vectors: `python -m tests.embedding_speed DATA [PEERS]`.

DATA is the folder of test models, PEERS the `python` of an environment with `face_recognition`.
Each model in each engine against itself as people call it: ONNX Runtime, one thread, a crop at a
time (an `.xml`: OpenVINO likewise). In turn; milliseconds of processor time a crop, medians.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.files import EmbeddingFiles, read_model
from mtcnn_core.embedding.model import EmbeddingModel
from mtcnn_core.embedding.normalise import fixed_numbers
from mtcnn_core.engines.registry import ENGINES, opener
from mtcnn_core.settings.embedding import DLIB, EmbeddingSettings

Pixels = NDArray[np.uint8]
ROUNDS, CROPS = 9, 64
_REID = "openvino/face-reidentification-retail-0095/face-reidentification-retail-0095.xml"
_MODELS = {"dlib": DLIB, "mobilefacenet": "embedding/mobilefacenet.onnx", "retail-0095": _REID}
# What `face_recognition` calls: dlib, a chip at a time.
_PEER = """
import sys, time, dlib, numpy as np
network = dlib.face_recognition_model_v1(sys.argv[1])
chips = list(np.random.default_rng(0).integers(0, 256, (8, 150, 150, 3)).astype(np.uint8))
for line in sys.stdin:
    began = time.process_time()
    for chip in chips:
        network.compute_face_descriptor(chip)
    print((time.process_time() - began) / len(chips) * 1e3, flush=True)
"""


def models(data: Path) -> dict[str, str]:
    """The known models that are at hand: name -> what the settings call it."""
    return {
        name: place if place == DLIB else str(data / "models" / place)
        for name, place in _MODELS.items()
    }


def _spent(work: Callable[[], object]) -> float:
    """Milliseconds of processor time a crop."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / CROPS * 1e3


def _crops(size: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (CROPS, size, size, 3)).astype(np.uint8)


def _as_called(files: EmbeddingFiles, model: EmbeddingModel) -> Callable[[], float]:
    """The model a crop at a time, fed by NumPy."""
    engine = opener(files.ending)
    runtime = engine.device("cpu", engine.precisions[0]).runtimes["onet"]
    started = engine.open_model(files.graph, files.weights, runtime, 1)
    mean, scale = (np.array(each, np.float32) for each in fixed_numbers(model) or (0, 1))
    turn = -1 if model.colours == "bgr" else 1

    def embed(crop: Pixels) -> NDArray[np.floating]:
        values = (crop[..., ::turn].astype(np.float32) - mean) / scale
        return started.run(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))

    crops = _crops(model.size)
    return lambda: _spent(lambda: [embed(crop) for crop in crops])


def _ours(settings: EmbeddingSettings, files: EmbeddingFiles) -> Callable[[], float]:
    embedder = Embedder(settings, files)
    crops = _crops(embedder.model.size)
    return lambda: _spent(lambda: embedder(crops))


def _peer(python: str) -> Callable[[], float]:
    from mtcnn_core.embedding import dlib_file

    file = dlib_file.wheel_file()
    process = subprocess.Popen(
        [python, "-c", _PEER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    asked, answers = process.stdin, process.stdout

    def once() -> float:
        print(file=asked, flush=True)
        return float(answers.readline())

    return once


def _ways(files: EmbeddingFiles) -> list[tuple[str, str]]:
    """Engines that open the model, and what they compute in."""
    able = [engine for engine in ENGINES if files.ending in engine.formats]
    return [(engine.name, precision) for engine in able for precision in engine.precisions[:2]]


def _measured(contestants: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Medians of all, each round in turn; the first is thrown away."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS + 1):
        for name, once in contestants.items():
            times[name].append(once())
    return {name: float(np.median(values[1:])) for name, values in times.items()}


def main(data: Path, peers: str | None) -> None:
    """Prints a table."""
    for name, model in models(data).items():
        files = read_model(model)
        settings = EmbeddingSettings(model=model)
        about = Embedder(settings, files).model
        contestants = {"a crop at a time": _as_called(files, about)}
        for engine, precision in _ways(files):
            chosen = EmbeddingSettings(model=model, engine=engine, precision=precision)
            try:
                contestants[f"{engine} {precision}"] = _ours(chosen, files)
            except EmbeddingError as error:
                print(f"{name}: {error}")
        if model == DLIB and peers:
            contestants["face_recognition"] = _peer(peers)
        found = _measured(contestants)
        for other in ("a crop at a time", "face_recognition"):
            for way in [way for way in found if other in found and " " in way and way != other]:
                ratio = found[other] / found[way]
                print(
                    f"{name:14} {way:16} {found[way]:6.2f} ms, {other} {found[other]:6.2f} ms: "
                    f"{ratio:.2f} times as fast",
                    flush=True,
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *[*sys.argv[2:], None][:1])
