"""The jobs there are, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import registry
from jobs.cli.flags import FLAGS
from jobs.engine.identity import Identity
from jobs.extract.kind import EXTRACT
from jobs.kind.config import JobConfig
from jobs.kind.job_kind import LOST, JobKind
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage


@pytest.mark.parametrize("kind", registry.JOBS, ids=lambda kind: kind.name)
def test_what_a_kind_says_holds_together(kind: JobKind[JobConfig]) -> None:
    assert registry.job_named(kind.name) is kind
    assert kind.failed_statuses <= kind.statuses.keys()
    assert LOST.keys() <= kind.failed_statuses
    assert set(kind.flags) <= FLAGS.keys()
    sections = kind.config.model_fields
    for flag in map(FLAGS.__getitem__, kind.flags):
        assert any(name.partition(".")[0] in sections for name in (flag.setting, *flag.also))
    assert JobConfig.model_fields.keys() <= sections.keys()


def test_names_are_taken_once() -> None:
    names = [kind.name for kind in registry.JOBS]
    assert len(set(names)) == len(names)


def test_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UserError, match="there is no job 'embde': known are extract"):
        registry.job_named("embde")


def test_output_tells_its_job(tmp_path: Path) -> None:
    Identity({}, "d").write(Storage(str(tmp_path)))
    assert registry.job_of(str(tmp_path), {}) is EXTRACT


def test_output_of_a_job_that_is_not_here_is_refused(tmp_path: Path) -> None:
    Identity({}, "d", job="upscale").write(Storage(str(tmp_path)))
    with pytest.raises(UserError, match=r"was made by another program: there is no job 'upscale'"):
        registry.job_of(str(tmp_path), {})


def test_folder_without_a_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no job in"):
        registry.job_of(str(tmp_path), {})


def test_no_section_of_a_job_is_one_of_others_too() -> None:
    assert not registry.sections_of_others(EXTRACT.config) & EXTRACT.config.model_fields.keys()
