"""Programs as machine code, kept in the per-user cache so that a worker need not write them."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from collections.abc import Callable
from importlib import resources

import llvmlite
from llvmlite import binding as llvm

from mtcnn_core import kernels
from mtcnn_core.cache import cached
from mtcnn_core.kernels.processor import Processor


class Function:
    """A function of a program, whose memory stays as long as this; it runs without Python's lock.

    Args:
        code: The program.
        call: The function.
    """

    def __init__(self, code: MachineCode, call: Callable[..., None]) -> None:
        self._code = code
        self._call = call

    def __call__(self, *arguments: int) -> None:
        """Calls the function with addresses and whole numbers."""
        self._call(*arguments)


class MachineCode:
    """A program in memory, ready to be called.

    Args:
        data: The object file.
        processor: The processor at hand, for which the program is.
    """

    def __init__(self, data: bytes, processor: Processor) -> None:
        # LLVM wants a module to begin with; the program itself comes as an object file.
        nothing = llvm.parse_assembly("")
        self._engine = llvm.create_mcjit_compiler(nothing, processor.target())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        self._engine.finalize_object()

    def function(self, name: str, pointers: int, numbers: int) -> Function:
        """Returns a function of the program.

        Args:
            name: Name of the function.
            pointers: How many it takes, as addresses.
            numbers: How many whole numbers it takes after them.
        """
        kinds = [ctypes.c_void_p] * pointers + [ctypes.c_int64] * numbers
        address = self._engine.get_function_address(name)
        return Function(self, ctypes.CFUNCTYPE(None, *kinds)(address))


def machine_code(name: str, processor: Processor, write: Callable[[], str]) -> MachineCode:
    """Returns a program, from the cache or newly compiled.

    Args:
        name: Name of the program, which alone tells it from others.
        processor: The processor at hand, for which the program is.
        write: Writes the program in LLVM's language.
    """
    key = f"{name} {processor} llvmlite {llvmlite.__version__} {_sources()}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    file = f"machine_code/{name}-{digest[:32]}.zip"
    return MachineCode(cached(file, lambda: compiled(write(), processor)), processor)


def compiled(program: str, processor: Processor) -> bytes:
    """Returns the object file of a program.

    Args:
        program: The program in LLVM's language.
        processor: What it is for.
    """
    machine = processor.target()
    module = llvm.parse_assembly(program)
    module.triple = processor.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    # What is worth unrolling is unrolled, and vectors are written as such.
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    code: bytes = machine.emit_object(module)
    return code


@functools.cache
def _sources() -> str:
    """A digest of what writes the programs: those of another version would be called wrongly."""
    digest = hashlib.sha256()
    for file in sorted(resources.files(kernels).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
