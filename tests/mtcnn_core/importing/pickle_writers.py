"""Writers of the formats that are pickles: NumPy, joblib and PyTorch, without those two."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
from numpy.typing import NDArray

from mtcnn_core.importing.layouts import Orientation
from mtcnn_core.weights.arrays import Weights
from tests.mtcnn_core.importing.layouts import (
    TENSORFLOW,
    TORCH,
    TORCH_NAMES,
    UPRIGHT_TENSORFLOW,
    Layers,
    by_network,
    flat,
    named,
)


def npy(value: Any, protocol: int = 2) -> bytes:
    """A `.npy` file with a pickled object in it."""
    file = io.BytesIO()
    array = np.empty((), object)
    array[()] = value
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    pickle.dump(array, file, protocol=protocol)
    return file.getvalue()


def write_facenet_npy(folder: Path, weights: Weights | None = None) -> None:
    """A dict of dicts, whose order tells nothing."""
    for number, (_, layers) in enumerate(by_network(TENSORFLOW, weights).values(), 1):
        inner = named(layers, ("weights", "biases", "alpha"))
        (folder / f"det{number}.npy").write_bytes(npy(dict(reversed(inner.items()))))


def write_flat_npy(folder: Path, weights: Weights | None = None) -> None:
    """One dict with dotted names, in Python 3's default protocol."""
    orientation = Orientation(flatten="cwh")
    for name, (_, layers) in by_network(orientation, weights).items():
        values = {
            f"features.{layer}.{key}": array
            for layer, arrays in named(layers, TORCH_NAMES).items()
            for key, array in arrays.items()
        }
        (folder / f"{name}.npy").write_bytes(npy(values, protocol=4))


def write_list_npy(folder: Path, weights: Weights | None = None) -> None:
    """All three in one file: a dict of lists, in the order of the layers."""
    lists = {name: flat(layers) for name, (_, layers) in by_network(TENSORFLOW, weights).items()}
    (folder / "weights.npy").write_bytes(npy(lists, protocol=3))


def write_npz(folder: Path, weights: Weights | None = None) -> None:
    arrays = {
        f"{name}/{number:02}": array
        for name, (_, layers) in by_network(UPRIGHT_TENSORFLOW, weights).items()
        for number, array in enumerate(flat(layers))
    }
    np.savez_compressed(folder / "all.npz", **arrays)  # type: ignore[arg-type]


class _Wrapper:
    """Pickled under joblib's name; the bytes of the array follow."""

    def __init__(self, array: NDArray[np.float32]) -> None:
        self.__dict__.update(
            subclass=np.ndarray,
            shape=array.shape,
            order="C",
            dtype=array.dtype,
            allow_mmap=True,
            numpy_array_alignment_bytes=16,
        )


class _JoblibPickler(pickle._Pickler):
    # Python's own ways: dill, which other tests load, puts its own in their places.
    dispatch = {  # noqa: RUF012
        **pickle._Pickler.dispatch,  # type: ignore[attr-defined]
        type: pickle._Pickler.save_type,  # type: ignore[attr-defined]
        dict: pickle._Pickler.save_dict,  # type: ignore[attr-defined]
        types.FunctionType: pickle._Pickler.save_global,
    }

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=4)
        self.file = file

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, np.ndarray):
            super().save(_Wrapper(obj))  # type: ignore[no-untyped-call]
            self.framer.commit_frame(force=True)  # type: ignore[attr-defined]
            self.file.write(b"\3..." + obj.tobytes())
        else:
            super().save(obj, save_persistent_id)  # type: ignore[no-untyped-call]


def _named(module: str, name: str, cls: type) -> types.ModuleType:
    """A module with a class that is pickled under this name."""
    made = types.ModuleType(module)
    cls.__module__, cls.__qualname__, cls.__name__ = module, name, name
    setattr(made, name, cls)
    return made


