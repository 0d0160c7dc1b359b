from __future__ import annotations

import io

from jobs.messages.bar import bar


def test_lines_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with bar("verifying", "shards", 2000, line_every_s=0.0, stream=stream) as advance:
        advance(1)
        advance(999)
    assert stream.getvalue() == ("verifying: 1 of 2,000 shards\nverifying: 1,000 of 2,000 shards\n")


def test_nothing_is_said_of_what_is_short() -> None:
    stream = io.StringIO()
    with bar("verifying", "shards", 1, stream=stream) as advance:
        advance(1)
    assert stream.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal() -> None:
    stream = Terminal()
    with bar("verifying", "shards", 2, line_every_s=0.0, stream=stream) as advance:
        advance(1)
    assert "verifying" in stream.getvalue()
    assert " of 2 shards" not in stream.getvalue()
