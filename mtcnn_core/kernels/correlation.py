"""Three taps over m places with m + 2 multiplications, in place of 3 m.

The scheme of Toom and Cook, which Winograd (1980) showed to need the fewest multiplications: what
the taps ``g`` make of the numbers ``d`` is ``after @ ((taps @ g) * (before @ d))``, exact but for
rounding. With ``after`` and ``before`` applied to whole convolutions it is used by Lavin and Gray,
"Fast Algorithms for Convolutional Neural Networks" (2016); here along rows only, which needs no
buffers between multiplying and adding up.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

TAPS = 3
# Finite points at which the polynomials are evaluated; infinity is one more. Small ones in pairs
# of opposite sign keep the rounding errors small and share their even and odd parts.
_POINTS = {3: (0, 1, -1, 2), 4: (0, 1, -1, 2, -2)}
PLACES = tuple(_POINTS)

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Correlation:
    """The matrices for one number of places.

    Attributes:
        places: Results at once, m.
        before: ``(m + 2, m + 2)``, applied to the input.
        taps: ``(m + 2, 3)``, applied to the taps.
        after: ``(m, m + 2)``, applied to the products.
        pairs: Rows of ``before`` and columns of ``after`` that belong to opposite points.
    """

    places: int
    before: Matrix
    taps: Matrix
    after: Matrix
    pairs: tuple[tuple[int, int], ...]

    @property
    def products(self) -> int:
        """Multiplications for all places, m + 2."""
        return self.places + TAPS - 1

    @property
    def everywhere(self) -> int:
        """The product that is added to every place once: that at 1, whose powers are all 1."""
        return int(np.flatnonzero((self.after == 1).all(axis=0))[0])


@functools.cache
def correlation(places: int) -> Correlation:
    """Returns the matrices for 3 or 4 places."""
    points = [Fraction(point) for point in _POINTS[places]]
    before, taps = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = Fraction(1)
        for other in others:
            scale *= point - other
        before.append([*_polynomial(others), Fraction(0)])
        taps.append([point**power / scale for power in range(TAPS)])
    before.append(_polynomial(points))
    taps.append([Fraction(0)] * (TAPS - 1) + [Fraction(1)])
    after = [
        [point**power for point in points] + [Fraction(power == places - 1)]
        for power in range(places)
    ]
    pairs = tuple(
        (index, points.index(-point))
        for index, point in enumerate(points)
        if point > 0 and -point in points
    )
    return Correlation(places, _matrix(before), _matrix(taps), _matrix(after), pairs)


def _polynomial(roots: list[Fraction]) -> list[Fraction]:
    """Coefficients of the product of all ``x - root``, lowest first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [root * each for each in coefficients] + [Fraction(0)]
        coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
    return coefficients


def _matrix(rows: list[list[Fraction]]) -> Matrix:
    return np.array([[float(each) for each in row] for row in rows])
