"""Verification by folds, and its curve, by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mtcnn_core.evaluation.overlaps import Floats
from mtcnn_core.evaluation.verification import roc, verify

Bools = NDArray[np.bool_]


def pairs(same: list[float], different: list[float]) -> tuple[Floats, Bools]:
    kinds = np.arange(len(same) + len(different)) < len(same)
    return np.array([*same, *different]), kinds


def test_pairs_that_lie_apart_are_all_told() -> None:
    told = verify(*pairs([0.8, 0.9] * 10, [0.1, 0.2] * 10))
    assert told.accuracies.tolist() == [1.0] * 10
    assert (told.mean, told.deviation) == (1.0, 0.0)
    # In the middle between the nearest two.
    assert told.thresholds.tolist() == pytest.approx([0.5] * 10)
    assert told.is_right.all()


def test_by_hand_with_given_folds() -> None:
    # Fold 7 tells its pairs apart at .5, where both pairs of fold 3 are wrong. Fold 3 is half right
    # where everything is accepted (.3, its lowest) or nothing is; of the two, nothing is chosen.
    similarities = np.array([0.6, 0.4, 0.3, 0.7])
    same = np.array([True, False, True, False])
    told = verify(similarities, same, np.array([7, 7, 3, 3]))
    assert told.folds.tolist() == [1, 1, 0, 0]
    assert told.thresholds.tolist() == [pytest.approx(0.5), np.inf]
    assert told.accuracies.tolist() == [0.0, 0.5]
    assert told.is_right.tolist() == [False, True, False, False]


def test_a_fold_does_not_choose_its_own_threshold() -> None:
    # The odd pairs are all in fold 0, where a threshold of .85 would tell all.
    similarities = np.array([0.9, 0.8, 0.9, 0.8, 0.3, 0.1, 0.3, 0.1])
    same = np.array([True, False] * 4)
    told = verify(similarities, same, np.array([0] * 4 + [1] * 4))
    assert told.thresholds[0] == pytest.approx(0.2)
    assert told.accuracies[0] == 0.5


def test_pairs_of_either_kind_are_dealt_out_in_turn() -> None:
    told = verify(*pairs([0.9] * 20, [0.1] * 30))
    assert np.bincount(told.folds[:20]).tolist() == [2] * 10
    assert np.bincount(told.folds[20:]).tolist() == [3] * 10


def test_few_pairs_make_fewer_folds() -> None:
    assert len(verify(*pairs([0.9] * 3, [0.1] * 50)).accuracies) == 3


def test_deviation_is_that_of_a_sample() -> None:
    # Accuracies of 1 and .5: mean .75, and sqrt(2 * .25^2 / (2 - 1)).
    similarities = np.array([0.9, 0.1, 0.9, 0.8])
    same = np.array([True, False, True, False])
    told = verify(similarities, same, np.array([0, 0, 1, 1]))
    assert sorted(told.accuracies.tolist()) == [0.5, 1.0]
    assert told.deviation == pytest.approx(0.25 * 2**0.5)


def test_a_pair_without_a_similarity_is_wrong_and_moves_no_threshold() -> None:
    similarities, same = pairs([0.9] * 10, [0.1] * 10)
    similarities[[0, 10]] = np.nan
    told = verify(similarities, same)
    assert np.flatnonzero(~told.is_right).tolist() == [0, 10]
    assert told.thresholds.tolist() == pytest.approx([0.5] * 10)
    assert told.mean == pytest.approx(0.9)


def test_pairs_without_a_similarity_do_not_speak_for_rejecting_all() -> None:
    told = verify(*pairs([0.9] * 10, [np.nan] * 10))
    assert told.is_right.tolist() == [True] * 10 + [False] * 10


def test_no_similarity_at_all_tells_nothing() -> None:
    assert verify(*pairs([np.nan] * 2, [np.nan] * 2)).mean == 0


def test_curve_by_hand() -> None:
    curve = roc(*pairs([0.9, 0.7, 0.5, 0.2], [0.6, 0.4, 0.3, 0.1]))
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert curve.tar.tolist() == [0, 0.25, 0.5, 0.5, 0.75, 0.75, 0.75, 1, 1]
    assert curve.far.tolist() == [0, 0, 0, 0.25, 0.25, 0.5, 0.75, 0.75, 1]
    # Of the 16 pairs of pairs, 12 are in order: .9 and .7 above all, .5 above three, .2 above one.
    assert curve.area == pytest.approx(12 / 16)
    assert curve.equal_error_rate == pytest.approx(0.25)
    assert curve.negatives == 4


def test_equal_similarities_are_accepted_together() -> None:
    curve = roc(*pairs([0.5, 0.5], [0.5, 0.1]))
    assert curve.thresholds.tolist() == [np.inf, 0.5, 0.1]
    assert curve.tar.tolist() == [0, 1, 1]
    assert curve.far.tolist() == [0, 0.5, 1]
    assert curve.area == pytest.approx(0.5 * 1 / 2 + 0.5)
    # Halfway between (0, 0) and (.5, 1) wrong accepts and wrong rejects are as many: at a third.
    assert curve.equal_error_rate == pytest.approx(1 / 3)


@pytest.mark.parametrize(("far", "expected"), [(0.0, 0.5), (0.001, 0.5), (0.25, 0.75), (1.0, 1.0)])
def test_true_accepts_at_a_rate_of_false_ones(far: float, expected: float) -> None:
    curve = roc(*pairs([0.9, 0.7, 0.5, 0.2], [0.6, 0.4, 0.3, 0.1]))
    assert curve.tar_at(far) == expected


def test_on_the_curve_a_pair_without_a_similarity_comes_last() -> None:
    curve = roc(*pairs([0.9, np.nan], [0.1, np.nan]))
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.1, -np.inf]
    assert curve.tar.tolist() == [0, 0.5, 0.5, 1]
    assert curve.far.tolist() == [0, 0, 0.5, 1]


def test_chance_is_half(rng: np.random.Generator) -> None:
    told = verify(rng.random(4000), np.arange(4000) % 2 == 0)
    assert told.mean == pytest.approx(0.5, abs=0.06)
    assert told.roc.area == pytest.approx(0.5, abs=0.06)
    assert told.roc.equal_error_rate == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("same", "folds", "message"),
    [
        ([True, False, False, False], None, "two pairs"),
        ([True, True, True, False], None, "two pairs"),
        ([True, True, False], None, "differ in shape"),
        ([True, True, False, False], [1, 1, 1, 1], "single fold"),
        ([True, True, False, False], [1, 2], "folds"),
    ],
)
def test_too_little_to_tell_is_refused(
    same: list[bool], folds: list[int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        verify(np.arange(4.0), np.array(same), None if folds is None else np.array(folds))
