"""The card of an output: which files are which table."""

from __future__ import annotations

from pathlib import Path

import yaml

from jobs.engine.ledger.card import write_card
from jobs.storage.storage import Storage


def test_each_table_is_a_configuration_and_the_last_one_is_the_default(tmp_path: Path) -> None:
    write_card(Storage(str(tmp_path)), ["images", "faces"])
    _, front, text = (tmp_path / "README.md").read_text().split("---\n")
    assert yaml.safe_load(front) == {
        "configs": [
            {"config_name": "faces", "data_files": "faces/*.parquet", "default": True},
            {"config_name": "images", "data_files": "images/*.parquet"},
        ]
    }
    assert "`images`, `faces`" in text


def test_a_file_of_the_user_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    write_card(Storage(str(tmp_path)), ["images", "faces"])
    assert (tmp_path / "README.md").read_text() == "mine"
