"""A network that learns."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from mtcnn_core.fitting.fitter import Fitter  # noqa: E402
from mtcnn_core.fitting.trial import judge  # noqa: E402
from mtcnn_core.samples.samples import LANDMARK, NEGATIVE, PART  # noqa: E402
from mtcnn_core.settings.fitting import FittingSettings, with_recipe  # noqa: E402
from mtcnn_core.weights import ONET, RNET  # noqa: E402
from mtcnn_core.weights.load import load_weights  # noqa: E402
from tests.mtcnn_core.fitting.made_up import made_up  # noqa: E402

ORIGINAL = load_weights("original")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def _settings(**said: object) -> FittingSettings:
    return FittingSettings(**{"steps": 20, "precision": "float32", "blend": 0, **said})  # type: ignore[arg-type]


def test_what_it_began_as_is_blended_in() -> None:
    arrays = []
    for share in (0.0, 0.25):
        fitter = Fitter(RNET, _settings(blend=share, average=0), ORIGINAL["rnet"])
        fitter.step(made_up(24), None, 0)
        arrays.append(fitter.arrays())

    for name, began in ORIGINAL["rnet"].items():
        np.testing.assert_allclose(
            arrays[1][name], 0.75 * arrays[0][name] + 0.25 * began, atol=1e-6
        )


def test_it_goes_on_as_if_it_had_not_been_stopped() -> None:
    said = _settings()
    points = made_up(12, 48, 9, (LANDMARK,))
    whole = Fitter(ONET, said, ORIGINAL["onet"])
    for number in range(6):
        whole.step(made_up(24, 48, number), points, number)
    before = Fitter(ONET, said, ORIGINAL["onet"])
    for number in range(3):
        before.step(made_up(24, 48, number), points, number)
    state = copy.deepcopy(before.state_dict())

    after = Fitter(ONET, said, ORIGINAL["onet"])
    after.load_state_dict(state)
    for number in range(3, 6):
        after.step(made_up(24, 48, number), points, number)

    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(after.arrays()[name], array)


@pytest.mark.parametrize("classification", ["all", "ohem", "focal"])
@pytest.mark.parametrize("box_loss", ["squared", "giou"])
def test_it_learns_what_there_is_to_learn(classification: str, box_loss: str) -> None:
    said = _settings(
        steps=60,
        classification=classification,
        box_loss=box_loss,
        distillation=0,
        learning_rate=1e-3,
        box_weight=2.0,
    )
    fitter = Fitter(RNET, said, None)
    held_out = made_up(300, 24, 99)
    first = judge(held_out, fitter.ask(held_out))
    for number in range(60):
        fitter.step(made_up(96, 24, number), None, number)

    last = judge(held_out, fitter.ask(held_out))
    assert first.recall is not None and last.recall is not None
    assert last.recall > max(0.9, first.recall)
    assert first.box_iou is not None and last.box_iou is not None
    assert last.box_iou > first.box_iou


def test_what_is_not_known_teaches_nothing() -> None:
    """Landmarks alone leave the other heads where they are."""
    said = _settings(distillation=0, average=0, weight_decay=0)
    fitter = Fitter(ONET, said, ORIGINAL["onet"])

    losses = fitter.step(made_up(12, 48, 0, (LANDMARK,)), None, 0)

    assert np.isnan(losses.classification) and np.isnan(losses.boxes)
    assert losses.landmarks > 0
    changed = {
        name
        for name, array in fitter.arrays().items()
        if not np.array_equal(array, ORIGINAL["onet"][name])
    }
    assert "landmarks.weight" in changed
    assert changed.isdisjoint({"score.weight", "score.bias", "boxes.weight", "boxes.bias"})


def test_parts_have_boxes_and_no_class() -> None:
    fitter = Fitter(RNET, _settings(distillation=0), ORIGINAL["rnet"])
    losses = fitter.step(made_up(12, 24, 0, (PART,)), None, 0)
    assert np.isnan(losses.classification) and losses.boxes > 0


def test_negatives_have_a_class_and_no_boxes() -> None:
    fitter = Fitter(RNET, _settings(distillation=0), ORIGINAL["rnet"])
    losses = fitter.step(made_up(12, 24, 0, (NEGATIVE,)), None, 0)
    assert losses.classification > 0 and np.isnan(losses.boxes)


def test_blockwise_learns_one_task_at_a_time() -> None:
    said = _settings(blockwise=True, distillation=0, average=0, weight_decay=0, optimiser="sgd")
    points = made_up(12, 48, 9, (LANDMARK,))
    heads = ("score", "boxes", "landmarks")
    for number, head in enumerate(heads):
        fitter = Fitter(ONET, said, ORIGINAL["onet"])
        fitter.step(made_up(24, 48), points, number)
        arrays = fitter.arrays()
        moved = {
            each
            for each in heads
            if not np.array_equal(arrays[f"{each}.weight"], ORIGINAL["onet"][f"{each}.weight"])
        }
        assert moved == {head}


@pytest.mark.parametrize("mean", [127.5, 128.0, 100.0])
def test_another_mean_is_put_into_the_first_bias(mean: float) -> None:
    """Without a step the network says what it said before, whatever is taken from its pixels."""
    samples = made_up(50)
    fitter = Fitter(RNET, _settings(mean=mean), ORIGINAL["rnet"])
    plain = Fitter(RNET, _settings(), ORIGINAL["rnet"])

    torch.testing.assert_close(
        fitter.ask(samples).logits, plain.ask(samples).logits, atol=1e-4, rtol=0
    )
    for name, array in ORIGINAL["rnet"].items():
        np.testing.assert_allclose(fitter.arrays()[name], array, atol=1e-5)


def test_staying_close_is_worth_something() -> None:
    samples = made_up(96)
    away = []
    for weight in (0.0, 50.0):
        said = _settings(distillation=weight, average=0, learning_rate=1e-3)
        fitter = Fitter(RNET, said, ORIGINAL["rnet"])
        first = fitter.ask(samples).logits
        for number in range(10):
            fitter.step(samples, None, number)
        away.append(float((fitter.ask(samples).logits - first).abs().mean()))
    assert away[1] < away[0] / 2


def test_a_recipe_is_taken_as_far_as_nothing_else_was_said() -> None:
    said = FittingSettings(batch=7)

    made = with_recipe(said, "r", {"batch"})

    assert (made.stage, made.batch, made.classification) == ("r", 7, "all")
    assert with_recipe(said, "o", set()).classification == "focal"


def test_a_loss_that_is_no_number_is_said() -> None:
    arrays = dict(ORIGINAL["rnet"])
    arrays["score.bias"] = np.array([0, np.inf], np.float32)
    fitter = Fitter(RNET, _settings(distillation=0), arrays)
    with pytest.raises(FloatingPointError, match="the loss is"):
        fitter.step(made_up(24), None, 0)
