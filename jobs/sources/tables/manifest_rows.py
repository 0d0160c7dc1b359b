"""The rows of a manifest: CSV, JSON lines or Parquet, read one after the other."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tables.column_names import column_named, folded, listed, say_unused
from jobs.sources.tables.limits import LONGEST_TEXT, check_footer, most_rows

# More than any row of text needs; a file of another kind may be one long line.
_LINE_BYTES = 16 << 20
# Of Parquet, where a few bytes can stand for a large value in each of them.
_BATCH_ROWS = 64


@dataclass(frozen=True)
class Row:
    """What a manifest says of one photo.

    Attributes:
        uri: As written; never empty.
        key: Its name, if it has one.
        label: Its class, if it has one.
        size: Bytes, if they are known.
        version: ETag or the like; empty if there is none.
    """

    uri: str
    key: str | None
    label: str | None
    size: int | None
    version: str


class Columns:
    """Which columns of a manifest say what.

    Args:
        settings: Names of the columns of keys and labels, if they are not `key` and `label`.
    """

    def __init__(self, settings: InputSettings) -> None:
        """Prefers the names in the settings."""
        self._settings = settings
        self._required = {"uri", settings.key_column, settings.label_column} - {None}
        self._names = {
            "uri": ["uri"],
            "key": [settings.key_column or "key"],
            "label": [settings.label_column or "label"],
            "size": ["size", "bytes"],
            "version": ["version", "etag"],
        }

    def among(self, names: Sequence[str], url: str) -> dict[str, str]:
        """The columns that are there: what they say, to their name.

        Raises:
            UserError: One that must be there is not, or several can be meant.
        """
        chosen: dict[str, str] = {}
        for what, known in self._names.items():
            for name in known:
                found = column_named(name, names, url)
                if found is not None:
                    chosen.setdefault(what, found)
                elif name in self._required:
                    there = listed(names) or "none"
                    raise UserError(f"'{url}' needs a column '{name}': it has {there}")
        if "label" not in chosen:
            unused = [name for name in names if name not in chosen.values()]
            say_unused(unused, self._settings, url)
        return chosen

    def of(self, values: Mapping[str, object], place: str) -> dict[str, object]:
        """What a single object says; none of the columns is required.

        Raises:
            UserError: Several columns can be meant.
        """
        said: dict[str, object] = {}
        for what, known in self._names.items():
            for name in known:
                found = name if name in values else column_named(name, list(values), place)
                if found is not None and values[found] is not None:
                    said[what] = values[found]
                    break
        return said


def csv_rows(file: BinaryIO, url: str, columns: Columns, delimiter: str) -> Iterator[Row]:
    """Yields the rows of a table of text whose first row names its columns.

    Args:
        file: UTF-8, with or without a byte order mark.
        url: What to call it in errors.
        columns: Which are wanted.
        delimiter: What separates the columns.

    Raises:
        UserError: Something is wrong with it; the sentence names the line.
    """
    # Strict: otherwise a quote that is never closed swallows all lines after it.
    reader = csv.reader(_lines(file, url), delimiter=delimiter, strict=True)
    chosen: list[tuple[str, int]] | None = None
    width = 0
    while True:
        place = f"line {reader.line_num + 1} of '{url}'"
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{place} is not valid CSV ({error}): check its quotes") from error
        if values is None:
            break
        if not values or (len(values) == 1 and not values[0].strip()):
            continue
        if chosen is None:
            found = columns.among(values, url)
            chosen = [(what, values.index(name)) for what, name in found.items()]
            width = len(values)
            continue
        if len(values) != width:
            raise UserError(
                f"{place} has {len(values)} columns where the first line has {width}: correct it"
            )
        yield _row({what: values[index] or None for what, index in chosen}, place)
    if chosen is None:
        columns.among([], url)


def json_rows(file: BinaryIO, url: str, columns: Columns) -> Iterator[Row]:
    """Yields the rows of a file with a JSON object on every line; see `csv_rows`."""
    for number, line in enumerate(_lines(file, url), 1):
        if not line.strip():
            continue
        place = f"line {number} of '{url}'"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict):
            raise UserError(f"{place} is not a JSON object: write one object on every line")
        yield _row(columns.of(values, place), place)


def parquet_rows(file: BinaryIO, url: str, columns: Columns) -> Iterator[Row]:
    """Yields the rows of a Parquet file, reading only the columns wanted; see `csv_rows`."""
    try:
        size = check_footer(file)
        with pq.ParquetFile(file, pre_buffer=False) as table:
            chosen = _readable(table.schema_arrow, url, columns)
            if table.metadata.num_rows > most_rows(size):
                raise pa.ArrowInvalid("it has more rows than such a small file can hold")
            numbers = count(1)
            names = list(dict.fromkeys(chosen.values()))
            for batch in table.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
                for name in names:
                    _check_lengths(batch.column(name), f"column '{name}' of '{url}'")
                lists = {what: batch.column(name).to_pylist() for what, name in chosen.items()}
                for values in zip(*lists.values(), strict=True):
                    yield _row(
                        dict(zip(lists, values, strict=True)), f"row {next(numbers)} of '{url}'"
                    )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"cannot read '{url}' ({said}): write it again") from error


def has_uri(schema: pa.Schema) -> bool:
    """Whether a Parquet file can be a manifest: it has a column `uri` of text."""
    columns = [field for field in schema if folded(field.name) == "uri"]
    return any(_is_text(field.type) for field in columns)


def _readable(schema: pa.Schema, url: str, columns: Columns) -> dict[str, str]:
    chosen = columns.among(schema.names, url)
    for what, name in list(chosen.items()):
        kind = schema.field(name).type
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if what == "size" and not is_number:
            del chosen[what]  # a column of that name that holds something else, such as photos
        elif what == "uri" and not _is_text(kind):
            raise UserError(f"the column '{name}' of '{url}' holds {kind}: it must hold text")
        elif not (_is_text(kind) or is_number):
            raise UserError(
                f"the column '{name}' of '{url}' holds {kind}: it must hold text or whole numbers"
            )
    return chosen


def _check_lengths(column: pa.Array, place: str) -> None:
    """Refuses what is too long before it is copied."""
    values = column.dictionary if pa.types.is_dictionary(column.type) else column
    if _is_text(values.type) and (pc.max(pc.binary_length(values)).as_py() or 0) > LONGEST_TEXT:
        raise UserError(
            f"a value in the {place} is longer than {LONGEST_TEXT} characters: correct it"
        )


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _row(values: Mapping[str, Any], place: str) -> Row:
    texts = {
        what: _text(what, values.get(what), place) for what in ("uri", "key", "label", "version")
    }
    uri = texts["uri"]
    if uri is None:
        raise UserError(f"{place} has no uri: fill it in or remove the row")
    size = _size(values.get("size"), place)
    return Row(uri, texts["key"], texts["label"], size, texts["version"] or "")


def _text(what: str, value: object, place: str) -> str | None:
    value = _whole(value)
    if isinstance(value, str) and what == "label":
        value = value.strip()  # behind a comma there may be a space
    if isinstance(value, int) and not isinstance(value, bool) and what != "uri":
        return str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "\0" in value or not _is_unicode(value):
        raise UserError(f"the {what} in {place} is not text: correct it")
    if len(value) > LONGEST_TEXT:
        raise UserError(
            f"the {what} in {place} is longer than {LONGEST_TEXT} characters: correct it"
        )
    return value


def _whole(value: object) -> object:
    """The whole number in a float, None for NaN: what pandas makes of them where one is missing."""
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else int(value) if value.is_integer() else value


def _is_unicode(text: str) -> bool:
    # JSON can spell halves of characters that UTF-8 and Parquet cannot.
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _size(value: object, place: str) -> int | None:
    value = _whole(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    if value is None or (type(value) is int and 0 <= value < 1 << 63):
        return value
    raise UserError(f"the size in {place} is not a number of bytes: correct it or leave it empty")


def _lines(file: BinaryIO, url: str) -> Iterator[str]:
    for number in count(1):
        data = file.readline(_LINE_BYTES)
        if not data:
            return
        try:
            line = data.decode()
        except UnicodeDecodeError:
            line = "\0"
        if "\0" in line or len(data) == _LINE_BYTES:
            raise UserError(f"line {number} of '{url}' is not UTF-8 text: save the file as UTF-8")
        yield line.removeprefix("\ufeff") if number == 1 else line
