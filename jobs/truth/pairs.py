"""Pairs of photos of one person or of two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jobs.messages.errors import UserError
from jobs.truth.table import read_table
from jobs.truth.text import read_text
from mtcnn_core.evaluation.annotations import Bools, Indices

_SAME = {"1": True, "true": True, "0": False, "false": False}
_FORM = "'name i j' for two photos of one person and 'name i name j' for two persons"


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of photos.

    Attributes:
        a: The first photo of each pair, as it is written in the file.
        b: The second one.
        same: bool ``(n,)``: whether they show one person.
        folds: intp ``(n,)``: the fold that the file puts each pair into, or `None`.
    """

    a: list[str]
    b: list[str]
    same: Bools
    folds: Indices | None

    def __len__(self) -> int:
        return len(self.a)


def read_pairs(path: str) -> Pairs:
    """Reads a `.csv` with the columns `a`, `b`, `same` (1 or 0) and, if wanted, `fold`.

    Or the `pairs.txt` of Labeled Faces in the Wild, whose photos are `name/name_0001.jpg`.

    Args:
        path: The file.

    Raises:
        UserError: It is not there, not what it should be, or lacks pairs of one kind.
    """
    file = Path(path)
    pairs = _read_csv(file) if file.suffix.lower() == ".csv" else _read_lfw(file)
    if pairs.same.sum() < 2 or (~pairs.same).sum() < 2:
        raise UserError(
            f"'{path}' should have two pairs of one person and two of different persons at least: "
            "add some"
        )
    if pairs.folds is not None and len(np.unique(pairs.folds)) < 2:
        raise UserError(f"'{path}' puts all pairs into one fold: use two or more, or none")
    return pairs


def _read_csv(file: Path) -> Pairs:
    rows = read_table(file, ("a", "b", "same"))
    for row in rows:
        if not row["a"] or not row["b"] or row["same"].lower() not in _SAME:
            raise UserError(
                f"'{row['a']}, {row['b']}, {row['same']}' in '{file}' is no pair: give two photos, "
                "and 1 if they show one person, otherwise 0"
            )
    folds = [row.get("fold", "") for row in rows]
    if any(folds) and not all(fold.isdecimal() and len(fold) < 10 for fold in folds):
        raise UserError(f"not every fold in '{file}' is a whole number: correct them")
    return Pairs(
        [row["a"] for row in rows],
        [row["b"] for row in rows],
        np.array([_SAME[row["same"].lower()] for row in rows], np.bool_),
        np.array([int(fold) for fold in folds], np.intp) if any(folds) else None,
    )


def _read_lfw(file: Path) -> Pairs:
    """The first line has the number of folds, if more than one, and that of pairs of each kind."""
    lines = [line.split() for line in read_text(file).splitlines() if line.strip()]
    head = lines[0] if lines else []
    if len(head) not in (1, 2) or not all(word.isdecimal() and len(word) < 10 for word in head):
        raise UserError(
            f"'{file}' does not begin with the numbers of folds and of pairs, as '10 300' does: "
            "name a pairs.txt, or a .csv with the columns a, b, same"
        )
    each, folds = int(head[-1]), int(head[0]) if len(head) == 2 else 1
    if len(lines) - 1 != 2 * each * folds:
        raise UserError(
            f"'{file}' has {len(lines) - 1} pairs where its first line says {2 * each * folds}: "
            "fetch the whole file"
        )
    pairs = [_pair(words, file) for words in lines[1:]]
    numbers = np.repeat(np.arange(folds), 2 * each) if folds > 1 else None
    same = np.array([len(words) == 3 for words in lines[1:]], np.bool_)
    return Pairs([a for a, _ in pairs], [b for _, b in pairs], same, numbers)


def _pair(words: list[str], file: Path) -> tuple[str, str]:
    name, other = words[0], words[-2] if len(words) == 4 else words[0]
    if len(words) not in (3, 4) or not (words[1].isdecimal() and words[-1].isdecimal()):
        raise UserError(f"'{' '.join(words)}' in '{file}' is no pair: give {_FORM}")
    return _photo(name, words[1]), _photo(other, words[-1])


def _photo(name: str, number: str) -> str:
    return f"{name}/{name}_{number.zfill(4)}.jpg"
