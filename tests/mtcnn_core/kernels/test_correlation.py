"""Fast correlation against the plain one."""

import numpy as np
import pytest

from mtcnn_core.kernels.correlation import PLACES, TAPS, correlation


@pytest.mark.parametrize("places", PLACES)
def test_is_the_plain_correlation(places: int, rng: np.random.Generator) -> None:
    scheme = correlation(places)
    numbers, taps = rng.normal(size=scheme.products), rng.normal(size=TAPS)
    found = scheme.after @ ((scheme.taps @ taps) * (scheme.before @ numbers))
    np.testing.assert_allclose(found, np.correlate(numbers, taps), atol=1e-12)


@pytest.mark.parametrize("places", PLACES)
def test_takes_m_plus_2_multiplications(places: int) -> None:
    scheme = correlation(places)
    assert scheme.products == places + 2
    assert scheme.after.shape == (places, places + 2)


@pytest.mark.parametrize("places", PLACES)
def test_opposite_points_differ_in_their_odd_parts(places: int) -> None:
    scheme = correlation(places)
    assert scheme.pairs
    powers = np.arange(places)
    for a, b in scheme.pairs:
        np.testing.assert_array_equal(scheme.after[:, a], scheme.after[:, b] * (-1.0) ** powers)


@pytest.mark.parametrize("places", PLACES)
def test_one_product_is_added_to_every_place(places: int) -> None:
    scheme = correlation(places)
    np.testing.assert_array_equal(scheme.after[:, scheme.everywhere], np.ones(places))
