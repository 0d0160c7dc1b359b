"""Fuzzes the readers of tables: `python -m tests.fuzz.tables COUNT [SEED] [FIRST]`.

A damaged manifest ends as rows or as a sentence that refuses it, a damaged Parquet file with photos
as items and reasons too. A finding says the numbers that repeat it, and its input is kept.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.messages.errors import UserError
from jobs.sources.parquet import ParquetSource
from jobs.sources.settings import InputSettings
from jobs.sources.tables.manifest_file import read_rows
from tests.fuzz.command import run
from tests.fuzz.mutations import Sample, mutated
from tests.fuzz.watch import Finding, Limits, watch

# Arrow makes room for what a page says it holds, which is 2 GiB at most.
LIMITS = Limits(seconds=10.0, memory=2300 << 20)
_SENTENCE = re.compile(r"[^\n]{10,2000}")
_MOST_ROWS = 5_000_000
_folder = tempfile.TemporaryDirectory(prefix="fuzz-tables-")


def check(data: bytes) -> str | None:
    """Says what is wrong with the rows of a table; its kind is told by how it begins and ends."""
    kind = "parquet" if data[:1] == b"P" or data[-4:] == b"PAR1" else "csv"
    kind = "jsonl" if data[:1] == b"{" else kind
    file = Path(_folder.name, f"x.{kind}")
    file.write_bytes(data)
    try:
        for number, _ in enumerate(read_rows(str(file), InputSettings())):
            if number > _MOST_ROWS:
                return "rows without end"
    except UserError as error:
        if not _SENTENCE.fullmatch(str(error)):
            return f"no sentence: {error}"
    return _photos(file) if kind == "parquet" else None


def _photos(file: Path) -> str | None:
    source = ParquetSource(str(file), InputSettings())
    try:
        members = list(source.list())
    except UserError as error:
        return None if _SENTENCE.fullmatch(str(error)) else f"no sentence: {error}"
    count = 0
    for member, _ in source.stream(members, 1 << 16):
        member.key.encode()
        count += 1
    due = sum(member.items or 0 for member in members)
    return None if count == due else f"{count} items where {due} are due"


def samples() -> list[Sample]:
    """A manifest of each kind and Parquet files with photos."""
    uris = [f"folder/{i}.jpg" for i in range(40)]
    manifest = {"uri": uris, "label": ["a", "b"] * 20, "size": list(range(40))}
    photos = {"image": [uri.encode() * 9 for uri in uris], "key": uris, "label": [1, None] * 20}
    images = {"image": [{"bytes": uri.encode(), "path": uri} for uri in uris]}
    tables = [("manifest", manifest), ("photos", photos), ("images", images)]
    text = "uri,key,label,size\n" + "".join(f'"{uri}",k{uri},l,{len(uri)}\n' for uri in uris)
    lines = "".join(f'{{"uri": "{uri}", "size": 3, "x": [1, null]}}\n' for uri in uris)
    found = [Sample("csv", text.encode(), _lines), Sample("jsonl", lines.encode(), _lines)]
    for name, columns in tables:
        for compression in ("none", "snappy", "zstd"):
            out = io.BytesIO()
            pq.write_table(pa.table(columns), out, compression=compression, row_group_size=20)
            found.append(Sample(f"{name} {compression}", out.getvalue(), _footer))
    return found


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _footer(data: bytes) -> list[bytes]:
    """The pages, and the footer in pieces of eight bytes."""
    start = max(0, len(data) - 8 - int.from_bytes(data[-8:-4], "little"))
    return [data[:start], *(data[at : at + 8] for at in range(start, len(data), 8))]


def hunt(count: int, *, seed: int, first: int = 0) -> Iterator[Finding]:
    """Yields what is wrong with the inputs `first` to `first + count - 1` of a seed."""
    whole = samples()
    inputs = (mutated(whole, seed=seed, index=first + index) for index in range(count))
    yield from watch("tests.fuzz.tables:check", inputs, limits=LIMITS)


if __name__ == "__main__":
    sys.exit(run("tables", hunt))
