"""Persons in two datasets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mtcnn_core.curation.leaks import leaks
from tests.mtcnn_core.curation.made_up import THRESHOLDS, make_faces

pytest.importorskip("faiss", reason="the extra `curate` is not installed")

# Persons 15 to 19 are on both sides, under other names.
HERE = make_faces(np.repeat(np.arange(20), 4))
THERE = make_faces(np.repeat(np.arange(15, 35), 4), np.repeat(np.arange(20)[::-1], 4), seed=1)


def test_persons_of_both_are_found_by_face() -> None:
    found = leaks(HERE, THERE, THRESHOLDS)
    assert (found.is_leak == (HERE.label >= 15)).all()
    shared = np.flatnonzero(found.is_leak)
    assert (found.identity[shared] == 19 - (HERE.label[shared] - 15)).all()
    assert (THERE.label[found.evidence[shared]] == found.identity[shared, None]).all()


def test_faces_without_a_name_stand_for_themselves() -> None:
    no_names = np.full(len(HERE), -1, np.int32)
    found = leaks(HERE, THERE, THRESHOLDS, no_names, no_names)
    assert (found.identity == -1).all()
    assert found.is_leak[HERE.label >= 15].mean() > 0.9
    assert found.is_leak[HERE.label < 15].mean() < 0.1


def test_faces_without_a_vector_are_not_compared() -> None:
    has_vector = HERE.has_vector.copy()
    has_vector[-1] = False
    found = leaks(replace(HERE, has_vector=has_vector), THERE, THRESHOLDS)
    assert not found.is_leak[-1] and found.is_leak[-2]
    assert np.isnan(found.score[-1])


def test_against_nothing_there_are_none() -> None:
    found = leaks(HERE, THERE.select(np.zeros(0, np.int64)), THRESHOLDS)
    assert not found.is_leak.any()
