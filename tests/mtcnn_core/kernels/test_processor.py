"""What the kernels are told of a processor."""

import pytest

from mtcnn_core.kernels.processor import describe, this_processor

X86 = "x86_64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("triple", "features", "expected"),
    [
        (X86, {"avx512f": True, "avx": True, "fma": True}, (16, 32, True)),
        (X86, {"avx512f": False, "avx": True, "fma": True}, (8, 16, True)),
        (X86, {"avx": True, "fma": False}, (8, 16, False)),
        (X86, {"sse2": True, "avx": False}, (4, 16, False)),
        ("aarch64-unknown-linux-gnu", {"neon": True}, (4, 32, True)),
        ("arm64-apple-darwin23", {}, (4, 32, True)),
    ],
)
def test_vectors(triple: str, features: dict[str, bool], expected: tuple[int, int, bool]) -> None:
    processor = describe(triple, "", features)
    assert (processor.lanes, processor.registers, processor.fused) == expected


def test_features_are_named_in_one_order() -> None:
    a = describe(X86, "", {"sse2": True, "avx": False})
    b = describe(X86, "", {"avx": False, "sse2": True})
    assert a == b
    assert a.features == "-avx,+sse2"


@pytest.mark.parametrize("lanes_of", [{"avx512f": True}, {"avx": True}, {}], ids=str)
@pytest.mark.parametrize("products", [5, 6])
def test_tiles_leave_registers_for_a_weight_and_a_pixel(
    lanes_of: dict[str, bool], products: int
) -> None:
    processor = describe(X86, "", lanes_of)
    assert 1 <= processor.tiles(products) * products <= processor.registers - 2
    assert processor.pixels <= processor.registers - 2


def test_this_processor_is_asked_once() -> None:
    assert this_processor() is this_processor()
