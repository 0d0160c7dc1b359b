"""Committed shards that nobody has made: what their records say."""

from __future__ import annotations

from typing import Any

from jobs.engine.reports import PartReport, ShardReport


def part(path: str, rows: int = 2, size: int = 10, **more: Any) -> PartReport:
    return PartReport(path, rows, size, "ab", **more)


def report(shard: str = "000-000000", **changes: Any) -> ShardReport:
    """Two items, and four lines."""
    fields: dict[str, Any] = {
        "shard": shard,
        "primary": "files",
        "members": 2,
        "bytes": 7,
        "statuses": {"ok": 2},
        "failed": 0,
        "parts": {
            "files": part(f"files/part-{shard}.parquet"),
            "lines": part(f"lines/part-{shard}.parquet", 4, 20),
        },
        "attempts": 1,
        "verdicts": {},
        "packages": {"pyarrow": "0"},
        "started": "2000-01-01T00:00:00+00:00",
        "seconds": 0.5,
        "host": "here",
        "worker_bytes": 3,
    }
    return ShardReport(**{**fields, **changes})
