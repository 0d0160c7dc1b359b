import math

import pytest

from mtcnn_core.settings.training import TrainingSettings

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.training.optimiser import build_optimiser, learning_rate  # noqa: E402


def settings(**values: object) -> TrainingSettings:
    return TrainingSettings(**{"steps": 100, "warmup": 10, "learning_rate": 1.0, **values})  # type: ignore[arg-type]


def test_the_rate_rises_in_the_warmup() -> None:
    assert [learning_rate(step, settings()) for step in (0, 4, 9)] == [0.1, 0.5, 1.0]


def test_cosine_falls_to_zero() -> None:
    rates = [learning_rate(step, settings()) for step in (10, 55, 99)]
    assert rates == pytest.approx([1.0, 0.5, (1 + math.cos(math.pi * 89 / 90)) / 2])


def test_steps_fall_to_a_tenth_twice() -> None:
    rates = [learning_rate(step, settings(schedule="steps")) for step in (54, 55, 77, 78)]
    assert rates == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_constant_stays() -> None:
    assert learning_rate(99, settings(schedule="constant")) == 1.0


@pytest.mark.parametrize("name", ["adamw", "sgd", "adagrad"])
def test_each_optimiser_goes_downhill(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimiser = build_optimiser([weight], settings(optimiser=name, learning_rate=0.1))
    for _ in range(20):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
    assert weight.square().sum() < 2


def test_what_is_added_does_not_decay() -> None:
    layer = torch.nn.Linear(2, 2)
    optimiser = build_optimiser(layer.parameters(), settings(weight_decay=0.1))
    decays = {
        parameter.ndim: group["weight_decay"]
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    assert decays == {1: 0.0, 2: 0.1}
