"""Imported weights are read without the readers of other formats, and nothing in them is run."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.arrays import Weights
from mtcnn_core.weights.load import load_weights
from mtcnn_core.weights.original import load_default

READ = """
import sys
from mtcnn_core.weights.load import load_weights
print(load_weights(sys.argv[1]).digests["onet"])
foreign = ("mtcnn_core.importing", "mtcnn_core.weights.pickles", "lz4", "h5py", "onnx", "google")
print([name for name in sys.modules if name.startswith(foreign)])
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.npz"
    _write(path, load_default())
    return path


def _write(path: Path, weights: Weights) -> None:
    arrays = {
        f"{network}.{name}": array
        for network, each in weights.arrays.items()
        for name, array in each.items()
    }
    np.savez(path, **arrays)  # type: ignore[arg-type]


def test_they_are_read_without_the_readers_of_other_formats(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [load_default().digests["onet"], "[]"]


def test_they_are_the_same_arrays(file: Path) -> None:
    assert load_weights(str(file)).digests == load_default().digests


def test_objects_are_refused(file: Path) -> None:
    np.savez(file, **{"pnet.conv1.weight": np.array([{}], object)})  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=r"is damaged \(Object arrays .*: import the model"):
        load_weights(str(file))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not an archive"])
def test_what_is_no_archive_is_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(WeightsError, match=r"weights\.npz' is damaged \(.*\): import the model"):
        load_weights(str(file))


def test_what_unpacks_to_too_much_is_refused(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pnet.conv1.weight.npy", bytes(100 << 20))
    with pytest.raises(WeightsError, match="it is too large"):
        load_weights(str(file))
