"""Which faces are wanted, as an expression of SQL over their columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from jobs.messages.errors import UserError

# Columns that no expression is about; reading them would take most of the time.
UNREAD = frozenset({"crop"})

_DERIVED = ', "box"[3] - "box"[1] AS box_width, "box"[4] - "box"[2] AS box_height'


class Where:
    """A condition on faces.

    It is evaluated by DuckDB, which reads no file and loads no extension meanwhile. What is neither
    true nor false, since a value is missing, is false.

    Args:
        expression: Such as ``score >= 0.95 and box_width >= 40``.

    Raises:
        UserError: DuckDB is not installed, or it is not one expression.
    """

    def __init__(self, expression: str) -> None:
        try:
            import duckdb
        except ImportError as error:
            raise UserError(
                "conditions on faces need DuckDB: pip install 'mtcnn-ray[feed]'"
            ) from error
        self._duckdb: Any = duckdb
        self._expression = expression
        self._connection: Any = duckdb.connect()
        for setting in (
            "SET threads = 1",
            "SET enable_external_access = false",
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET lock_configuration = true",
        ):
            self._connection.execute(setting)
        try:
            is_one = len(self._connection.extract_statements(self._query(""))) == 1
        except duckdb.Error as error:
            raise self._wrong(error) from error
        if not is_one:
            raise UserError("a condition is one expression, such as score >= 0.95: give one")

    def mask(self, rows: pa.Table) -> pa.BooleanArray:
        """Tells of each row whether it is wanted.

        Args:
            rows: Where they have a column `box`, they have `box_width` and `box_height` too.

        Raises:
            UserError: The expression cannot be evaluated on them.
        """
        self._connection.register("rows_", rows)
        try:
            query = self._query(_DERIVED if "box" in rows.column_names else "")
            found = self._connection.sql(query).to_arrow_table()
        except self._duckdb.Error as error:
            raise self._wrong(error) from error
        finally:
            self._connection.unregister("rows_")
        if found.num_rows != rows.num_rows:
            raise UserError(
                f"'{self._expression}' is not true or false of each face: leave out what counts "
                "or sums up faces"
            )
        return found["wanted"].combine_chunks().fill_null(False)

    def _query(self, derived: str) -> str:
        rows = f"(SELECT *{derived} FROM rows_)"
        return f"SELECT CAST(({self._expression}\n) AS BOOLEAN) AS wanted FROM {rows}"

    def _wrong(self, error: Exception) -> UserError:
        reason = " ".join(str(error).split("LINE 1:")[0].split()).rstrip(".!")
        return UserError(f"the condition '{self._expression}' cannot be evaluated ({reason})")
