"""What the command line shows of a job."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import get_args

from rich.console import Console
from rich.table import Table

from jobs.cli.show_job import (
    figures_table,
    forecast_table,
    retry_table,
    status_json,
    status_table,
    summary_table,
    verdict,
)
from jobs.engine.driver.preview import Preview
from jobs.engine.driver.retry import Retried
from jobs.engine.driver.status import Status
from jobs.engine.driver.summary import Summary
from jobs.engine.job import Labels
from jobs.engine.plans.growth import Growth
from jobs.extract.kind import EXTRACT
from jobs.kind.figures import Figures
from jobs.kind.forecast import Forecast
from jobs.photos import statuses as photo_statuses

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
    table = status_table(EXTRACT, _STATUS, "out")
    assert _line(table, "photos") == "photos 9,000 of 12,345, 3,345 left"
    assert _line(table, "no_face") == "no_face 1,910 without a face"
    assert _line(table, "faces") == "faces 10,500 123.5 MB of Parquet"
    assert _line(table, "shards") == "shards 9 of 12 committed, 1 given up: see _job/quarantine"
    assert ["out"] in _lines(table)


def test_a_complete_job_has_nothing_left() -> None:
    complete = replace(_STATUS, shards_done=12, shards_quarantined=0, members_done=12345)
    table = status_table(EXTRACT, complete, "out")
    assert _line(table, "photos") == "photos 12,345 of 12,345"
    assert _line(table, "shards") == "shards 12 of 12 committed"


def test_every_status_is_explained() -> None:
    statuses = dict.fromkeys(get_args(photo_statuses.Status), 1)
    table = status_table(EXTRACT, replace(_STATUS, statuses=statuses), "out")
    for name in statuses:
        assert len(_line(table, name).split()) > 2, name


def test_summary_tells_of_this_run() -> None:
    line = _line(summary_table(EXTRACT, _SUMMARY, "out"), "this", "run")
    assert line == "this run 3,000 photos in 60.0 s, 50.0 photos/s, start included"


def test_summary_of_a_run_without_work() -> None:
    table = summary_table(EXTRACT, replace(_SUMMARY, processed=0), "out")
    assert _line(table, "this", "run") == "this run 0 photos: nothing was left to do"


def test_summary_of_a_run_that_took_no_time() -> None:
    assert "photos/s" in _line(
        summary_table(EXTRACT, replace(_SUMMARY, seconds=0.0), "out"), "this", "run"
    )


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


def test_tables_use_the_words_of_the_job() -> None:
    kind = replace(
        EXTRACT,
        labels=Labels("documents", "words"),
        tables=("pages", "words", "lines"),
        statuses={"ok": "with words"},
    )
    status = replace(
        _STATUS,
        statuses={"ok": 7, "blank": 2},
        rows={"words": 50, "pages": 9000},
        bytes={"words": 1_000_000},
    )
    table = status_table(kind, status, "out")
    assert _line(table, "documents") == "documents 9,000 of 12,345, 3,345 left"
    assert _line(table, "ok") == "ok 7 with words"
    assert _line(table, "blank") == "blank 2"
    assert _line(table, "words") == "words 50 1.0 MB of Parquet"
    assert _line(table, "lines") == "lines 0 0.0 MB of Parquet"
    summary = summary_table(kind, replace(_SUMMARY, status=status), "out")
    assert "50.0 documents/s" in _line(summary, "this", "run")
    idle = summary_table(kind, replace(_SUMMARY, status=status, processed=0), "out")
    assert _line(idle, "this", "run") == "this run 0 documents: nothing was left to do"


def test_a_forecast_uses_the_words_of_the_job() -> None:
    kind = replace(EXTRACT, labels=Labels("documents"))
    preview = Preview(Growth(9, 0), shards=1, items=9, bytes=3_000_000, examples=[])
    table = forecast_table(kind, Forecast(preview, 2, 0.1, None), "out", stored=True)
    assert _line(table, "documents") == "documents 9 to be read"
    assert "100.0 ms each of the documents" in _line(table, "hours")
    unknown = forecast_table(kind, Forecast(preview, 2, None, None), "out", stored=True)
    assert "none of a few documents could be read" in _line(unknown, "hours")


def test_a_retry_tells_of_shards_that_were_given_up() -> None:
    table = retry_table(EXTRACT, Retried(_SUMMARY, 2), "out")
    assert _line(table, "given", "up").startswith("given up 2 shards stay as they were")
    lines = _lines(retry_table(EXTRACT, Retried(_SUMMARY, 0), "out"))
    assert not any(line[:2] == ["given", "up"] for line in lines)


def test_figures_are_a_table_with_numbers_to_the_right() -> None:
    rows = [("[drop]", 12345, "why"), ("share", 0.5, None)]
    figures = Figures("f", "A [title]", ("what", "count", ""), rows, ["A note."])
    table = figures_table(figures)
    assert [column.justify for column in table.columns] == ["left", "right", "left"]
    file = io.StringIO()
    Console(file=file, width=80).print(table)
    assert all(
        text in file.getvalue()
        for text in ("A [title]", "[drop]", "12,345", "0.500", "why", "A note.")
    )


def test_figures_are_the_same_after_they_were_stored() -> None:
    figures = Figures("f", "t", ["a", "b"], [["x", 1], ["y", None]], ["n"])
    assert Figures.of(json.loads(json.dumps(figures.as_record()))) == figures
