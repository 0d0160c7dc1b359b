"""What becomes of an output when settings, defaults, meanings or tables have changed since."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.engine.identity import Identity
from jobs.extract import schema as tables
from jobs.extract.config import Config, load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.continuing import begun, continued, going_on
from jobs.kind.job_kind import Meaning
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

URL = "faces"


def stored(config: Config, defaults: Mapping[str, Any] | None = None, **more: Any) -> Identity:
    """What an output of this config has recorded, with the defaults of its time."""
    known = Config().identity() if defaults is None else defaults
    return Identity(config.identity(), config.digest(), defaults=known, **more)


def without(tree: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    return {**tree, section: {key: tree[section][key] for key in tree[section] if key != name}}


def changed(tree: Mapping[str, Any], section: str, name: str, value: object) -> dict[str, Any]:
    return {**tree, section: {**tree[section], name: value}}


def test_the_same_settings_go_on() -> None:
    config = load_config(None, {"crop.size": 112})
    going = continued(EXTRACT, stored(config), config, URL)
    assert (going.config, going.digest) == (config, config.digest())


def test_other_settings_are_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"crop\.size \(was 112, is 160\)"):
        continued(EXTRACT, stored(load_config(None, {"crop.size": 112})), Config(), URL)


def test_a_setting_that_is_new_changes_nothing() -> None:
    old = stored(Config())
    earlier = replace(old, config=without(old.config, "crop", "keep"), digest="then")
    going = continued(EXTRACT, earlier, Config(), URL)
    assert (going.config, going.digest) == (Config(), "then")


def test_a_setting_that_is_new_and_said_is_refused() -> None:
    old = stored(Config())
    earlier = replace(old, config=without(old.config, "crop", "keep"))
    with pytest.raises(UserError, match=r"crop\.keep \(was all, is best\)"):
        continued(EXTRACT, earlier, load_config(None, {"crop.keep": "best"}), URL)


def test_a_setting_that_is_new_and_changes_rows_keeps_them_as_they_were() -> None:
    kind = replace(EXTRACT, before={"crop.keep": "best"})
    old = stored(Config())
    earlier = replace(old, config=without(old.config, "crop", "keep"))
    assert continued(kind, earlier, Config(), URL).config.crop.keep == "best"


def test_a_default_that_has_changed_stays_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    then = changed(Config().identity(), "detect", "min_face", 24)
    old = stored(load_config(None, {"detect.min_face": 24}), then)
    with caplog.at_level(logging.WARNING):
        going = continued(EXTRACT, old, Config(), URL)
    assert (going.config.detect.min_face, going.digest) == (24, old.digest)
    assert "detect.min_face stays 24" in caplog.text


def test_a_default_that_has_changed_and_is_said_is_refused() -> None:
    then = changed(Config().identity(), "detect", "min_face", 24)
    old = stored(load_config(None, {"detect.min_face": 24}), then)
    with pytest.raises(UserError, match=r"detect\.min_face \(was 24\.0, is 20\.0\)"):
        continued(EXTRACT, old, load_config(None, {"detect.min_face": 20}), URL)


def test_a_value_that_was_said_then_and_is_the_default_now_goes_on() -> None:
    then = changed(Config().identity(), "detect", "min_face", 24)
    assert continued(EXTRACT, stored(Config(), then), Config(), URL).config == Config()


def test_a_changed_default_is_refused_where_the_defaults_of_then_are_not_known() -> None:
    old = replace(stored(load_config(None, {"detect.min_face": 24})), defaults=None)
    with pytest.raises(UserError, match=r"detect\.min_face \(was 24\.0, is 20\.0\)"):
        continued(EXTRACT, old, Config(), URL)


def test_a_setting_that_has_gone_does_not_matter_if_nobody_set_it() -> None:
    old = stored(Config())
    tree = changed(old.config, "crop", "border", "black")
    assert (
        continued(EXTRACT, replace(old, config=tree, defaults=tree), Config(), URL).config
        == Config()
    )


def test_a_setting_that_has_gone_and_was_set_is_refused() -> None:
    old = stored(Config())
    tree = changed(old.config, "crop", "border", "grey")
    with pytest.raises(UserError, match=r"crop\.border \(was grey, is \(absent\)\)"):
        continued(EXTRACT, replace(old, config=tree), Config(), URL)


def test_a_setting_that_means_something_else_is_refused_in_a_sentence() -> None:
    meanings = {"detect.turns": Meaning(2, "turns were counted clockwise")}
    kind = replace(EXTRACT, meanings=meanings)
    with pytest.raises(UserError, match=r"meant something else \(turns were counted clockwise\):"):
        continued(kind, stored(Config()), Config(), URL)
    assert continued(kind, stored(Config(), meanings={"detect.turns": 2}), Config(), URL)
    always = replace(kind, meanings={"detect.turns": replace(meanings["detect.turns"], unless=[])})
    assert continued(always, stored(Config()), Config(), URL)


def test_credentials_stay_with_settings_that_are_kept() -> None:
    then = changed(Config().identity(), "detect", "min_face", 24)
    config = load_config(None, {"output.storage_options": {"key": "k"}})
    going = continued(
        EXTRACT, stored(load_config(None, {"detect.min_face": 24}), then), config, URL
    )
    assert going.config.output.storage_options == {"key": "k"}


def test_tables_of_a_newer_version_are_refused() -> None:
    with pytest.raises(UserError, match=r"newer mtcnn-ray \(schema 9, this one knows 2\)"):
        continued(EXTRACT, stored(Config(), schema=9), Config(), URL)


def test_an_output_goes_on_without_a_column_that_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind = replace(EXTRACT, schema_version=3)
    monkeypatch.setattr(tables, "_FACES", [*tables._FACES, pa.field("blur", pa.float32())])
    monkeypatch.setattr(tables, "ADDED", {"blur": 3})
    old, new = continued(kind, stored(Config()), Config(), URL), begun(kind, Config())
    assert (old.schema, new.schema) == (1, 3)
    names = [tables.faces_schema({}, going.schema).names for going in (old, new)]
    assert [("blur" in each) for each in names] == [False, True]


def test_an_output_of_another_job_is_refused_whatever_else_differs() -> None:
    other = stored(load_config(None, {"crop.size": 112}), job="stamps", schema=9)
    with pytest.raises(UserError) as caught:
        continued(EXTRACT, other, Config(), URL)
    assert str(caught.value) == (
        "'faces' is an output of 'stamps', not of 'extract': use another output"
    )


def test_a_new_output_begins_with_what_is_wanted(tmp_path: Path) -> None:
    config = load_config(None, {"crop.size": 112})
    kind, output = replace(EXTRACT, schema_version=3), str(tmp_path / "out")
    going = going_on(kind, config, output)
    assert going == begun(kind, config, output)
    assert (going.config, going.digest, going.schema) == (config, config.digest(), 3)
    assert going.recorded == config.identity()


def test_an_output_goes_on_as_it_was_recorded(tmp_path: Path) -> None:
    then = changed(Config().identity(), "detect", "min_face", 24)
    old = stored(load_config(None, {"detect.min_face": 24}), then, job="extract")
    old.write(Storage(str(tmp_path / "out")))
    going = going_on(EXTRACT, Config(), str(tmp_path / "out"))
    assert (going.config.detect.min_face, going.digest) == (24, old.digest)
    assert going.recorded["detect"]["min_face"] == 24
    with pytest.raises(UserError, match=r"crop\.size \(was 160, is 112\)"):
        going_on(EXTRACT, load_config(None, {"crop.size": 112}), str(tmp_path / "out"))


def test_the_name_of_a_detector_counts_and_not_where_it_lies() -> None:
    old = stored(load_config(None, {"detect.detector": "/a/faces.xml"}))
    moved = load_config(None, {"detect.detector": "/b/faces.xml"})
    assert continued(EXTRACT, old, moved, URL).config == moved
    with pytest.raises(UserError, match=r"detect\.detector \(was /a/faces\.xml, is /b/others\.xml"):
        continued(EXTRACT, old, load_config(None, {"detect.detector": "/b/others.xml"}), URL)
