from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.cascade.scores import logit
from mtcnn_core.fitting.calibration import calibrated
from mtcnn_core.weights.load import load_weights

ARRAYS = load_weights("original")["rnet"]
RNG = np.random.default_rng(0)
BEFORE = RNG.normal(0, 3, 5000).astype(np.float32)
AFTER = (0.5 * BEFORE - 2 + RNG.normal(0, 0.1, 5000)).astype(np.float32)


def _logits(scores: tuple[float, ...]) -> np.ndarray:
    """What a network with logits `AFTER` says once it is calibrated."""
    made = calibrated(ARRAYS, BEFORE, AFTER, scores)
    was = ARRAYS["score.weight"][1] - ARRAYS["score.weight"][0]
    now = made["score.weight"][1] - made["score.weight"][0]
    slope = float(now @ was / (was @ was))
    bias = float(ARRAYS["score.bias"][1] - ARRAYS["score.bias"][0])
    shift = float(made["score.bias"][1] - made["score.bias"][0]) - slope * bias
    return slope * AFTER + shift


@pytest.mark.parametrize("scores", [(0.7,), (0.3, 0.7)])
def test_as_many_pass_as_before(scores: tuple[float, ...]) -> None:
    logits = _logits(scores)
    for score in scores:
        passed, before = (logits >= logit(score)).mean(), (logit(score) <= BEFORE).mean()
        assert passed == pytest.approx(before, abs=2e-3)


def test_one_score_only_shifts() -> None:
    logits = _logits((0.7,))
    np.testing.assert_allclose(logits - AFTER, (logits - AFTER)[0], atol=1e-4)


def test_nothing_is_changed_where_nothing_is_asked_for_or_known() -> None:
    assert calibrated(ARRAYS, BEFORE, AFTER, ()) is ARRAYS
    assert calibrated(ARRAYS, BEFORE[:50], AFTER[:50], (0.7,)) is ARRAYS
