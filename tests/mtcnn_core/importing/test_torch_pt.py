"""PyTorch's tensors are views of storages, and stay inside them."""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtcnn_core.importing.files import read_file
from mtcnn_core.weights import WeightsError
from mtcnn_core.weights.pickles.pickled_arrays import Storage, TorchTensor
from tests.mtcnn_core.importing.pickle_writers import torch


def _tensor(offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    storage = Storage(12, np.dtype("<f4"), np.arange(12, dtype="<f4"))
    return TorchTensor(storage, offset, shape, stride)


def test_a_view_of_a_storage() -> None:
    assert _tensor(2, (2, 3), (1, 2)).array().tolist() == [[2, 4, 6], [3, 5, 7]]
    assert _tensor(11, (1,), (1,)).array().tolist() == [11]
    assert _tensor(0, (), ()).array().tolist() == 0


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (13,), (1,)),
        (1, (12,), (1,)),
        (12, (1,), (1,)),
        (0, (2,), (12,)),
        (-1, (2,), (1,)),
        (4, (2,), (-4,)),
        (0, (1 << 40,), (0,)),
        (0, (-1, -1), (1, 1)),
    ],
)
def test_a_view_beyond_its_storage(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="beyond its 12 numbers"):
        _tensor(offset, shape, stride).array()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_transposed_tensor(legacy: bool, tmp_path: Path) -> None:
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    (tmp_path / "a.pt").write_bytes(torch({"a.b": array}, legacy=legacy))
    (found,) = read_file(tmp_path / "a.pt")
    assert found.path == ("a.pt", "a", "b")
    np.testing.assert_array_equal(found.array, array)


def test_an_older_file_whose_storages_are_others(tmp_path: Path) -> None:
    whole = torch({"a": np.zeros(2, "<f4")}, legacy=True)
    keys = pickle.dumps(["9000"], protocol=2)
    assert keys in whole
    (tmp_path / "a.pt").write_bytes(whole.replace(keys, pickle.dumps(["9001"], protocol=2)))
    with pytest.raises(WeightsError, match="is cut off"):
        read_file(tmp_path / "a.pt")


def test_a_storage_of_another_size(tmp_path: Path) -> None:
    whole = torch({"a": np.zeros(2, "<f4")}, legacy=True)
    (tmp_path / "a.pt").write_bytes(whole[:-16] + struct.pack("<q", 1) + b"\0" * 4)
    with pytest.raises(WeightsError, match="a storage of 1 numbers"):
        read_file(tmp_path / "a.pt")
