"""What is told of the items on their way through a job, when, and which of them it gets at all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.engine.blame.processing import processed
from jobs.engine.blame.traces import read_trace
from jobs.engine.blame.watchdog import State
from jobs.engine.shards import ShardSpec, Trace
from jobs.members import Member
from jobs.messages.errors import JobError
from jobs.storage.storage import Storage
from tests.jobs.engine.blame.told import ToldAttempt
from tests.jobs.engine.stand_in import ChecksumJob, ChecksumProcessor, File, list_folder

SPEC = ShardSpec("000-000001", "plan.parquet", 1, 3, 100, run="r", attempt=2)
KEYS = ("a", "b", "c", "d")
Event = tuple[str, Any]
Batches = Iterator[tuple[str, pa.RecordBatch]]


class Noting(ChecksumProcessor):
    """Adds to what an attempt is told when an item is read, is worked on, and has failed.

    Attributes:
        deed: Done when an item is worked on.
    """

    def __init__(self, attempt: ToldAttempt) -> None:
        super().__init__(ChecksumJob())
        self._events = attempt.events
        self.deed: Callable[[], object] = lambda: None

    def read(self, members: Sequence[Member]) -> Iterator[File]:
        for item in super().read(members):
            self._events.append(("read", item.member.key))
            yield item

    def rows(self, items: Iterator[File]) -> Batches:
        return super().rows(map(self._noted, items))

    def failed(self, member: Member, status: str) -> Batches:
        self._events.append((status, member.key))
        return super().failed(member, status)

    def _noted(self, item: File) -> File:
        self._events.append(("work", item.member.key))
        self.deed()
        return item


class Greedy(Noting):
    """Takes all items that it can have before it works on the first."""

    def rows(self, items: Iterator[File]) -> Batches:
        return super().rows(iter(list(items)))


class Lazy(Noting):
    """Takes one item at a time, however many it could have."""

    def rows(self, items: Iterator[File]) -> Batches:
        return super().rows(itertools.islice(items, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files of one line, named after what is in them."""
    (tmp_path / "in").mkdir()
    for key in KEYS:
        (tmp_path / "in" / key).write_bytes(f"of {key}\n".encode())
    return tmp_path / "in"


def attempt_at(
    folder: Path,
    *,
    careful: bool = False,
    verdicts: Mapping[int, str] | None = None,
    suspect: int | None = None,
    container: bool = False,
    wants: Callable[[str], bool] | None = None,
) -> ToldAttempt:
    """An attempt at the files of a folder, or at the folder as one container."""
    spec = replace(SPEC, careful=careful, verdicts=verdicts or {}, suspect=suspect)
    attempt = ToldAttempt(spec, folder.parent / "out")
    whole = Member("all", str(folder), 100, "v", None, items=None)
    attempt.expect([whole] if container else list(list_folder(folder)), wants)
    return attempt


def statuses(batches: Batches) -> list[tuple[str, str]]:
    """Key and status of the rows of the primary table, as they come."""
    return [
        (row["key"], row["status"])
        for name, batch in batches
        if name == "files"
        for row in batch.to_pylist()
    ]


def done(*indices: int) -> list[Event]:
    """Items that are read, begun and worked on one after the other."""
    return [
        event
        for index in indices
        for event in (
            ("reading", (index, KEYS[index])),
            ("read", KEYS[index]),
            ("begin", index),
            ("work", KEYS[index]),
        )
    ]


def of(attempt: ToldAttempt, *kinds: str) -> list[Any]:
    """What was noted of some kinds."""
    return [what for kind, what in attempt.events if kind in kinds]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("processor", [Noting, Greedy, Lazy])
def test_every_item_has_its_row_in_order(
    folder: Path, processor: type[Noting], careful: bool
) -> None:
    attempt = attempt_at(folder, careful=careful)
    assert statuses(processed(processor(attempt), attempt)) == [(key, "ok") for key in KEYS]
    assert of(attempt, "begin") == [0, 1, 2, 3]
    assert of(attempt, "read") == list(KEYS)


@pytest.mark.parametrize("careful", [False, True])
def test_item_is_told_of_before_it_is_read_and_before_it_is_touched(
    folder: Path, careful: bool
) -> None:
    attempt = attempt_at(folder, careful=careful)
    statuses(processed(Noting(attempt), attempt))
    assert attempt.events == [*done(0, 1, 2, 3), ("reading", (4, None))]


def test_job_may_have_all_items_at_once(folder: Path) -> None:
    attempt = attempt_at(folder)
    statuses(processed(Greedy(attempt), attempt))
    in_hand = [event for event in done(0, 1, 2, 3) if event[0] != "work"]
    work = [("work", key) for key in KEYS]
    assert attempt.events == [*in_hand, ("reading", (4, None)), *work]


def test_job_has_one_item_at_a_time_if_that_is_careful(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True)
    statuses(processed(Greedy(attempt), attempt))
    assert attempt.events == [*done(0, 1, 2, 3), ("reading", (4, None))]


