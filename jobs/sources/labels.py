"""The label of a photo whose input gives none: part of its key, or the folder it lies in."""

import re
from functools import lru_cache

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings


def label_of(name: str, settings: InputSettings, *, key: str | None = None) -> str | None:
    """The label that `label_pattern` finds in the key, or else the last folder in the name.

    Args:
        name: Name of the photo within the folder or container that holds it.
        settings: What makes a label.
        key: Key of the photo, where a container's path stands in front of the name.

    Raises:
        UserError: `label_pattern` is not a regular expression.
    """
    if settings.label_pattern is not None:
        found = _compiled(settings.label_pattern).search(name if key is None else key)
        if found is None:
            return None
        text: str | None = found[min(1, found.re.groups)]
        return text
    folder = name.rpartition("/")[0]
    return folder.rpartition("/")[2] or None if settings.label == "folder" else None


def check_label_pattern(settings: InputSettings) -> None:
    """Refuses a `label_pattern` before anything is read.

    Raises:
        UserError: It is not a regular expression.
    """
    if settings.label_pattern is not None:
        _compiled(settings.label_pattern)


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(
            f"input.label_pattern '{pattern}' is not a valid regular expression ({error}): "
            "correct it"
        ) from error
