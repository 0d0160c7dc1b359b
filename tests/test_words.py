"""One voice: docstrings that name their subject, in the third person; errors in one form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# A summary that is no sentence of its own, or tells the reader to do what the function does.
RIDDLE = re.compile(r"(The same\b|(Of|Its|Their|That|As) |(Yield|Return|Raise|Give|Get)\b)")
# An argument that is explained by what follows the colon only together with another line.
HALF = re.compile(r"^ +[a-z_]+: (Of |The same\b|By which|That |Which of them)", re.MULTILINE)
# What a class of errors is called.
ERROR = re.compile(r"(Error|Image|ImageTooLarge|ImageTooSmall)$")
# Names that begin with a capital wherever they stand.
NAMES = ("ONNX Runtime", "OpenVINO", "Ray", "No module named")


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in ("mtcnn_core", "jobs"):
        for file in sorted((ROOT / package).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text(encoding="utf-8"))


def _docstrings() -> Iterator[tuple[str, str]]:
    for file, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                name = getattr(node, "name", "module")
                if name.startswith("_") and not name.startswith("__"):
                    continue
                if text := ast.get_docstring(node):
                    yield f"{file}: {name}", text


def test_a_summary_names_its_subject() -> None:
    wrong = [f"{where}: {text}" for where, text in _docstrings() if RIDDLE.match(text)]
    assert not wrong, "\n".join(wrong)


def test_an_argument_is_explained_by_its_own_line() -> None:
    wrong = [
        f"{where}: {found[0]}" for where, text in _docstrings() if (found := HALF.search(text))
    ]
    assert not wrong, "\n".join(wrong)


def _sentences() -> Iterator[tuple[str, str]]:
    """What errors say, with a letter for whatever is put in."""
    for file, tree in _trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            said = node.args[0]
            if ERROR.search(node.func.id) and isinstance(said, (ast.Constant, ast.JoinedStr)):
                parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                yield (
                    f"{file}:{node.lineno}",
                    "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in parts),
                )


def test_an_error_begins_small_and_ends_without_a_stop() -> None:
    found = list(_sentences())
    assert len(found) > 50
    wrong = [
        f"{where}: {text}"
        for where, text in found
        if (text[0].isupper() and not text.startswith(NAMES)) or text.endswith((".", "!"))
        if not text.endswith("...")
    ]
    assert not wrong, "\n".join(wrong)
