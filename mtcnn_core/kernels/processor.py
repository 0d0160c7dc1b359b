"""What the processor at hand offers to the kernels."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from llvmlite import binding as llvm


@dataclass(frozen=True)
class Processor:
    """A kind of processor.

    Attributes:
        triple: What LLVM calls the platform.
        name: What LLVM calls the processor.
        features: Comma-separated, each with ``+`` or ``-``, as LLVM wants them.
        lanes: float32 numbers in a vector register.
        registers: Vector registers.
        fused: Whether it multiplies and adds in one instruction.
    """

    triple: str
    name: str
    features: str
    lanes: int
    registers: int
    fused: bool

    @property
    def pixels(self) -> int:
        """How many pixels a convolution computes at once, each in a register."""
        return self.registers * 3 // 4

    def tiles(self, products: int) -> int:
        """Returns how many tiles are computed at once, each in a register for every product."""
        return max(1, self.pixels // products)

    def target(self) -> llvm.TargetMachine:
        """Returns LLVM's compiler for the processor."""
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.name, features=self.features, opt=3, jit=True, reloc="pic"
        )


@functools.cache
def this_processor() -> Processor:
    """Returns the processor that this program runs on."""
    features = llvm.get_host_cpu_features()
    triple = llvm.get_process_triple()
    return describe(triple, llvm.get_host_cpu_name(), dict(features))


def describe(triple: str, name: str, features: dict[str, bool]) -> Processor:
    """Returns what a processor offers to the kernels.

    Args:
        triple: What LLVM calls the platform, such as ``x86_64-unknown-linux-gnu``.
        name: What LLVM calls the processor.
        features: Feature -> whether it is there, by LLVM's names.
    """
    if triple.startswith(("aarch64", "arm64")):
        lanes, registers, fused = 4, 32, True
    elif features.get("avx512f"):
        lanes, registers, fused = 16, 32, True
    elif features.get("avx"):
        lanes, registers, fused = 8, 16, features.get("fma", False)
    else:
        lanes, registers, fused = 4, 16, False
    flags = ",".join(("+" if there else "-") + each for each, there in sorted(features.items()))
    return Processor(triple, name, flags, lanes, registers, fused)
