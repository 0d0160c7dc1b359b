"""Shards that share parts, checked together: their files, and what the rows say of one another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from jobs.engine.checks.commits import Committed
from jobs.engine.checks.parts import PartCheck, check_part
from jobs.engine.checks.shard_rows import ShardRows
from jobs.keys import KeySet
from jobs.storage.storage import Storage

# Hashing releases the interpreter's lock, and remote storage answers several at once.
_THREADS = 8
_FILES_AHEAD = 32

Files = dict[tuple[str, str], "Future[PartCheck]"]  # output and path


@dataclass
class _Bundle:
    """Consecutive shards that share parts, and the checks of these."""

    shards: list[Committed]
    files: Files


class PartsCheck:
    """Checks the parts of all shards, some at a time.

    Args:
        storage: The output.
        check_schema: What is wrong with the schema of a part, given its path.
        advance: Told how many shards are done.

    Attributes:
        parts: Output -> paths of its parts.
        keys: Keys of the items of all shards.
        of_items: Paths of the parts that have those.
    """

    def __init__(
        self,
        storage: Storage,
        check_schema: Callable[[str, pa.Schema], Iterable[str]],
        advance: Callable[[int], None],
    ) -> None:
        """Reads nothing yet."""
        self._storage = storage
        self._check_schema = check_schema
        self._advance = advance
        self._first: dict[str, tuple[str, pa.Schema]] = {}  # output -> its first part
        self.parts: dict[str, set[str]] = {}
        self.keys = KeySet()
        self.of_items: set[str] = set()

    def run(self, committed: Iterable[Committed]) -> Iterator[str]:
        """Checks the parts of shards in plan order; yields what is wrong, a sentence each."""
        threads = ThreadPoolExecutor(_THREADS, "verify")
        waiting: deque[_Bundle] = deque()
        try:
            for shards in _bundles(committed):
                waiting.append(_Bundle(shards, self._begin(shards, threads)))
                while sum(len(bundle.files) for bundle in waiting) > _FILES_AHEAD:
                    yield from self._finish(waiting.popleft())
            while waiting:
                yield from self._finish(waiting.popleft())
        finally:
            threads.shutdown(cancel_futures=True)

    def _begin(self, shards: list[Committed], threads: ThreadPoolExecutor) -> Files:
        sharing: dict[tuple[str, str], list[Committed]] = {}
        for each in shards:
            for output, part in each.report.parts.items():
                sharing.setdefault((output, part.path), []).append(each)
                self.parts.setdefault(output, set()).add(part.path)
        return {
            file: threads.submit(
                check_part, self._storage, file[0], [each.report for each in together]
            )
            for file, together in sharing.items()
        }

    def _finish(self, bundle: _Bundle) -> Iterator[str]:
        checks = {file: future.result() for file, future in bundle.files.items()}
        problems = [problem for check in checks.values() for problem in check.problems]
        for (output, path), check in checks.items():
            if check.schema is not None:
                problems += self._schema_problems(output, path, check.schema)
            if output == bundle.shards[0].report.primary:
                self.of_items.add(path)
                for rows in check.rows.values():
                    self.keys.update(rows.unique)
        for each in bundle.shards:
            problems += _contradictions(each, checks)
        self._advance(len(bundle.shards))
        yield from problems

    def _schema_problems(self, output: str, path: str, schema: pa.Schema) -> Iterator[str]:
        yield from self._check_schema(path, schema)
        first, expected = self._first.setdefault(output, (path, schema))
        if not schema.equals(expected, check_metadata=True):
            yield f"{path} has another schema, or other metadata in it, than {first}."


def _bundles(committed: Iterable[Committed]) -> Iterator[list[Committed]]:
    bundle: list[Committed] = []
    for each in committed:
        if bundle and not _share(bundle[-1], each):
            yield bundle
            bundle = []
        bundle.append(each)
    if bundle:
        yield bundle


def _share(one: Committed, other: Committed) -> bool:
    paths = {part.path for part in one.report.parts.values()}
    return any(part.path in paths for part in other.report.parts.values())


def _contradictions(
    committed: Committed, checks: dict[tuple[str, str], PartCheck]
) -> Iterator[str]:
    """What the rows of a shard say that is not what its commit, plan or other rows say."""
    report, keys = committed.report, committed.planned.keys
    found: dict[str, ShardRows] = {}
    for output, part in report.parts.items():
        rows = checks[output, part.path].rows.get(report.shard)
        if rows is not None:
            found[output] = rows
    primary = found.get(report.primary)
    if primary is None:
        return
    path = report.parts[report.primary].path
    if primary.statuses != {name: n for name, n in report.statuses.items() if n}:
        yield f"The statuses of shard {report.shard} are not those of its rows in {path}."
    if keys is not None and primary.keys != keys:
        yield (
            f"The rows of shard {report.shard} in {path} are not those of its members: "
            "parts are mixed up."
        )
    for output, expected in primary.expected.items():
        if output in found and output != report.primary and found[output].keys != expected:
            yield (
                f"The rows of shard {report.shard} in {report.parts[output].path} are not those "
                f"that {path} counts, or in another order."
            )
