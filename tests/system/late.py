"""Outputs of the stand-in job that somebody writes to who comes late, and others meanwhile.

As a script, a driver that stops itself: `python -m tests.system.late PLACE COMMAND MOMENT PERIODS`,
all but the command in JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

import jobs.engine.driver.merging
import jobs.engine.driver.working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.retry import retry_items
from jobs.engine.driver.run import run
from jobs.engine.driver.verify import verify
from jobs.engine.identity import Identity
from jobs.engine.lease import lease
from jobs.engine.lease.claims import Periods
from jobs.engine.lease.log import Log, LogEntry
from jobs.engine.ledger.ending import SUCCESS, show_ending
from jobs.engine.ledger.heads import Heads
from jobs.engine.plans.plan import Plan, PlanReader
from jobs.engine.reports import Result
from jobs.engine.settings import RunSettings, ShardSizes
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.worker import Worker
from jobs.messages.errors import UserError
from jobs.storage.local import durable
from jobs.storage.local.local_folder import LocalFolder
from jobs.storage.remote.remote_folder import RemoteFolder
from jobs.storage.storage import Storage
from tests.command import environment
from tests.jobs.engine.stand_in import ChecksumJob, list_folder, make_folder

JOB = ChecksumJob()
IDENTITY = Identity({"detect": {"min_face": 20}}, "digest", input="in")
SIZES = ShardSizes(first=2, step=1000, max_members=2)
SETTINGS = RunSettings(workers=1, shards=SIZES, min_free_bytes=0)
UNREADABLE = ("unreadable",)
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """An output and its input.

    Attributes:
        url: Of the output.
        options: Of its file system.
        folder: The input, on this machine.
        lost: File of the input that is sometimes not there.
        count: Files of the input, before others are added.
    """

    url: str
    options: Mapping[str, Any]
    folder: Path
    lost: str = "00001.txt"
    count: int = 6

    @property
    def storage(self) -> Storage:
        """The output."""
        return Storage(self.url, self.options)

    def planted(self, content: Mapping[str, bytes]) -> Place:
        """Stores files, in no hurry to have them on the disk."""
        filesystem, root = fsspec.url_to_fs(self.url, **self.options)
        for path, data in content.items():
            full = f"{root}/{path}"
            if self.storage.local:
                Path(full).parent.mkdir(parents=True, exist_ok=True)
            filesystem.pipe_file(full, data)
        return self

    def elsewhere(self) -> Place:
        """A place for another output, beside this one."""
        return replace(self, url=f"{self.url.rpartition('/')[0]}/{uuid.uuid4().hex}")

    def remove(self) -> None:
        """Removes the output."""
        filesystem, root = fsspec.url_to_fs(self.url, **self.options)
        filesystem.rm(root, recursive=True)

    def content(self, folder: str = "") -> dict[str, bytes]:
        """All files, by path."""
        storage = self.storage
        found = {
            path: storage.read_bytes(path)
            for path in (f"{folder}/{name}".lstrip("/") for name in storage.names(folder))
        }
        for name in storage.folders(folder):
            found.update(self.content(f"{folder}/{name}".lstrip("/")))
        return found

    def lose(self) -> None:
        """The input is as it was: one file cannot be read, none has been added."""
        make_folder(self.folder, self.count)
        for path in self.folder.iterdir():
            if path.name == self.lost or int(path.stem) >= self.count:
                path.unlink()

    def find(self) -> None:
        """The file can be read again."""
        make_folder(self.folder, 1, start=int(Path(self.lost).stem))

    def add(self) -> None:
        """The input has new files."""
        make_folder(self.folder, 3, start=100)

    # What others do.

    def plan(self) -> Plan:
        """A driver plans the input, and is killed."""
        epoch = self.begun()
        IDENTITY.write(self.storage)
        plan = Plan(self.storage)
        plan.extend(list_folder(self.folder), SIZES, first=lambda: epoch)
        return plan

    def begun(self) -> int:
        """A driver begins, and is killed; the number of its entry in the log."""
        log = Log(self.storage)
        number = log.last() + 1
        assert log.create(LogEntry(number, "begin", number, "killed"))
        show_ending(self.storage, log)
        return number

    def run(self) -> None:
        """A driver runs the job to its end."""
        listed = list_folder(self.folder)
        run(JOB, lambda: listed, self.url, SETTINGS, IDENTITY, options=self.options)

    def retry(self) -> None:
        """A driver processes the item that could not be read again."""
        retry_items(JOB, self.url, SETTINGS, IDENTITY, UNREADABLE, options=self.options)

    def compact(self) -> None:
        """A driver merges all parts of an output."""
        compact(self.url, options=self.options, settings=SETTINGS)

    def worker(self, job: ChecksumJob = JOB) -> Worker:
        """A worker in this process."""
        worker = Worker(self.url, self.options, ())
        worker.start(pickle.dumps(job))
        return worker

    # What is there.

    def is_marked(self) -> bool:
        """Whether users may take the job for finished."""
        return self.storage.exists(SUCCESS)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, as whoever lists its folder finds them."""
        storage = self.storage
        return [
            row
            for name in storage.names(table)
            for row in _read(storage, f"{table}/{name}").to_pylist()
        ]

    def fine(self) -> set[str]:
        """Keys of the items that are committed as `ok`."""
        storage = self.storage
        found: set[str] = set()
        for _, part in Heads.read(storage).parts("files"):
            rows = _read(storage, part.path).slice(part.first_row, part.rows).to_pylist()
            found.update(row["key"] for row in rows if row["status"] == "ok")
        return found

    def problems(self, fine: Iterable[str] = ()) -> list[str]:
        """What is wrong with a finished output.

        Args:
            fine: Keys of items that have been committed as `ok` some time.
        """
        failed = {IDENTITY.job: JOB.failed_statuses}
        found = list(verify(self.url, self.options, failed_statuses=failed))
        return found + self.wrong_rows(fine) + ["it is not marked"] * (not self.is_marked())

    def wrong_rows(self, fine: Iterable[str] = ()) -> list[str]:
        """What is wrong with the rows of a finished output, as whoever lists its folders sees it.

        Args:
            fine: Keys of items that have been committed as `ok` some time.
        """
        found = []
        rows = self.rows("files")
        keys = sorted(row["key"] for row in rows)
        members, shards = PlanReader(self.storage), Plan(self.storage).shards()
        planned = sorted(member.key for shard in shards for member in members.members(shard))
        if keys != planned:
            found.append(f"rows of {keys} instead of {planned}")
        lines = Counter(row["key"] for row in self.rows("lines"))
        told = {row["key"]: row["num_lines"] for row in rows}
        if lines != Counter(told):
            found.append(f"lines: {lines} instead of {told}")
        status = {row["key"]: row["status"] for row in rows}
        found += [f"{key} was ok" for key in fine if status.get(key) != "ok"]
        return found