@pytest.mark.parametrize("careful", [False, True])
def test_rows_of_an_item_are_handed_on_before_the_next_is_read(folder: Path, careful: bool) -> None:
    attempt = attempt_at(folder, careful=careful)
    rows = processed(Noting(attempt), attempt)
    assert [next(rows)[0] for _ in range(2)] == ["files", "lines"]
    assert attempt.events == done(0)


def test_watchdog_hears_whom_to_blame_if_that_is_careful(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True)
    statuses(processed(Greedy(attempt), attempt))
    heard = [
        State(phase, "000-000001", "r", 2, index, key)
        for index, key in enumerate(KEYS)
        for phase in ("reading", "item")
    ]
    told = [state for state in attempt.listener.heard if state.phase != "neither"]
    assert told == [*heard, State("reading", "000-000001", "r", 2)]


def test_watchdog_hears_of_items_but_of_none_to_blame_where_several_are_in_hand(
    folder: Path,
) -> None:
    attempt = attempt_at(folder)
    statuses(processed(Greedy(attempt), attempt))
    heard = attempt.listener.heard
    assert [state.phase for state in heard] == ["reading", "item"] * 4 + ["reading"]
    assert {(state.item, state.key) for state in heard} == {(None, None)}


def test_item_in_hand_is_on_storage_while_it_is_worked_on(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True)
    traces: list[Trace | None] = []
    processor = Noting(attempt)
    storage = Storage(str(folder.parent / "out"))
    processor.deed = lambda: traces.append(read_trace(storage, attempt.spec))
    statuses(processed(processor, attempt))
    assert traces == [Trace(2, index, key) for index, key in enumerate(KEYS)]
    assert read_trace(storage, attempt.spec) == Trace(2, None, None)


