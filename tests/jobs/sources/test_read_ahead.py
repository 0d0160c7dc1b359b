"""Reading ahead: order, bounds, errors, and a consumer that stops."""

import threading

import pytest

from jobs.members import Member
from jobs.sources.read_ahead import read_ahead
from jobs.sources.settings import InputSettings
from jobs.storage.read_error import ReadError


def members(*sizes: int | None) -> list[Member]:
    return [Member(str(i), "", size, "", None) for i, size in enumerate(sizes)]


def begun_beyond(expected: int, threads: int, max_bytes: int, *sizes: int) -> int:
    """How many reads begin while the first member is in use, once the expected ones have."""
    count = 0
    changed = threading.Condition()

    def read(member: Member) -> bytes:
        nonlocal count
        with changed:
            count += 1
            changed.notify()
        return b""

    reading = read_ahead(
        members(*sizes), read, InputSettings(threads=threads, read_ahead_bytes=max_bytes)
    )
    next(reading)
    with changed:
        assert changed.wait_for(lambda: count >= expected, 30)
        changed.wait_for(lambda: count > expected, 0.1)
    reading.close()
    return count


def test_members_held_are_bounded_in_number() -> None:
    assert begun_beyond(6, 3, 1000, *[1] * 50) == 6


def test_members_held_are_bounded_in_bytes() -> None:
    assert begun_beyond(2, 8, 100, *[40] * 50) == 2


def test_a_member_over_the_bound_is_still_read() -> None:
    assert begun_beyond(1, 8, 100, 500, 10) == 1


def test_reads_overlap() -> None:
    together = threading.Barrier(4)

    def read(member: Member) -> bytes:
        together.wait(30)
        return b""

    assert (
        len(
            list(
                read_ahead(members(*[1] * 4), read, InputSettings(threads=4, read_ahead_bytes=100))
            )
        )
        == 4
    )


def test_order_is_kept_when_the_first_is_slowest() -> None:
    last_read = threading.Event()

    def read(member: Member) -> bytes:
        if member.key == "0":
            assert last_read.wait(30)
        if member.key == "3":
            last_read.set()
        return member.key.encode()

    reading = read_ahead(members(*[1] * 4), read, InputSettings(threads=2, read_ahead_bytes=100))
    assert [data for _, data in reading] == [b"0", b"1", b"2", b"3"]


def test_a_bug_in_reading_is_raised_in_its_turn() -> None:
    def read(member: Member) -> bytes:
        if member.key == "1":
            raise KeyError("bug")
        return b""

    reading = read_ahead(members(1, 1, 1), read, InputSettings(threads=2, read_ahead_bytes=100))
    assert next(reading)[0].key == "0"
    with pytest.raises(KeyError, match="bug"):
        next(reading)


def test_a_consumer_that_stops_is_not_held_up_by_a_read_that_hangs() -> None:
    answer = threading.Event()

    def read(member: Member) -> bytes:
        if member.key != "0":
            answer.wait()
        return b""

    reading = read_ahead(members(*[1] * 50), read, InputSettings(threads=2, read_ahead_bytes=100))
    next(reading)
    reading.close()  # hangs if it waits for the reads
    answer.set()


def test_reads_not_begun_are_dropped_when_the_consumer_stops() -> None:
    answer = threading.Event()
    begun: list[str] = []

    def read(member: Member) -> bytes | ReadError:
        begun.append(member.key)
        if member.key != "0":
            answer.wait()
        return b""

    reading = read_ahead(members(*[1] * 50), read, InputSettings(threads=2, read_ahead_bytes=100))
    next(reading)
    pool = [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
    reading.close()
    answer.set()
    for thread in pool:
        thread.join()
    assert set(begun) <= {"0", "1", "2"}  # not 3, which waited for a thread
