"""The rows of a CSV file, by the names of its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from jobs.messages.errors import UserError
from jobs.truth.text import read_text


def read_table(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Reads rows as column -> value, without spaces around.

    Args:
        file: With a line of names first.
        columns: Those that must be there.

    Raises:
        UserError: A column is missing, a line has more or fewer values than columns, or it is no
            CSV.
    """
    lines = csv.reader(io.StringIO(read_text(file), newline=""), skipinitialspace=True)
    rows = []
    try:
        header = [name.strip() for name in next(lines, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            raise UserError(
                f"'{file}' has no column {', '.join(missing)}: name the columns in its first line"
            )
        for values in lines:
            if not values:
                continue
            if len(values) != len(header):
                raise UserError(
                    f"line {lines.line_num} of '{file}' has {len(values)} values for "
                    f"{len(header)} columns: correct it"
                )
            rows.append(dict(zip(header, (value.strip() for value in values), strict=True)))
    except csv.Error as error:
        raise UserError(
            f"line {lines.line_num} of '{file}' is no CSV ({error}): correct it"
        ) from None
    return rows