@pytest.mark.parametrize("convicted", [(0,), (1,), (3,), (1, 2), (0, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("processor", [Noting, Greedy, Lazy])
def test_convicted_item_is_a_row_in_its_place_and_is_not_touched(
    folder: Path,
    processor: type[Noting],
    container: bool,
    careful: bool,
    convicted: tuple[int, ...],
) -> None:
    verdicts = {index: ("crashed", "timeout")[index % 2] for index in convicted}
    attempt = attempt_at(folder, careful=careful, verdicts=verdicts, container=container)
    found = statuses(processed(processor(attempt), attempt))
    assert found == [(key, verdicts.get(index, "ok")) for index, key in enumerate(KEYS)]
    innocent = [index for index in range(4) if index not in verdicts]
    assert of(attempt, "begin") == innocent
    assert of(attempt, "work") == [KEYS[index] for index in innocent]
    assert of(attempt, "crashed", "timeout") == [KEYS[index] for index in convicted]


def test_convicted_item_is_not_even_read_if_that_is_careful(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True, verdicts={1: "crashed"})
    statuses(processed(Noting(attempt), attempt))
    assert attempt.events == [
        *done(0),
        ("reading", (1, "b")),
        ("crashed", "b"),
        *done(2, 3),
        ("reading", (4, None)),
    ]


def test_job_may_have_all_items_up_to_a_convicted_one_at_once(folder: Path) -> None:
    attempt = attempt_at(folder, verdicts={2: "crashed"})
    statuses(processed(Greedy(attempt), attempt))
    assert [event for event in attempt.events if event[0] in ("work", "crashed")] == [
        ("work", "a"),
        ("work", "b"),
        ("crashed", "c"),
        ("work", "d"),
    ]


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("container", [False, True])
def test_nothing_is_read_twice_on_either_side_of_a_convicted_item(
    folder: Path, container: bool, careful: bool
) -> None:
    attempt = attempt_at(folder, careful=careful, verdicts={1: "crashed"}, container=container)
    statuses(processed(Greedy(attempt), attempt))
    unread = {"b"} if careful and not container else set()
    assert of(attempt, "read") == [key for key in KEYS if key not in unread]


@pytest.mark.parametrize("suspect", [0, 2, 3])
def test_suspect_is_tried_alone_before_all_others(folder: Path, suspect: int) -> None:
    attempt = attempt_at(folder, careful=True, suspect=suspect)
    found = statuses(processed(Noting(attempt), attempt))
    assert found == [(key, "ok") for key in KEYS]  # what it gave alone is in no table
    assert attempt.events == [
        *done(suspect),
        ("cleared", None),
        *done(0, 1, 2, 3),
        ("reading", (4, None)),
    ]


def test_suspect_alone_is_to_blame_until_it_is_cleared(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True, suspect=2)
    traces: list[Trace | None] = []
    processor = Noting(attempt)
    storage = Storage(str(folder.parent / "out"))
    processor.deed = lambda: traces.append(read_trace(storage, attempt.spec))
    statuses(processed(processor, attempt))
    assert traces == [
        Trace(2, 2, "c", cleared=False),
        *(Trace(2, index, key, cleared=True) for index, key in enumerate(KEYS)),
    ]
    items = [state for state in attempt.listener.heard if state.phase == "item"]
    assert [(state.item, state.cleared) for state in items] == [
        (2, False),
        *((index, True) for index in range(4)),
    ]


def test_watchdog_hears_of_nothing_in_hand_between_the_suspect_and_the_others(
    folder: Path,
) -> None:
    attempt = attempt_at(folder, careful=True, suspect=2)
    statuses(processed(Noting(attempt), attempt))
    heard = attempt.listener.heard
    cleared = next(place for place, state in enumerate(heard) if state.cleared)
    assert [state.phase for state in heard[:cleared]][-2:] == ["item", "neither"]
    assert (heard[cleared].phase, heard[cleared].item) == ("neither", None)


def test_suspect_that_cannot_be_read_is_cleared(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True, suspect=1)
    (folder / "b").unlink()
    found = statuses(processed(Noting(attempt), attempt))
    assert found == [("a", "ok"), ("b", "unreadable"), ("c", "ok"), ("d", "ok")]
    assert of(attempt, "cleared") == [None]


def test_suspect_in_a_container_is_not_tried_alone(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True, suspect=2, container=True)
    statuses(processed(Noting(attempt), attempt))
    assert of(attempt, "read") == list(KEYS)
    assert of(attempt, "cleared") == []


@pytest.mark.parametrize("careful", [False, True])
def test_items_of_a_container_are_told_of_once_they_are_known(folder: Path, careful: bool) -> None:
    attempt = attempt_at(folder, careful=careful, container=True)
    assert statuses(processed(Noting(attempt), attempt)) == [(key, "ok") for key in KEYS]
    expected = [event for event in done(0, 1, 2, 3) if event[0] != "reading"]
    assert [event for event in attempt.events if event[0] != "reading"] == expected
    assert of(attempt, "reading") == [(index, None) for index in range(5)]


def test_container_is_read_on_one_item_at_a_time_if_that_is_careful(folder: Path) -> None:
    attempt = attempt_at(folder, careful=True, container=True)
    statuses(processed(Greedy(attempt), attempt))
    expected = [
        (kind, (what[0], None)) if kind == "reading" else (kind, what)
        for kind, what in done(0, 1, 2, 3)
    ]
    assert attempt.events == [*expected, ("reading", (4, None))]


@pytest.mark.parametrize("careful", [False, True])
def test_items_that_are_not_wanted_are_passed_over_as_if_not_there(
    folder: Path, careful: bool
) -> None:
    asked: list[str] = []

    def wants(key: str) -> bool:
        asked.append(key)
        return key in ("b", "d")

    attempt = attempt_at(
        folder, careful=careful, container=True, wants=wants, verdicts={1: "crashed"}
    )
    assert statuses(processed(Noting(attempt), attempt)) == [("b", "ok"), ("d", "crashed")]
    assert asked == list(KEYS)
    assert of(attempt, "begin") == [0]
    assert of(attempt, "work") == ["b"]


def test_container_without_items_has_no_rows(folder: Path) -> None:
    for key in KEYS:
        (folder / key).unlink()
    attempt = attempt_at(folder, container=True)
    assert statuses(processed(Noting(attempt), attempt)) == []
    assert attempt.events == [("reading", (0, None))]


def test_bug_of_the_job_is_about_the_item_in_hand(folder: Path) -> None:
    (folder / "c").write_bytes(b"bug")
    attempt = attempt_at(folder, careful=True)
    with pytest.raises(ZeroDivisionError):
        statuses(processed(Greedy(attempt), attempt))
    assert attempt.events[-1] == ("work", "c")
    trace = read_trace(Storage(str(folder.parent / "out")), attempt.spec)
    assert trace == Trace(2, 2, "c")


class Tired(Noting):
    """Asks for the items of so many stretches, and ends at once after that."""

    stretches = 1

    def rows(self, items: Iterator[File]) -> Batches:
        self.stretches -= 1
        return super().rows(items if self.stretches >= 0 else iter(()))


@pytest.mark.parametrize(
    ("stretches", "verdicts", "careful", "begun"),
    [
        (0, {}, False, []),
        (0, {}, True, []),
        (0, {0: "crashed"}, False, []),
        (1, {}, True, [0]),
        (1, {1: "crashed"}, False, [0]),
        (1, {0: "crashed"}, True, []),
    ],
)
@pytest.mark.parametrize("container", [False, True])
def test_job_that_does_not_ask_for_all_items_ends_in_an_error(
    folder: Path,
    container: bool,
    stretches: int,
    verdicts: Mapping[int, str],
    careful: bool,
    begun: list[int],
) -> None:
    attempt = attempt_at(folder, careful=careful, verdicts=verdicts, container=container)
    processor = Tired(attempt)
    processor.stretches = stretches
    with pytest.raises(JobError, match="without asking for the items that are left"):
        # Not for ever, if it is not told.
        statuses(itertools.islice(processed(processor, attempt), 20))
    assert of(attempt, "begin") == begun


def test_job_need_not_ask_where_nothing_is_left(folder: Path) -> None:
    """All items are convicted, and what asks for the end of the shard is a stretch without any."""
    verdicts = dict.fromkeys(range(4), "crashed")
    attempt = attempt_at(folder, careful=True, verdicts=verdicts)
    assert statuses(processed(Noting(attempt), attempt)) == [(key, "crashed") for key in KEYS]
