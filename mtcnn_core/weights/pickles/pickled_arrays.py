"""What the names in a pickle of arrays stand for: NumPy's, PyTorch's and joblib's arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtcnn_core.weights.pickles.tensors import MAX_BYTES, Deferred


class Name(NamedTuple):
    """A class or function that a pickle names; it is never looked up, let alone called."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:100]


class Buildable:
    """What becomes a value once its state is known.

    Attributes:
        value: The finished value.
    """

    value: Any = None

    def build(self, state: Any, file: BinaryIO) -> None:
        """Takes the state of the value; some of it may follow in the file."""
        raise NotImplementedError


def floats(data: Any, dtype: np.dtype[Any], shape: Any, order: str = "C") -> NDArray[Any]:
    """An array over bytes.

    Raises:
        ValueError: They are not as many as the shape says.
    """
    if isinstance(data, str):  # how Python 2 wrote bytes
        data = data.encode("latin-1")
    sides = tuple(int(side) for side in shape)
    if any(side < 0 for side in sides):
        raise ValueError(f"an array of {dtype} {sides}")
    if math.prod(sides) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes for an array {sides}")
    return np.frombuffer(data, dtype).reshape(sides, order="F" if order == "F" else "C")


class _Dtype(Buildable):
    def __init__(self, code: str, *_: Any) -> None:
        self.value = np.dtype(str(code)[:8])

    def build(self, state: Any, file: BinaryIO) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class _Array(Buildable):
    """A NumPy array before its state; one of objects becomes the list of them."""

    def __init__(self, *_: Any) -> None:
        pass

    def build(self, state: Any, file: BinaryIO) -> None:
        shape, dtype, fortran, data = state[-4:]
        if isinstance(data, list):
            self.value = data[0] if shape == () else data
        else:
            self.value = floats(data, _dtype(dtype), shape, "F" if fortran else "C")


class _JoblibArray(Buildable):
    """joblib's place for an array whose bytes follow in the file."""

    def __init__(self, *_: Any) -> None:
        pass

    def build(self, state: Any, file: BinaryIO) -> None:
        dtype, shape = _dtype(state["dtype"]), state["shape"]
        if state.get("numpy_array_alignment_bytes"):
            file.read(file.read(1)[0])
        size = math.prod(int(side) for side in shape) * dtype.itemsize
        if not 0 <= size <= MAX_BYTES:
            raise ValueError(f"an array of {size} bytes")
        self.value = floats(file.read(size), dtype, shape, str(state["order"]))


def _dtype(value: Any) -> np.dtype[Any]:
    found = value.value if isinstance(value, _Dtype) else value
    if not isinstance(found, np.dtype):
        raise TypeError("no type of an array")
    return found


@dataclass
class Storage:
    """The numbers that PyTorch's tensors are views of.

    Attributes:
        size: How many numbers there are.
        dtype: Type of each number.
        data: The numbers, once they are read.
    """

    size: int
    dtype: np.dtype[Any]
    data: NDArray[Any] | None = None


@dataclass
class TorchTensor(Deferred):
    """A view of a storage, made when the storage has been read."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        """Returns the view.

        Raises:
            ValueError: The view reaches beyond its storage, or would be larger than that.
        """
        data = self.storage.data
        if data is None:
            raise ValueError("a tensor without its numbers")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))
        sides = (*self.shape, *self.stride, self.offset)
        if min(sides) < 0 or math.prod(self.shape) > len(data) or last >= max(len(data), 1):
            raise ValueError(f"a tensor {self.shape} beyond its {len(data)} numbers")
        steps = [step * data.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(data[self.offset :], self.shape, steps)


def _torch_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> TorchTensor:
    if not isinstance(storage, Storage):
        raise TypeError("a tensor without a storage")
    return TorchTensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _bytes(text: str = "", encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in {encoding}")
    return text.encode("latin-1")


def _same(value: Any, *_: Any) -> Any:
    return value


def _symbol(*_: Any) -> Any:
    raise TypeError("a call of a type")


# Element types of PyTorch's storages.
STORAGES: Mapping[Name, str] = {
    Name("torch", "FloatStorage"): "<f4",
    Name("torch", "DoubleStorage"): "<f8",
    Name("torch", "HalfStorage"): "<f2",
    Name("torch", "LongStorage"): "<i8",
    Name("torch", "IntStorage"): "<i4",
    Name("torch", "ShortStorage"): "<i2",
    Name("torch", "CharStorage"): "<i1",
    Name("torch", "ByteStorage"): "<u1",
    Name("torch", "BoolStorage"): "<u1",
    Name("torch", "BFloat16Storage"): "<V2",  # read past, never used
}

_CORE = ("numpy.core", "numpy._core")
# Every name that is allowed, and what its call means.
CONSTRUCTORS: Mapping[Name, Callable[..., Any]] = {
    **{Name(f"{core}.multiarray", "_reconstruct"): _Array for core in _CORE},
    **{
        Name(f"{core}.numeric", "_frombuffer"): lambda data, dtype, shape, order: floats(
            data, _dtype(dtype), shape, order
        )
        for core in _CORE
    },
    **{Name(f"{core}.multiarray", "scalar"): lambda *_: None for core in _CORE},
    Name("numpy", "ndarray"): _symbol,
    Name("numpy", "dtype"): _Dtype,
    Name("_codecs", "encode"): _bytes,
    Name("__builtin__", "bytes"): _bytes,
    Name("builtins", "bytes"): _bytes,
    Name("collections", "OrderedDict"): lambda pairs=(): {str(key): value for key, value in pairs},
    Name("joblib.numpy_pickle", "NumpyArrayWrapper"): _JoblibArray,
    Name("torch._utils", "_rebuild_tensor"): _torch_tensor,
    Name("torch._utils", "_rebuild_tensor_v2"): _torch_tensor,
    Name("torch._utils", "_rebuild_parameter"): _same,
    Name("torch.nn.parameter", "Parameter"): _same,
    Name("torch", "Size"): lambda sides=(): tuple(sides),
    Name("torch", "device"): lambda *_: None,
    **dict.fromkeys(STORAGES, _symbol),
}
