"""A function in LLVM's language while it is being written, one instruction after another."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TypeAlias

from llvmlite import ir

from mtcnn_core.kernels.processor import Processor

FLOAT = ir.FloatType()
BYTE = ir.IntType(8)
_NUMBER = ir.IntType(64)
_LANE = ir.IntType(32)
_POINTER = ir.PointerType()

# A value in the function being written; where a number is wanted, one of Python's will do.
Value: TypeAlias = Any  # ir.Value, which comes without types
Number: TypeAlias = Any  # a Value, or int


class FunctionWriter:
    """Instructions of one function, which returns nothing.

    Args:
        module: Where the function belongs.
        name: Name of the function.
        processor: What it is written for.
        pointers: Parameters that point to arrays, which do not overlap; they come first.
        numbers: Parameters that are whole numbers.
        public: Whether it is called from outside.

    Attributes:
        function: The function.
        pointers: Its parameters.
        numbers: Its parameters.
        lanes: float32 numbers in a vector.
    """

    def __init__(
        self,
        module: ir.Module,
        name: str,
        processor: Processor,
        *,
        pointers: int,
        numbers: int,
        public: bool = False,
    ) -> None:
        parameters = [_POINTER] * pointers + [_NUMBER] * numbers
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), parameters), name)
        self.function.linkage = "external" if public else "private"
        self.pointers = self.function.args[:pointers]
        self.numbers = self.function.args[pointers:]
        for pointer in self.pointers:
            pointer.add_attribute("noalias")
        self.lanes = processor.lanes
        self._fused = processor.fused
        self._vector = ir.VectorType(FLOAT, self.lanes)
        self._entry = self.function.append_basic_block("entry")
        self._builder = ir.IRBuilder(self._entry)

    def finished(self) -> ir.Function:
        """Ends the function and returns it."""
        self._builder.ret_void()
        return self.function

    def call(self, function: ir.Function, *arguments: Number) -> None:
        """Calls another function of the module."""
        self._builder.call(function, [_value(each) for each in arguments])

    @contextlib.contextmanager
    def loop(self, count: Number, step: int = 1) -> Iterator[Value]:
        """Repeats the block for 0, step, 2 step, ... below count."""
        build = self._builder
        before = build.block
        head, body, after = (build.append_basic_block(name) for name in ("head", "body", "after"))
        build.branch(head)
        build.position_at_end(head)
        index = build.phi(_NUMBER)
        index.add_incoming(_value(0), before)
        build.cbranch(build.icmp_signed("<", index, _value(count)), body, after)
        build.position_at_end(body)
        yield index
        index.add_incoming(self.add(index, step), build.block)
        build.branch(head)
        build.position_at_end(after)

    @contextlib.contextmanager
    def when_at_least(self, number: Value, least: int) -> Iterator[None]:
        """Runs the block only where the number is as large."""
        with self._builder.if_then(self._builder.icmp_signed(">=", number, _value(least))):
            yield

    # Whole numbers

    def number(self, number: int) -> Value:
        """Returns a constant."""
        return _value(number)

    def add(self, first: Number, *others: Number) -> Value:
        """Returns the sum of whole numbers."""
        total = _value(first)
        for other in others:
            total = self._builder.add(total, _value(other))
        return total

    def times(self, a: Number, b: Number) -> Value:
        """Returns the product of two whole numbers."""
        return self._builder.mul(_value(a), _value(b))

    def units(self, number: Number, size: int) -> Value:
        """Returns how many units of a size cover a number of at least 0."""
        return self._builder.udiv(self.add(number, size - 1), _value(size))

    def remainder(self, number: Number, divisor: int) -> Value:
        """Returns what a division of a number of at least 0 leaves over."""
        return self._builder.urem(_value(number), _value(divisor))

    def either(self, a: Number, b: Number, equal: Value, other: Value) -> Value:
        """Returns one value where two numbers are equal, elsewhere the other."""
        return self._builder.select(
            self._builder.icmp_signed("==", _value(a), _value(b)), equal, other
        )

    def smaller(self, a: Number, b: Number) -> Value:
        """Returns the smaller of two numbers."""
        a, b = _value(a), _value(b)
        return self._builder.select(self._builder.icmp_signed("<", a, b), a, b)

    # Memory: an index counts float32 numbers, unless another type is given

    def at(self, pointer: Value, index: Number, kind: ir.Type = FLOAT) -> Value:
        """Returns a pointer to the element so many places on."""
        return self._builder.gep(pointer, [_value(index)], source_etype=kind)

    def load(self, pointer: Value, index: Number = 0) -> Value:
        """Returns the vector in memory at an index."""
        return self._builder.load(self.at(pointer, index), typ=self._vector, align=4)

    def load_bytes(self, pointer: Value) -> Value:
        """Returns uint8 numbers in memory as a vector of float32 ones."""
        kind = ir.VectorType(BYTE, self.lanes)
        return self._builder.uitofp(self._builder.load(pointer, typ=kind, align=1), self._vector)

    def load_number(self, pointer: Value, index: Number) -> Value:
        """Returns the whole number of 64 bits in memory at an index."""
        return self._builder.load(self.at(pointer, index, _NUMBER), typ=_NUMBER, align=8)

    def load_pointer(self, pointer: Value, index: Number) -> Value:
        """Returns the pointer in memory at an index."""
        return self._builder.load(self.at(pointer, index, _NUMBER), typ=_POINTER, align=8)

    def load_equal(self, pointer: Value, index: Number) -> Value:
        """Returns a vector with the number in memory at an index in all its lanes."""
        number = self._builder.load(self.at(pointer, index), typ=FLOAT, align=4)
        nothing = ir.Constant(self._vector, ir.Undefined)
        first = self._builder.insert_element(nothing, number, ir.Constant(_LANE, 0))
        everywhere = ir.Constant(ir.VectorType(_LANE, self.lanes), [0] * self.lanes)
        return self._builder.shuffle_vector(first, nothing, everywhere)

    def store(self, vector: Value, pointer: Value, index: Number = 0) -> None:
        """Writes a vector to memory."""
        self._builder.store(vector, self.at(pointer, index), align=4)

    def copy(self, source: Value, target: Value) -> None:
        """Copies one number in memory."""
        self._builder.store(self._builder.load(source, typ=FLOAT, align=4), target, align=4)

    # Vectors

    def constant(self, number: float) -> Value:
        """Returns a vector with a constant in all its lanes."""
        return ir.Constant(self._vector, [float(number)] * self.lanes)

    def variable(self, value: Value) -> Value:
        """Returns a place for a vector that changes; LLVM finds it a register."""
        with self._builder.goto_block(self._entry):
            self._builder.position_at_start(self._entry)
            place = self._builder.alloca(self._vector)
        self._builder.store(value, place)
        return place

    def value(self, variable: Value) -> Value:
        """Returns what a variable holds."""
        return self._builder.load(variable, typ=self._vector)

    def accumulate(self, a: Value, b: Value, variable: Value) -> None:
        """Adds a product to a variable."""
        self._builder.store(self.product_sum(a, b, self.value(variable)), variable)

    def product_sum(self, a: Value, b: Value, c: Value) -> Value:
        """Returns ``a * b + c``."""
        if not self._fused:
            return self._builder.fadd(self._builder.fmul(a, b), c)
        name = f"llvm.fma.v{self.lanes}f32"
        module = self.function.module
        fused = module.globals.get(name) or ir.Function(
            module, ir.FunctionType(self._vector, [self._vector] * 3), name
        )
        return self._builder.call(fused, [a, b, c])

    def product(self, a: Value, b: Value) -> Value:
        """Returns ``a * b``."""
        return self._builder.fmul(a, b)

    def sum(self, a: Value, b: Value) -> Value:
        """Returns ``a + b``."""
        return self._builder.fadd(a, b)

    def difference(self, a: Value, b: Value) -> Value:
        """Returns ``a - b``."""
        return self._builder.fsub(a, b)

    def moved(self, vector: Value, places: int) -> Value:
        """Returns a vector with its lanes moved towards the first; the last one is repeated."""
        lanes = [min(lane + places, self.lanes - 1) for lane in range(self.lanes)]
        order = ir.Constant(ir.VectorType(_LANE, self.lanes), lanes)
        return self._builder.shuffle_vector(vector, vector, order)

    def maximum(self, a: Value, b: Value) -> Value:
        """Returns the larger number of each pair of lanes."""
        return self._builder.select(self._builder.fcmp_ordered(">", a, b), a, b)

    def prelu(self, x: Value, excess: Value) -> Value:
        """Returns ``x`` where that is positive, elsewhere ``(1 + excess) * x``."""
        zero = self.constant(0)
        negative = self._builder.select(self._builder.fcmp_ordered("<", x, zero), x, zero)
        return self.product_sum(excess, negative, x)


def _value(number: Number) -> Value:
    return ir.Constant(_NUMBER, number) if isinstance(number, int) else number
