"""The sentences of rows that have no bytes."""

import pytest

from jobs.storage.faults import ContradictionError, CutOffError, NoRangesError
from jobs.storage.read_error import reason


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError(2, "x", "/a/b"), "the file is no longer there"),
        (PermissionError("id 7f3"), "the storage denied permission to read the file"),
        (OSError(5, "x", "/a/b"), "the file cannot be read: input/output error"),
        (OSError("request 123"), "the file cannot be read: the storage failed with OSError"),
        (CutOffError("7 of 9"), "the file became shorter while it was read"),
        (ContradictionError("7, 9"), "the storage says another size of the file each time"),
        (NoRangesError("9"), "the storage cannot read parts of a file"),
        (RuntimeError("0x7f"), "the file cannot be read: the storage failed with RuntimeError"),
    ],
)
def test_reasons_hold_nothing_that_varies(error: Exception, sentence: str) -> None:
    assert reason(error) == sentence
