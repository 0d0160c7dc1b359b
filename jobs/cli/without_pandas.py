"""PyArrow without pandas, for commands that are over in less time than pandas takes to load."""

from __future__ import annotations

import sys


class _Absent:
    """A finder for which there is no pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def without_pandas() -> None:
    """Lets PyArrow find out that there is no pandas in this process.

    Otherwise it loads pandas, where that is installed, with the first array that it makes; then
    `to_pandas` is not there, which no command needs.
    """
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        import pyarrow as pa

        pa.array([0])
    finally:
        sys.meta_path.remove(absent)
