"""Text of unknown origin, such as file names, made fit for a terminal or a line of a log."""


def plain(text: str) -> str:
    """The text in one line, all that does not print written as its escape sequence.

    Line ends and control characters would move the cursor or forge lines of a log; marks that
    turn the direction of writing would show another name than there is.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
