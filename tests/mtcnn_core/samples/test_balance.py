import numpy as np

from mtcnn_core.samples.balance import size_weights
from mtcnn_core.samples.samples import NEGATIVE, POSITIVE, Samples


def _samples(kinds: list[int], sizes: list[float]) -> Samples:
    count = len(kinds)
    nothing = np.zeros((count, 4), np.float32)
    numbers = np.zeros(count, np.float32)
    return Samples(
        np.zeros((count, 12, 12, 3), np.uint8),
        np.array(kinds, np.int8),
        nothing,
        nothing,
        np.zeros((count, 5, 2), np.float32),
        numbers,
        np.array(sizes, np.float32),
        numbers,
        numbers,
    )


def test_rare_sizes_come_as_often_as_others() -> None:
    samples = _samples([POSITIVE] * 9 + [POSITIVE] + [NEGATIVE] * 5, [20.0] * 9 + [200.0] * 6)

    weights = size_weights(samples, 1)

    assert weights[:9].sum() == weights[9] == 5
    assert (weights[10:] == 1).all()


def test_without_balance_all_come_alike() -> None:
    assert (size_weights(_samples([POSITIVE, POSITIVE], [20, 200]), 0) == 1).all()
