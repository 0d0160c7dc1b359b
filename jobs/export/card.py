"""`README.md` of an export: for `datasets`, where it loads the export by that."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.export.config import FormatName
from jobs.storage.storage import Storage

CARD = "README.md"
_HOW = {
    "imagefolder": 'torchvision\'s `ImageFolder("<this folder>/train")` and the like read it.',
    "facenet": "davidsandberg/facenet reads the folder of each split as `--data_dir`.",
    "webdataset": 'WebDataset reads `"<this folder>/train/*.tar"`, listed first.',
    "huggingface": '`datasets.load_dataset("<this folder>")` reads it.',
}


def write_card(storage: Storage, format_: FormatName, splits: Sequence[str]) -> None:
    """Writes the card, unless there is a file of that name, which is the user's.

    Args:
        storage: The export.
        format_: Its format.
        splits: Its splits.
    """
    if not storage.exists(CARD):
        storage.create_bytes(_card(format_, splits).encode(), CARD)


def _card(format_: FormatName, splits: Sequence[str]) -> str:
    lines = []
    if format_ == "huggingface":
        lines += ["---", "configs:", "- config_name: default", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f'    path: "data/{split}-*.parquet"']
        lines += ["---", ""]
    lines += [
        f"Faces exported by mtcnn-ray as {format_}. {_HOW[format_]}",
        "Which file each face is in stands in the table `files`; in `_job` is the record of how it",
        "was made, for `mtcnn-ray status` and `verify`.",
        "",
    ]
    return "\n".join(lines)
