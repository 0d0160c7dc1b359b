from typing import Any

import numpy as np
import pytest

from mtcnn_core.settings.training import TrainingSettings

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.training.learner import Learner  # noqa: E402

nn: Any = torch.nn


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.1)
        )
        self.last = nn.LazyLinear(6)

    def forward(self, crops: Any) -> Any:
        return nn.functional.normalize(self.last(self.body(crops)))


class _Loss(nn.Module):
    """Draws the vectors of a class together."""

    def forward(self, vectors: Any, ids: Any) -> Any:
        same = ids[:, None] == ids[None, :]
        return (1 - vectors @ vectors.T)[same].mean()


class _NaN(nn.Module):
    def forward(self, vectors: Any, ids: Any) -> Any:
        return vectors.sum() * float("nan")


def _learner(loss: Any = None, **values: Any) -> Learner:
    torch.manual_seed(0)
    network = _Network()
    network(torch.zeros(2, 3, 8, 8))
    settings = TrainingSettings(steps=100, warmup=1, learning_rate=0.01, **values)
    return Learner(network, loss or _Loss(), settings)


def _batch(number: int) -> tuple[Any, Any]:
    chance = torch.Generator().manual_seed(number)
    crops = torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8, generator=chance)
    return crops, torch.arange(8) // 2


def _weights(learner: Learner) -> list[Any]:
    return [each.clone() for each in learner.network.state_dict().values()]


def test_the_loss_falls() -> None:
    learner = _learner()
    losses = [learner.step(*_batch(0), number).loss for number in range(30)]
    assert losses[-1] < losses[0] / 2


def test_a_resumed_learner_ends_with_the_same_weights() -> None:
    whole, first, second = _learner(), _learner(), _learner()
    for number in range(6):
        whole.step(*_batch(number), number)
    for number in range(3):
        first.step(*_batch(number), number)
    torch.manual_seed(99)  # nothing that another process has drawn matters
    second.load_state_dict(first.state_dict())
    for number in range(3, 6):
        second.step(*_batch(number), number)
    assert all(map(torch.equal, _weights(whole), _weights(second)))


def test_a_loss_that_is_no_number_is_told_before_the_weights_are_lost() -> None:
    learner = _learner(_NaN())
    before = _weights(learner)
    with pytest.raises(FloatingPointError, match="after 7 steps"):
        learner.step(*_batch(0), 7)
    assert all(map(torch.equal, before[:2], _weights(learner)[:2]))


def test_a_vector_does_not_depend_on_the_others() -> None:
    learner = _learner()
    crops, _ = _batch(0)
    alone = np.concatenate([learner.vectors(crop[None]) for crop in crops])
    assert np.allclose(learner.vectors(crops), alone, atol=1e-6)


def test_bfloat16_is_near_and_not_the_same() -> None:
    exact, rough = _learner(), _learner(precision="bfloat16")
    crops, _ = _batch(0)
    difference = np.abs(exact.vectors(crops) - rough.vectors(crops)).max()
    assert 0 < difference < 0.05
