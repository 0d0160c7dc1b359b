"""The losses by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.fitting.losses import box_loss, classification_loss, landmark_loss  # noqa: E402
from mtcnn_core.settings.fitting import FittingSettings  # noqa: E402

LOGITS = torch.tensor([0.0, 2.0, -1.0, 3.0])
TARGETS = torch.tensor([1.0, 1.0, 0.0, 0.0])
ENTROPIES = [
    math.log(2),
    math.log1p(math.exp(-2)),
    math.log1p(math.exp(-1)),
    math.log1p(math.exp(3)),
]


def _classified(**settings: object) -> float:
    return float(classification_loss(LOGITS, TARGETS, FittingSettings(**settings)))  # type: ignore[arg-type]


def test_all_is_the_mean_cross_entropy() -> None:
    assert _classified(classification="all") == pytest.approx(sum(ENTROPIES) / 4, abs=1e-6)


def test_ohem_is_the_mean_of_the_worst() -> None:
    worst = sorted(ENTROPIES)[-2:]
    assert _classified(classification="ohem", keep=0.5) == pytest.approx(sum(worst) / 2, abs=1e-6)


def test_focal_weighs_by_what_is_unsure() -> None:
    chances = [1 / (1 + math.exp(-z)) for z in LOGITS.tolist()]
    pairs = zip(ENTROPIES, chances, TARGETS.tolist(), strict=True)
    expected = sum(e * abs(t - p) ** 2 for e, p, t in pairs) / 4 * 4
    assert _classified(classification="focal", gamma=2.0) == pytest.approx(expected, abs=1e-6)


def test_boxes_that_fit_cost_nothing() -> None:
    offsets = torch.tensor([[0.1, -0.1, 0.05, 0.2]])
    for kind in ("squared", "giou"):
        said = FittingSettings(box_loss=kind)  # type: ignore[arg-type]
        assert float(box_loss(offsets, offsets, said)) == pytest.approx(0, abs=1e-6)


def test_generalised_overlap_by_hand() -> None:
    """The unit square beside itself: nothing is shared, and the hull is both and a gap."""
    away = torch.tensor([[2.0, 0.0, 2.0, 0.0]])
    said = FittingSettings(box_loss="giou")
    # Union 2, hull 3: 0 - (3 - 2) / 3.
    assert float(box_loss(away, torch.zeros(1, 4), said)) == pytest.approx(1 + 1 / 3, abs=1e-6)
    half = torch.tensor([[0.5, 0.0, 0.5, 0.0]])
    assert float(box_loss(half, torch.zeros(1, 4), said)) == pytest.approx(1 - 1 / 3, abs=1e-6)


def test_squared_boxes_by_hand() -> None:
    said = FittingSettings(box_loss="squared")
    offsets = torch.tensor([[0.1, 0.0, 0.0, 0.2]])
    assert float(box_loss(offsets, torch.zeros(1, 4), said)) == pytest.approx(0.05, abs=1e-6)


def test_landmarks_come_as_five_x_and_five_y() -> None:
    points = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]])
    targets = torch.tensor([[[0.1, 0.6], [0.2, 0.7], [0.3, 0.8], [0.4, 0.9], [0.5, 1.1]]])
    said = FittingSettings(landmark_loss="squared")
    assert float(landmark_loss(points, targets, said)) == pytest.approx(0.01, abs=1e-6)
    said = FittingSettings(landmark_loss="smooth")
    assert float(landmark_loss(points, targets, said)) == pytest.approx(0.1 - 0.01, abs=1e-6)
