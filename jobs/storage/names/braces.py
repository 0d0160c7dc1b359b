"""Brace expansion, as shells do it: one URL that names many files."""

import re
from collections.abc import Iterable, Iterator

# Numbers longer than these are names, not ranges.
_NUMBERS = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})(?:\.\.([0-9]{1,18}))?")
_LETTERS = re.compile(r"([a-z])\.\.([a-z])|([A-Z])\.\.([A-Z])")


def expand(url: str) -> Iterator[str]:
    """Yields the URLs that one with braces stands for, the last brace changing fastest.

    `{000..099}` counts, keeping the zeros in front, `{0..9..3}` in steps, `{a..d}` through the
    alphabet; `{train,val}` lists, and a list may hold further braces. Braces that are none of
    these stay as they are, and a URL without any is yielded itself.
    """
    for start, stop in _pairs(url):
        choices = _choices(url[start + 1 : stop])
        if choices is not None:
            for choice in choices:
                for rest in expand(url[stop + 1 :]):
                    yield url[:start] + choice + rest
            return
    yield url


def common_folder(urls: Iterable[str]) -> str:
    """The longest folder that all the URLs are in, without a trailing slash.

    What follows `<folder>/` tells the URLs apart. It is empty where they have nothing in common;
    that of no URLs is empty too.
    """
    common: list[str] | None = None
    for url in urls:
        folders = url.split("/")[:-1]
        if common is None:
            common = folders
        same = 0
        while same < min(len(common), len(folders)) and common[same] == folders[same]:
            same += 1
        common = common[:same]
    return "/".join(common or [])


def _pairs(text: str) -> list[tuple[int, int]]:
    """Where braces open and close, in the order of opening; lone ones are left out."""
    pairs, opened = [], []
    for place, char in enumerate(text):
        if char == "{":
            opened.append(place)
        elif char == "}" and opened:
            pairs.append((opened.pop(), place))
    return sorted(pairs)


def _choices(text: str) -> Iterable[str] | None:
    """What the text between two braces stands for; None if it is no range and no list."""
    numbers = _NUMBERS.fullmatch(text)
    if numbers:
        return _counted(numbers[1], numbers[2], int(numbers[3] or 1))
    letters = _LETTERS.fullmatch(text)
    if letters:
        first, last = (ord(letter) for letter in letters.groups() if letter)
        return (chr(code) for code in _range(first, last, 1))
    parts = _parts(text)
    return (choice for part in parts for choice in expand(part)) if len(parts) > 1 else None


def _counted(first: str, last: str, step: int) -> Iterator[str]:
    padded = any(len(end) > 1 and end.startswith("0") for end in (first, last))
    width = max(len(first), len(last)) if padded else 0
    return (f"{number:0{width}}" for number in _range(int(first), int(last), step))


def _range(first: int, last: int, step: int) -> range:
    way = 1 if first <= last else -1
    return range(first, last + way, way * max(step, 1))


def _parts(text: str) -> list[str]:
    """The text cut at its commas, except at those inside further braces."""
    pairs = _pairs(text)
    commas = [
        place
        for place, char in enumerate(text)
        if char == "," and not any(start < place < stop for start, stop in pairs)
    ]
    starts = [0, *(place + 1 for place in commas)]
    return [text[start:stop] for start, stop in zip(starts, [*commas, len(text)], strict=True)]
