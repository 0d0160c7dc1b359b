"""Text of unknown origin on a terminal."""

import pytest

from jobs.messages.errors import JobError, UserError
from jobs.messages.plain_text import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ünïcode 😀 a.jpg", "Ünïcode 😀 a.jpg"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2Jgone\x9b1m\x07\x00\x7f", r"\x1b[2Jgone\x9b1m\x07\x00\x7f"),
        ("\u202egpj.exe\u2066", r"\u202egpj.exe\u2066"),
        ("\u2028\udcff", r"\u2028\udcff"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_an_error_is_one_line() -> None:
    assert str(UserError("no 'a\nb\x1b'")) == r"no 'a\nb\x1b'"


def test_a_traceback_keeps_its_lines() -> None:
    assert str(JobError("a\n  b\x1b")) == "a\n  b\\x1b"
