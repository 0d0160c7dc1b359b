"""What a report looks like on a wide terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def printed(report: RenderableType) -> str:
    text = io.StringIO()
    Console(file=text, width=300).print(report)
    return text.getvalue()