def _read(storage: Storage, path: str) -> Any:
    with storage.open(path) as file:
        return pq.ParquetFile(file).read(use_threads=False)


@contextlib.contextmanager
def without_ray(skipping: str | None = None) -> Iterator[None]:
    """Drivers run their shards themselves, one after the other, and wait for no disk.

    Args:
        skipping: A shard that no worker gets to.
    """

    def dispatched(
        job: Any,
        storage: Storage,
        packages: Sequence[str],
        settings: RunSettings,
        work: Callable[[], tuple[Iterable[ShardSpec], int]],
        beat: Callable[[int], None],
        signals: object,
    ) -> Iterator[Result]:
        worker = Worker(storage.url, storage.options, packages)
        worker.start(pickle.dumps(job))
        beat(1)
        for spec in work()[0]:
            if spec.shard != skipping:
                yield worker.run(spec)

    with pytest.MonkeyPatch.context() as patch:
        for module in (jobs.engine.driver.working, jobs.engine.driver.merging):
            patch.setattr(module, "dispatched", dispatched)
        patch.setattr(durable, "sync", lambda path: None)
        yield


_WRITES = ("put", "put_bytes", "create", "create_bytes", "delete")
_READS = ("spool", "read", "read_many", "open", "exists", "names", "folders")
_REQUESTS = ("_call", "_together")


