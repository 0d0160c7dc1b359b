"""Thresholds chosen by planted errors, on faces without any model."""

from __future__ import annotations

import numpy as np
import pytest

from mtcnn_core.curation.calibration import balanced, calibrate, careful, sides
from mtcnn_core.curation.errors import CurationError
from mtcnn_core.evaluation.clusters import Agreement
from tests.mtcnn_core.curation.made_up import make_faces

pytest.importorskip("faiss", reason="the extra `curate` is not installed")

FACES = make_faces(np.repeat(np.arange(60), 9))


def test_what_is_planted_is_found_and_the_same_seed_gives_the_same() -> None:
    found = calibrate(FACES)
    for sweep in found.sweeps:
        best = sweep.agreements[sweep.chosen]
        assert best.precision > 0.95 and best.recall > 0.95, sweep.reason
        assert sweep.planted > 0
        assert list(sweep.values) == sorted(sweep.values)
    assert found.persons == 60 and found.faces == len(FACES)
    assert calibrate(FACES, threads=2) == found


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(CurationError, match="too few to calibrate"):
        calibrate(FACES.select(FACES.label < 10))


def test_labels_that_are_no_persons_are_refused() -> None:
    faces = make_faces(np.arange(540), np.repeat(np.arange(60), 9))
    with pytest.raises(CurationError, match="hardly more alike"):
        calibrate(faces)


def test_a_precise_value_is_chosen_before_a_better_one() -> None:
    found = [Agreement(0.9, 1.0), Agreement(0.99, 0.8), Agreement(1.0, 0.3)]
    assert careful(found) == 1
    assert balanced(found) == 0
    assert careful(found[:1]) == 0


def test_sides_share_persons_and_no_photo() -> None:
    here, there, shared = sides(FACES.label, np.random.default_rng(1))
    assert not np.intersect1d(here, there).size
    both = np.intersect1d(FACES.label[here], FACES.label[there])
    assert (both == np.flatnonzero(shared)).all()
    assert (np.bincount(FACES.label[here])[both] == 4).all()
