from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.engine.identity import Identity, package_versions, read_identity
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

IDENTITY = Identity(
    config={"detect": {"min_face": 20, "factor": 0.709}, "crop": {"size": 160}},
    digest="aaa",
    models={"pnet": "111"},
    packages={"numpy": "1.26"},
    input="photos",
)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = Storage(str(tmp_path))
    IDENTITY.write(storage)
    return storage


def test_comes_back_as_written(storage: Storage) -> None:
    assert read_identity(storage) == IDENTITY


def test_same_identity_passes_silently(storage: Storage) -> None:
    assert IDENTITY.check(storage) == []


def test_new_output_takes_any_identity(tmp_path: Path) -> None:
    assert IDENTITY.check(Storage(str(tmp_path))) == []


def test_other_config_is_refused_naming_each_field_and_both_values(storage: Storage) -> None:
    config = {"detect": {"min_face": 40, "factor": 0.709}, "crop": {"size": 112}}
    other = replace(IDENTITY, config=config, digest="bbb")
    sentence = r"crop.size \(was 160, is 112\), detect.min_face \(was 20, is 40\):"
    with pytest.raises(UserError, match=sentence):
        other.check(storage)


def test_field_that_was_not_there_is_named(storage: Storage) -> None:
    other = replace(IDENTITY, config={**IDENTITY.config, "limits": 5}, digest="bbb")
    with pytest.raises(UserError, match=r"limits \(was \(absent\), is 5\)"):
        other.check(storage)


def test_other_model_is_refused(storage: Storage) -> None:
    with pytest.raises(UserError, match=r"models.pnet \(was 111, is 222\)"):
        replace(IDENTITY, models={"pnet": "222"}).check(storage)


def test_other_package_versions_are_a_warning(storage: Storage) -> None:
    [warning] = replace(IDENTITY, packages={"numpy": "2.4"}).check(storage)
    assert "numpy 1.26 -> 2.4" in warning


def test_other_input_is_a_warning(storage: Storage) -> None:
    [warning] = replace(IDENTITY, input="more").check(storage)
    assert "The input was 'photos' and is 'more'" in warning


def test_tuples_and_lists_are_the_same(storage: Storage, tmp_path: Path) -> None:
    tuples = replace(IDENTITY, config={"thresholds": (0.6, 0.7)}, digest="ccc")
    other = Storage(str(tmp_path / "other"))
    tuples.write(other)
    changed = replace(tuples, config={"thresholds": (0.6, 0.7), "a": 1}, digest="ddd")
    with pytest.raises(UserError, match=r"config: a \(was"):
        changed.check(other)


def test_first_identity_stays(storage: Storage) -> None:
    replace(IDENTITY, packages={"numpy": "2.4"}).write(storage)
    assert read_identity(storage) == IDENTITY


def test_package_that_is_not_installed_is_left_out() -> None:
    assert set(package_versions(["pyarrow", "no-such-package-anywhere"])) == {"pyarrow"}
