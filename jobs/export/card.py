"""`README.md` of an export: for people, and for `datasets`, which loads the export by it."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.export.config import FormatName

CARD = "README.md"
_HOW = {
    "imagefolder": 'torchvision\'s `ImageFolder("<this folder>/train")` and the like read it.',
    "facenet": "davidsandberg/facenet reads the folder of each split as `--data_dir`.",
    "webdataset": 'WebDataset reads `"<this folder>/train/*.tar"`, listed first.',
    "huggingface": '`datasets.load_dataset("<this folder>")` reads it.',
}
# Where `datasets` finds the pictures of a split, which it would take all files for otherwise.
_FILES = {
    "imagefolder": "{split}/**",
    "facenet": "{split}/*/*",
    "webdataset": "{split}/*.tar",
    "huggingface": "data/{split}-*.parquet",
}


def card(format_: FormatName, splits: Sequence[str]) -> bytes:
    """The card of an export.

    Args:
        format_: Its format.
        splits: Its splits.
    """
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f'    path: "{_FILES[format_].format(split=split)}"']
    lines += [
        "---",
        "",
        f"Faces exported by mtcnn-ray as {format_}. {_HOW[format_]}",
        "Which file each face is in stands in the table `files`; in `_job` is the record of how it",
        "was made, for `mtcnn-ray status` and `verify`. A run that follows a change of the input",
        "removes whatever else lies in the folders of the splits: keep your own files elsewhere.",
        "",
    ]
    return "\n".join(lines).encode()
