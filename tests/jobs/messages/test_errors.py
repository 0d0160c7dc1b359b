"""Errors on their way from a worker to the driver."""

from __future__ import annotations

import pickle

import pytest

from jobs.engine.parts.stored import DamagedPartError
from jobs.engine.plans.growth import KeyClashError
from jobs.engine.records import RecordError
from jobs.messages.errors import JobError, OutputError, UserError

ERRORS = [
    UserError("one sentence"),
    OutputError("one sentence"),
    JobError("one sentence\nand a traceback"),
    KeyClashError("one sentence"),
    DamagedPartError("faces/part-000-000000.parquet"),
    RecordError("_job/job.json", "it is empty", "delete it"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_says_the_same_after_it_came_from_another_process(error: Exception) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert (type(arrived), str(arrived)) == (type(error), str(error))
