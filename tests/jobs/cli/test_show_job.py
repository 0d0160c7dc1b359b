"""What the command line shows of a job."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import get_args

from rich.console import Console
from rich.table import Table

from jobs.cli.show_job import status_json, status_table, summary_table, verdict
from jobs.engine.driver.status import Status
from jobs.engine.driver.summary import Summary
from jobs.extract import schema as tables

_STATUS = Status(
    shards=12,
    shards_done=9,
    shards_quarantined=1,
    members=12345,
    members_done=9000,
    failed=90,
    statuses={"ok": 7000, "no_face": 1910, "unreadable": 90},
    rows={"images": 9000, "faces": 10500},
    bytes={"images": 1_000_000, "faces": 123_456_789},
    generations=2,
    success=False,
)
_SUMMARY = Summary(
    status=_STATUS, new_members=5, processed=3000, seconds=60.0, max_failed_fraction=0.1
)


def _lines(table: Table) -> list[list[str]]:
    text = io.StringIO()
    Console(file=text, width=120).print(table)
    # Without the frame, whichever characters it is drawn with.
    return [
        line.replace("│", " ").replace("|", " ").split() for line in text.getvalue().splitlines()
    ]


def _line(table: Table, *start: str) -> str:
    (line,) = [line for line in _lines(table) if tuple(line[: len(start)]) == start]
    return " ".join(line)


def test_status_table_says_what_is_done_and_left() -> None:
    table = status_table(_STATUS, "out")
    assert _line(table, "photos") == "photos 9,000 of 12,345, 3,345 left"
    assert _line(table, "no_face") == "no_face 1,910 without a face"
    assert _line(table, "faces") == "faces 10,500 123.5 MB of Parquet"
    assert _line(table, "shards") == "shards 9 of 12 committed, 1 given up: see _job/quarantine"
    assert ["out"] in _lines(table)


def test_a_complete_job_has_nothing_left() -> None:
    complete = replace(_STATUS, shards_done=12, shards_quarantined=0, members_done=12345)
    table = status_table(complete, "out")
    assert _line(table, "photos") == "photos 12,345 of 12,345"
    assert _line(table, "shards") == "shards 12 of 12 committed"


def test_every_status_is_explained() -> None:
    statuses = dict.fromkeys(get_args(tables.Status), 1)
    table = status_table(replace(_STATUS, statuses=statuses), "out")
    for name in statuses:
        assert len(_line(table, name).split()) > 2, name


def test_summary_tells_of_this_run() -> None:
    line = _line(summary_table(_SUMMARY, "out"), "this", "run")
    assert line == "this run 3,000 photos in 60.0 s, 50.0 photos/s, start included"


def test_summary_of_a_run_without_work() -> None:
    table = summary_table(replace(_SUMMARY, processed=0), "out")
    assert _line(table, "this", "run") == "this run 0 photos: nothing was left to do"


def test_summary_of_a_run_that_took_no_time() -> None:
    assert "photos/s" in _line(summary_table(replace(_SUMMARY, seconds=0.0), "out"), "this", "run")


def test_status_json_has_what_the_table_has() -> None:
    values = json.loads(json.dumps(status_json(_STATUS)))
    assert values["members"] == 12345
    assert values["members_left"] == 3345
    assert values["statuses"] == {"ok": 7000, "no_face": 1910, "unreadable": 90}
    assert values["failed_fraction"] == 0.01
    assert values["complete"] is False


def test_of_very_many_problems_only_the_first_are_told() -> None:
    lines = verdict([f"problem {number}" for number in range(1500)], "out")
    assert lines[999:] == ["problem 999", "And 500 more; --json tells all."]


def test_no_problem_is_one_sentence() -> None:
    assert verdict([], "out") == ["out: every shard is committed and its files are as recorded."]