def joblib(values: Any) -> bytes:
    """A pickle as joblib writes it, without joblib."""
    module = _named("joblib.numpy_pickle", "NumpyArrayWrapper", _Wrapper)
    kept = {name: sys.modules.get(name) for name in ("joblib", module.__name__)}
    sys.modules.update({"joblib": types.ModuleType("joblib"), module.__name__: module})
    try:
        file = io.BytesIO()
        _JoblibPickler(file).dump(values)
    finally:
        for name, before in kept.items():
            sys.modules.pop(name) if before is None else sys.modules.update({name: before})
    return file.getvalue()


def write_lz4(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(UPRIGHT_TENSORFLOW, weights).items():
        data = lz4.frame.compress(joblib(flat(layers)))
        (folder / f"{name}.lz4").write_bytes(data)


class _FloatStorage:
    pass


class _HalfStorage:
    pass


class _Tensor:
    """Pickled as a call of torch's own function on a storage."""

    def __init__(self, key: str, array: NDArray[Any], rebuild: Callable[..., Any]) -> None:
        self.key, self.array, self.rebuild = key, array, rebuild

    def __reduce__(self) -> Any:
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        arguments = (self, 0, self.array.shape, strides, False, OrderedDict())
        return self.rebuild, (_Storage(self), *arguments[1:])


class _Storage:
    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor


class _TorchPickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, _Storage):
            return None
        array = obj.tensor.array
        kind = _HalfStorage if array.dtype == np.float16 else _FloatStorage
        return ("storage", kind, obj.tensor.key, "cpu", array.size)


def _rebuild(*_: Any) -> Any:
    raise NotImplementedError


def torch(values: Mapping[str, NDArray[Any]], *, legacy: bool) -> bytes:
    """What `torch.save(state_dict)` writes, without torch."""
    root = types.ModuleType("torch")
    inner = types.ModuleType("torch._utils")
    for cls in (_FloatStorage, _HalfStorage):
        cls.__module__, cls.__qualname__ = "torch", cls.__name__.lstrip("_")
        cls.__name__ = cls.__qualname__
        setattr(root, cls.__name__, cls)
    _rebuild.__module__, _rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    _rebuild.__name__ = "_rebuild_tensor_v2"
    inner._rebuild_tensor_v2 = _rebuild  # type: ignore[attr-defined]
    kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": root, "torch._utils": inner})
    try:
        tensors = OrderedDict(
            (name, _Tensor(str(9000 + number), np.asarray(array), _rebuild))
            for number, (name, array) in enumerate(values.items())
        )
        pickled = io.BytesIO()
        _TorchPickler(pickled, protocol=2).dump(tensors)
    finally:
        for name, before in kept.items():
            sys.modules.pop(name) if before is None else sys.modules.update({name: before})
    file = io.BytesIO()
    if legacy:
        for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            file.write(pickle.dumps(value, protocol=2))
        file.write(pickled.getvalue())
        file.write(pickle.dumps([each.key for each in tensors.values()], protocol=2))
        for each in tensors.values():
            file.write(struct.pack("<q", each.array.size) + each.array.tobytes())
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("net/data.pkl", pickled.getvalue())
            for each in tensors.values():
                archive.writestr(f"net/data/{each.key}", each.array.tobytes())
            archive.writestr("net/version", "3")
    return file.getvalue()


def state_dict(layers: Layers, dtype: str = "<f4") -> dict[str, NDArray[Any]]:
    return {
        f"{layer}.{key}": array.astype(dtype)
        for layer, arrays in named(layers, TORCH_NAMES).items()
        for key, array in arrays.items()
    }


def write_torch(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(TORCH, weights).items():
        (folder / f"{name}.pt").write_bytes(torch(state_dict(layers), legacy=False))


def write_torch_legacy(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(TORCH, weights).items():
        (folder / f"{name}.pth").write_bytes(torch(state_dict(layers), legacy=True))


def write_torch_half(folder: Path, weights: Weights | None = None) -> None:
    for name, (_, layers) in by_network(TORCH, weights).items():
        (folder / f"{name}.pt").write_bytes(torch(state_dict(layers, "<f2"), legacy=False))
