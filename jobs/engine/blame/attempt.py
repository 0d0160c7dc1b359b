"""One attempt at a shard inside a worker: what is in hand, and which rows are due."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Literal

from jobs.engine.blame.traces import leave_trace, remove_traces
from jobs.engine.blame.watchdog import State, Watchdog
from jobs.engine.reports import ShardFailure
from jobs.engine.shards import ShardSpec, Trace
from jobs.members import Member
from jobs.messages.errors import JobError
from jobs.storage.storage import Storage


class Attempt:
    """An attempt at a shard: is told of each item before it is read and before it is touched.

    The watchdog hears of everything. If the shard is careful, the item in hand is on storage too
    before it is read or touched, in case the process does not live to tell.

    Args:
        spec: The shard.
        storage: The output.
        watchdog: Watchdog of this process, if it has one.

    Attributes:
        members: To be processed.
        keys: Keys of the items, if they are known before these are read: none if a member is a
            container.
        verdicts: Key -> status of the items done that were not touched.
        forgotten: Items of containers that were passed over, as they were forgotten.
    """

    def __init__(self, spec: ShardSpec, storage: Storage, watchdog: Watchdog | None) -> None:
        self.spec = spec
        self.members: list[Member] = []
        self.keys: list[str] = []
        self.verdicts: dict[str, str] = {}
        self.forgotten = 0
        self._is_forgotten: Callable[[str], bool] | None = None
        self._storage = storage
        self._watchdog = watchdog
        self._in_hand: tuple[int, str | None] | None = None
        self._done = 0
        self._wants: Callable[[str], bool] | None = None
        self._closed = False
        self._cleared = False
        self._telling = threading.Lock()

    def expect(
        self,
        members: list[Member],
        wants: Callable[[str], bool] | None = None,
        is_forgotten: Callable[[str], bool] | None = None,
    ) -> None:
        """Takes note of the members; which rows are due is known where none is a container.

        Args:
            members: To be processed.
            wants: Which items of containers are; None is all.
            is_forgotten: Which of those were forgotten; None is that none was.
        """
        self.members = members
        self._is_forgotten, self._wants = is_forgotten, wants
        self.keys = [] if self.has_containers else [member.key for member in members]

    def reading(self, index: int, key: str | None) -> None:
        """Notes that the source is about to be asked for an item.

        Args:
            index: Index of the item in the shard; one more than the last if there is none left.
            key: Its key; None where only reading tells.
        """
        self._leave_trace(index if key is not None else None, key)
        self._tell("reading")

    def begin(self, index: int, key: str) -> None:
        """Notes that an item is about to be touched."""
        self._leave_trace(index, key)
        self._tell("item")

    @property
    def has_containers(self) -> bool:
        """Whether only reading tells what the items are."""
        return any(member.is_container for member in self.members)

    @property
    def suspect(self) -> tuple[int, Member] | None:
        """The item to be tried alone; None if there is none, or if it is in a container."""
        index = self.spec.suspect
        return None if index is None or self.has_containers else (index, self.members[index])

    def wants(self, key: str) -> bool:
        """Whether an item of a container is to be processed; to be asked of each, in order.

        The others are passed over as if they were not there: they have no index and no row.
        """
        if self._is_forgotten is not None and self._is_forgotten(key):
            self._tell("reading")
            self.forgotten += 1
            return False
        if self._wants is None:
            return True
        self._tell("reading")  # much may be passed over before the next one is begun
        return self._wants(key)

    def clear_suspect(self) -> None:
        """Notes that the suspect was tried alone, and the process lives."""
        self._cleared = True
        self._in_hand = None
        self.pause()

    def pause(self) -> None:
        """Notes that nothing of the shard is in hand."""
        self._tell("neither")

    def close(self) -> None:
        """Ends the attempt; a thread that is still busy with it is not listened to any more."""
        with self._telling:
            self._closed = True
        if self._watchdog is not None:
            self._watchdog.tell(State())

    def done(self, keys: list[str]) -> None:
        """Notes the rows of some more items.

        Raises:
            JobError: Others are due.
        """
        for key in keys:
            due = key if self.has_containers else self._due()
            if key != due:
                raise JobError(f"row for '{key}' where the row for '{due}' is due")
            if self._done in self.spec.verdicts:
                self.verdicts[key] = self.spec.verdicts[self._done]
            self._done += 1

    def check_complete(self, primary: str) -> None:
        """Raises a `JobError` if rows of the primary output are missing."""
        if due := self._due():
            raise JobError(f"no row in '{primary}' for '{due}'")
        met = self._done + self.forgotten
        if self.spec.members is not None and met != self.spec.members:
            raise JobError(f"{met} rows in '{primary}' for {self.spec.members} items")

    def forget(self) -> None:
        """Removes the traces that this attempt and those before it left on storage."""
        if self.spec.careful:
            remove_traces(self._storage, self.spec)

    def failure(self, error: JobError) -> ShardFailure:
        """The quarantine record of a shard whose processing raised an exception."""
        index, key = self._in_hand or (None, None)
        return ShardFailure(
            shard=self.spec.shard,
            reason=str(error).partition("\n")[0],
            attempts=self.spec.attempt,
            member=index,
            key=key,
            traceback="".join(traceback.format_exception(error)),
        )

    def _due(self) -> str | None:
        return self.keys[self._done] if self._done < len(self.keys) else None

    def _leave_trace(self, item: int | None, key: str | None) -> None:
        """Notes on storage what is in hand, if that changes and somebody may ask."""
        in_hand = None if item is None else (item, key)
        if self.spec.careful and in_hand != self._in_hand:
            # It has deadlines of its own, and is no item's fault.
            self._tell("neither")
            trace = Trace(self.spec.attempt, item, key, self._cleared)
            leave_trace(self._storage, self.spec.shard, self.spec.run, trace)
        self._in_hand = in_hand

    def _tell(self, phase: Literal["reading", "item", "neither"]) -> None:
        item, key = self._in_hand or (None, None)
        if not self.spec.careful or phase == "neither":  # several are in hand at once, or none
            item = key = None
        with self._telling:
            if self._watchdog is not None and not self._closed:
                spec = self.spec
                state = State(phase, spec.shard, spec.run, spec.attempt, item, key, self._cleared)
                self._watchdog.tell(state)
