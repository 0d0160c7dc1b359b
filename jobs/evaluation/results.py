"""What an evaluation ends with, and the folder it is written to."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.storage.storage import Storage

METRICS = "metrics.json"
_VERSION = 1


@dataclass(frozen=True)
class Results:
    """How an evaluation ended.

    Attributes:
        folder: Where everything about it is.
        metrics: The content of `metrics.json`.
        exit_code: As after an extraction.
    """

    folder: str
    metrics: Mapping[str, Any]
    exit_code: int


class Folder:
    """The folder of an evaluation; what is written appears whole or not at all.

    Args:
        url: Local path or fsspec URL.
        options: Keyword arguments of its file system.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        self.url = url
        self._storage = Storage(url, options)

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, replacing what was there.

        Raises:
            jobs.messages.errors.OutputError: Storage does not take it.
        """
        self._storage.publish_bytes(data, name)

    def write_rows(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Writes a CSV file; raises as `write` does."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        self.write(name, text.getvalue().encode())

    def finish(self, metrics: Mapping[str, Any], seconds: float, exit_code: int = 0) -> Results:
        """Writes `metrics.json`, last of all; raises as `write` does.

        Args:
            metrics: All figures, as JSON values or NaN.
            seconds: Seconds that it took to compute and draw them.
            exit_code: Exit code of the extraction.
        """
        times = {**metrics.get("seconds", {}), "scoring": round(seconds, 3)}
        clean = _without_nan({"version": _VERSION, **metrics, "seconds": times})
        self.write(METRICS, json.dumps(clean, indent=1, ensure_ascii=False).encode())
        return Results(self.url, clean, exit_code)


def _without_nan(value: Any) -> Any:
    """The value with null for what could not be computed: NaN is not JSON."""
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
