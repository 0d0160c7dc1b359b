from __future__ import annotations

import io
from dataclasses import replace

import pytest

from jobs.engine.driver.progress import Reporter
from jobs.engine.job import Labels
from jobs.engine.reports import PartReport, ShardFailure, ShardReport

REPORT = ShardReport(
    shard="000-000000",
    primary="images",
    members=1000,
    bytes=5,
    statuses={"ok": 999, "crashed": 1},
    failed=1,
    parts={
        "images": PartReport("images/part-000-000000.parquet", 1000, 1, ""),
        "faces": PartReport("faces/part-000-000000.parquet", 2345, 1, ""),
    },
    attempts=1,
    verdicts={},
    packages={},
    started="",
    seconds=1.0,
    cpu_seconds=1.0,
    host="h",
    worker_bytes=1,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_last_line_sums_up() -> None:
    stream = io.StringIO()
    with Reporter(Labels("photos", "faces"), 1000.0, stream) as reporter:
        reporter.begin(4000, 4_000_000)
        reporter.committed(REPORT)
        reporter.committed(REPORT)
    [line] = lines(stream)
    assert line.startswith("2,000 of 4,000 photos, 4,690 faces, 2 failed, ")
    assert line.endswith(" photos/s")


def test_no_line_between_the_intervals() -> None:
    stream = io.StringIO()
    with Reporter(Labels(), 1000.0, stream) as reporter:
        reporter.begin(10, 10_000)
        for _ in range(50):
            reporter.tick(2)
    assert len(lines(stream)) == 1


def test_line_at_each_interval_tells_workers_and_time_left() -> None:
    stream = io.StringIO()
    with Reporter(Labels(), 1e-9, stream) as reporter:
        reporter.begin(4000, 4_000_000)
        reporter.committed(REPORT)
        reporter.tick(3)
    line = lines(stream)[0]
    assert " left, " in line
    assert line.endswith("3 workers")


FAILURE = ShardFailure("000-000007", "no memory", 1, 3, "a.jpg", "")


def test_quarantine_shows() -> None:
    stream = io.StringIO()
    with Reporter(Labels(), 1000.0, stream) as reporter:
        reporter.begin(10, 10_000)
        reporter.given_up(FAILURE)
    assert ", 1 in quarantine" in stream.getvalue()


def test_shard_given_up_is_told_at_once_and_cannot_command_a_terminal() -> None:
    stream = io.StringIO()
    with Reporter(Labels(), 1000.0, stream) as reporter:
        reporter.begin(10, 10_000)
        reporter.given_up(replace(FAILURE, key="a\x1b[2J.jpg"))
        line = lines(stream)[0]
    assert line.startswith("shard 000-000007 was given up at 'a")
    assert line.endswith(": no memory; see _job/quarantine/000-000007.json")
    assert line.isprintable()


def test_listing_shows() -> None:
    stream = io.StringIO()
    with Reporter(Labels("photos"), 1e-9, stream) as reporter:
        reporter.listed(4096)
    assert lines(stream) == ["4,096 photos listed"]


def test_nothing_to_do_says_nothing() -> None:
    stream = io.StringIO()
    with Reporter(Labels(), 1000.0, stream):
        pass
    assert stream.getvalue() == ""


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Reporter(Labels("photos"), 1000.0, stream) as reporter:
        reporter.begin(10, 10_000)
        reporter.tick(2)
    assert "━" in stream.getvalue()


def test_without_a_known_total_bytes_tell_how_far_it_is() -> None:
    stream = io.StringIO()
    with Reporter(Labels("photos"), 1e-9, stream) as reporter:
        reporter.begin(None, 4 * REPORT.bytes)
        reporter.committed(REPORT)
        reporter.tick(3)
    line = lines(stream)[0]
    assert line.startswith("1,000 photos (25% of the input), ")
    assert " left, " in line