class Stops:
    """Moments at storage calls, and what happens there.

    Moments are numbered from 0. While something happens who made the call stands still.

    Args:
        at: Moment -> what happens then.

    Attributes:
        calls: Name of each moment that has been.
    """

    def __init__(self, at: Mapping[int, Callable[[], None]]) -> None:
        self.calls: list[str] = []
        self._at = at
        self._one = threading.RLock()  # several files are deleted at once

    def of_worker(self, worker: Worker, *, requests: bool = False) -> Stops:
        """Makes a moment of each call of a worker, before it.

        That it is after the call before as well: a worker does nothing else for others to see.

        Args:
            worker: That is about to run.
            requests: Whether it is single requests to remote storage that count; else what is asked
                of the folder, which takes several.
        """
        folder = worker._storage._folder
        for name in _REQUESTS if requests else _WRITES + _READS:
            setattr(folder, name, self._stopping(getattr(folder, name), after=False))
        return self

    @contextlib.contextmanager
    def of_this_thread(self) -> Iterator[None]:
        """Makes two moments of each write in a block, before it and after it, by whatever object.

        What happens meanwhile has none.
        """
        thread = threading.current_thread()
        busy = False

        def stopping(method: Callable[..., Any]) -> Callable[..., Any]:
            stopped = self._stopping(method, after=True)

            def call(*arguments: Any, **keywords: Any) -> Any:
                nonlocal busy
                if busy or threading.current_thread() is not thread:
                    return method(*arguments, **keywords)
                busy = True
                try:
                    return stopped(*arguments, **keywords)
                finally:
                    busy = False

            return call

        with pytest.MonkeyPatch.context() as patch:
            for folder in (LocalFolder, RemoteFolder):
                for name in _WRITES:
                    patch.setattr(folder, name, stopping(getattr(folder, name)))
            yield

    def end(self) -> None:
        """The last moment: all is done."""
        self._moment("the end")

    def _stopping(self, method: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            told = [str(getattr(each, "__name__", each))[-60:] for each in arguments]
            name = " ".join([method.__name__, *told[-2:]])
            self._moment(f"before {name}")
            try:
                return method(*arguments, **keywords)
            finally:
                if after:
                    self._moment(f"after {name}")

        return call

    def _moment(self, name: str) -> None:
        with self._one:
            self.calls.append(name)
            self._at.get(len(self.calls) - 1, lambda: None)()


@contextlib.contextmanager
def driver(
    place: Place, command: str, moment: int, periods: Periods
) -> Iterator[subprocess.Popen[str]]:
    """A driver in a process of its own that stops itself; at the end nothing of it is left.

    Args:
        place: The output.
        command: Method of the place.
        moment: At which of the moments of its writes it stops, until it is told to go on.
        periods: Of its lease.
    """
    told = [json.dumps({**asdict(place), "folder": str(place.folder)}), command]
    numbers = [json.dumps(moment), json.dumps(asdict(periods))]
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, *told, *numbers],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=_ROOT,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _main(place: Place, command: str, moment: int, periods: Periods) -> None:
    lease.PERIODS = periods
    stops = Stops({moment: lambda: os.kill(os.getpid(), signal.SIGSTOP)})
    with without_ray(), stops.of_this_thread():
        try:
            getattr(place, command)()
        except UserError as error:  # among them that it has lost its lease
            print(f"{type(error).__name__}: {error}")
    print(f"{len(stops.calls)} moments")


if __name__ == "__main__":
    _told = json.loads(sys.argv[1])
    _main(
        Place(**{**_told, "folder": Path(_told["folder"])}),
        sys.argv[2],
        json.loads(sys.argv[3]),
        Periods(**json.loads(sys.argv[4])),
    )
