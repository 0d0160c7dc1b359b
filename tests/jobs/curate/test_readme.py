"""The README of `curate` says all that there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import jobs.curate
from jobs.curate.config import CurateSettings
from jobs.curate.kind import REASONS, VERDICTS
from jobs.curate.schema import VERDICTS as SCHEMA
from mtcnn_core.curation.thresholds import Thresholds

README = (Path(jobs.curate.__file__).parent / "README.md").read_text(encoding="utf-8")


def _first_cells(head: str) -> list[str]:
    """Names in the first column of the table that begins so."""
    table = README[README.index(head) :].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)]


def test_every_column_stands_in_its_table() -> None:
    assert _first_cells("| column |") == SCHEMA.names


def test_every_reason_stands_in_its_table() -> None:
    assert _first_cells("| reason |") == list(REASONS)


def test_every_setting_stands_in_its_table() -> None:
    assert set(_first_cells("| setting |")) == {f"curate.{n}" for n in CurateSettings.model_fields}


def test_every_threshold_of_the_core_is_a_setting() -> None:
    names = {field.name for field in fields(Thresholds)}
    assert names <= CurateSettings.model_fields.keys()


def test_every_verdict_is_named() -> None:
    assert all(f"`{verdict}`" in README for verdict in VERDICTS)
