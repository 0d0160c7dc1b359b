"""Crops cut by NumPy against those of the compiled program: the same but for rounding."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.cascade.cutting import CompiledCutting, Cutting, PlainCutting, cutting

COMPILED, PLAIN = CompiledCutting(), PlainCutting()
Floats = NDArray[np.float64]


def _cut(
    way: Cutting, images: list[NDArray[np.uint8]], index: NDArray[np.intp], place: list[Floats]
) -> NDArray[np.float32]:
    way.prepare(24)
    return way.cut([way.image(image) for image in images], index, *place, 24)


def _assert_same(
    images: list[NDArray[np.uint8]], index: NDArray[np.intp], first: Floats, step: Floats
) -> None:
    plain, compiled = (_cut(way, images, index, [first, step]) for way in (PLAIN, COMPILED))
    assert plain.dtype == compiled.dtype == np.float32
    np.testing.assert_allclose(plain, compiled, rtol=0, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (5, 9), (60, 80)], ids=str)
def test_inside_at_the_border_and_beyond(shape: tuple[int, int], rng: np.random.Generator) -> None:
    first = rng.uniform(-1.5 * max(shape), 1.2 * max(shape), (60, 2))
    step = rng.uniform(0.01, 3, (60, 2))
    first[0], step[0] = 0, 1
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    _assert_same([image], np.zeros(60, np.intp), first, step)


def test_each_from_its_own_image(rng: np.random.Generator) -> None:
    images = [rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((30, 40), (8, 5), (90, 3))]
    index = rng.integers(0, 3, 50)
    _assert_same(images, index, rng.uniform(-5, 30, (50, 2)), rng.uniform(0.1, 2, (50, 2)))


def test_a_part_of_an_image(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (30, 40, 3), np.uint8)[::-1, 3:30:2]
    _assert_same([image], np.zeros(1, np.intp), np.array([[-2.0, 3.0]]), np.array([[1.3, 0.9]]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300])
def test_places_that_are_nowhere(bad: float) -> None:
    image = np.full((30, 40, 3), 255, np.uint8)
    for first, step in ((bad, 1.0), (0.0, bad)):
        place = [np.full((1, 2), first), np.full((1, 2), step)]
        crops = _cut(PLAIN, [image], np.zeros(1, np.intp), place)
        assert not crops[0, 1:, 1:].any()


def test_nothing_to_cut() -> None:
    nothing = np.empty((0, 2))
    assert _cut(PLAIN, [], np.empty(0, np.intp), [nothing, nothing]).shape == (0, 24, 24, 3)


def test_the_compiled_program_is_taken_where_there_is_one() -> None:
    assert isinstance(cutting(), CompiledCutting)
