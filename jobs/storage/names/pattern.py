"""Glob patterns, matched while a tree is walked so that only folders that can match are listed."""

import re

from fsspec.utils import glob_translate

from jobs.messages.errors import UserError

# Stands for the empty name that a folder of an object store can have; files of none hold it.
_EMPTY = "\0"


class Pattern:
    """A glob relative to a folder: `*`, `?` and `[...]` within a name, `**` across folders."""

    def __init__(self, text: str) -> None:
        """Compiles a glob such as `2024-*/**/*.jpg`.

        Raises:
            UserError: `**` is only part of a name.
        """
        parts = text.split("/")
        if any("**" in part and part != "**" for part in parts):
            raise UserError(f"'**' in '{text}' must stand alone between slashes: write '**/*.jpg'")
        parts = _spelled(parts)
        self._whole = re.compile(glob_translate("/".join(parts)))
        self._parts = [None if part == "**" else re.compile(glob_translate(part)) for part in parts]

    def matches(self, path: str) -> bool:
        """Whether a file matches; `path` is relative, with `/`."""
        return self._whole.match("/".join(_spelled(path.split("/")))) is not None

    def enters(self, folder: str) -> bool:
        """Whether a file below a folder could match; `folder` is relative, with `/`."""
        names = _spelled(folder.split("/"))
        for name, part in zip(names, self._parts, strict=False):
            if part is None:
                return True
            if part.match(name) is None:
                return False
        return len(names) < len(self._parts)


def _spelled(names: list[str]) -> list[str]:
    """Names of which none is empty."""
    return [name or _EMPTY for name in names]


def split_glob(path: str, wildcards: str = "*?[") -> tuple[str, Pattern | None]:
    """Splits a path at its deepest folder without a wildcard.

    Args:
        path: A path with `/`.
        wildcards: The characters that make a name a pattern.

    Returns:
        The folder and the pattern below it, or the path itself and None if it has no wildcard.

    Raises:
        UserError: The pattern is not a valid one.
    """
    names = path.split("/")
    for index, name in enumerate(names):
        if any(char in name for char in wildcards):
            return "/".join(names[:index]), Pattern("/".join(names[index:]))
    return path, None
