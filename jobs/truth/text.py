"""The text of a file of annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.messages.errors import UserError


def read_text(path: Path) -> str:
    """Reads a file in UTF-8, with or without a byte order mark.

    Raises:
        UserError: There is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no file '{path}': correct the path") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise UserError(f"'{path}' is not a text in UTF-8: name a file of annotations") from None


def parse_json(text: str, place: str) -> Any:
    """Parses JSON.

    Args:
        text: The JSON.
        place: What to call it in an error.

    Raises:
        UserError: It is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise UserError(f"{place} is not valid JSON: correct it") from None


def numbers(words: list[str], place: str) -> list[float]:
    """Reads numbers.

    Args:
        words: As they stand in a file.
        place: Where, for the error.

    Raises:
        UserError: One of them is no number.
    """
    try:
        return [float(word) for word in words]
    except ValueError:
        raise UserError(f"'{' '.join(words)}' in {place} should be numbers: correct it") from None
