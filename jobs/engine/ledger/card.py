"""`README.md` of an output: tells `datasets` and the Hugging Face Hub its tables apart."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.storage.storage import Storage

CARD = "README.md"


def write_card(storage: Storage, tables: Sequence[str]) -> None:
    """Writes the card, unless there is a file of that name, which is the user's.

    Without it `load_dataset` takes every Parquet file for one table, those of the plan too.

    Args:
        storage: The output.
        tables: Those with the most detail last, which is loaded where none is named.
    """
    if not storage.exists(CARD):
        storage.create_bytes(_card(tables).encode(), CARD)


def _card(tables: Sequence[str]) -> str:
    lines = ["---", "configs:"]
    for table in reversed(tables):
        lines += [f"- config_name: {table}", f"  data_files: {table}/*.parquet"]
        lines += ["  default: true"] if table == tables[-1] else []
    lines += [
        "---",
        "",
        "A dataset of mtcnn-ray. Its tables, each a folder of Parquet files: "
        + ", ".join(f"`{table}`" for table in tables)
        + ".",
        "In `_job` is the record of how it was made, for `mtcnn-ray status` and `verify`.",
        "",
    ]
    return "\n".join(lines)
