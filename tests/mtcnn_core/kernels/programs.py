"""Kernels as Python functions, on this processor and on the lesser ones that it includes."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding as llvm
from llvmlite import ir
from numpy.typing import NDArray

from mtcnn_core.kernels.blocks import aligned
from mtcnn_core.kernels.compiler import MachineCode, compiled
from mtcnn_core.kernels.processor import Processor, describe, this_processor

Floats = NDArray[np.float32]
_SINCE_AVX = ("avx", "fma", "f16c", "vaes", "vpclmulqdq", "vp2intersect")


def processors() -> dict[str, Processor]:
    """This processor, and the kinds before it, each with shorter vectors."""
    this = this_processor()
    found = {f"{this.lanes} lanes": this}
    if not this.triple.startswith("x86_64"):
        return found
    features = dict(llvm.get_host_cpu_features())
    for level, newer in (("x86-64-v3", ("avx512",)), ("x86-64-v2", _SINCE_AVX)):
        features = {name: there and not name.startswith(newer) for name, there in features.items()}
        lesser = describe(this.triple, level, features)
        found.setdefault(f"{lesser.lanes} lanes", lesser)
    return found


def function(
    processor: Processor, write: Callable[[ir.Module], ir.Function], pointers: int, numbers: int
) -> Callable[..., None]:
    """Compiles one kernel."""
    module = ir.Module()
    kernel = write(module)
    kernel.linkage = "external"
    code = MachineCode(compiled(str(module), processor), processor)
    call = code.function(kernel.name, pointers, numbers)
    del code  # the function keeps what it needs

    def run(*arguments: Floats | NDArray[np.uint8] | int) -> None:
        call(*(each if isinstance(each, int) else each.ctypes.data for each in arguments))

    return run


def memory(*shape: int) -> Floats:
    """Not-a-numbers that begin on a line of the cache, so that what is not written shows."""
    array = aligned(int(np.prod(shape))).reshape(shape)
    array[:] = np.nan
    return array


def at_the_end_of_a_page(array: NDArray[Any]) -> NDArray[Any]:
    """A copy after which the next page of memory cannot be read; once a process, for good."""
    size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    area = mmap.mmap(-1, size + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + size), mmap.PAGESIZE, 0) == 0
    moved = np.frombuffer(area, array.dtype, array.size, size - array.nbytes)
    moved[:] = array.ravel()
    return moved.reshape(array.shape)
