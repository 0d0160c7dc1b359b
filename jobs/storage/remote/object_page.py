"""A page of what an object store lists."""

from typing import NamedTuple

from jobs.storage.entry import Entry


class ObjectPage(NamedTuple):
    """Some objects of a bucket.

    Attributes:
        objects: Their keys are their whole names.
        folders: Whole names that were cut off behind a delimiter, with it.
    """

    objects: list[Entry]
    folders: list[str]
