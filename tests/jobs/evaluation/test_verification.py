"""What is refused before a photo is read, and the figures of a verification."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from jobs.evaluation.scored_pairs import _figures, those_with
from jobs.evaluation.verification import embedding_settings, evaluate_verification
from jobs.extract.config import load_config
from jobs.messages.errors import UserError
from jobs.truth.pairs import Pairs
from mtcnn_core.evaluation.verification import verify
from mtcnn_core.weights.errors import ModelError
from tests.mtcnn_core.embedding.models import embedding_model

pytest.importorskip("matplotlib")

_PAIRS = "a,b,same\nx.jpg,y.jpg,1\nx.jpg,w.jpg,1\nx.jpg,z.jpg,0\ny.jpg,z.jpg,0\n"


def _refused(tmp_path: Path, model: str, *sets: str) -> str:
    (tmp_path / "pairs.csv").write_text(_PAIRS)
    config = load_config("arcface112", {"crop.keep": "center"}, sets)
    with pytest.raises((UserError, ModelError)) as caught:
        evaluate_verification(
            str(tmp_path / "pairs.csv"),
            None,
            str(tmp_path / "out"),
            config,
            embedding_settings(model, None, None, bgr=False, flip=False),
        )
    assert not (tmp_path / "out").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["crop.keep=all"], "--keep center, largest or best"),
        (["crop.format=none"], "set crop.format to jpeg or png"),
        (["crop.size=160"], "wants crops of 112x112 pixels, and size is 160"),
        ([], "none of the 4 photos"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, sets: list[str], says: str) -> None:
    model = embedding_model(tmp_path / "model.onnx", 112)
    assert says in _refused(tmp_path, str(model), *sets)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no model" in _refused(tmp_path, str(tmp_path / "model.onnx"))


def test_pairs_with_absent_photos_are_left_out() -> None:
    pairs = Pairs(["a", "b", "c"], ["b", "x", "a"], np.array([True, True, False]), np.arange(3))
    left = those_with(pairs, {"a", "b", "c"})
    assert (left.a, left.b) == (["a", "c"], ["b", "a"])
    assert left.same.tolist() == [True, False]
    assert left.folds is not None
    assert left.folds.tolist() == [0, 2]


def test_a_photo_without_a_face_counts_as_wrong() -> None:
    similarities = np.array([0.9, 0.8, math.nan, 0.1, 0.2])
    same = np.array([True, True, True, False, False])
    figures = _figures(similarities, verify(similarities, same))
    # Two folds: 2 of 3 and 2 of 2 are told rightly.
    assert figures["accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert (figures["pairs"], figures["pairs_without_a_face"]) == (5, 1)
