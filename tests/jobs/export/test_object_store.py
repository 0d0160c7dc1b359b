"""An export into a bucket, at a moto server."""

from __future__ import annotations

from pathlib import Path

from jobs.export.kind import EXPORT
from jobs.kind.loading import load
from jobs.kind.run import run_job
from jobs.registry import job_of
from tests.jobs.curate.made_up import people
from tests.jobs.feed.feeds import Fed
from tests.servers.object_store import ObjectStore


def test_it_is_as_on_this_machine(s3: ObjectStore, tmp_path: Path) -> None:
    fed = Fed.of(tmp_path, people(3, 3))
    flags = {"export.format": "imagefolder", "run.min_free_bytes": 0}
    there, here = s3.folder(), str(tmp_path / "here")
    for output, options in ((there, dict(s3.options)), (here, {})):
        sets = {**flags, "output.storage_options": options}
        run_job(EXPORT, str(fed.made.faces), output, load(EXPORT.config, None, sets))
    copy = s3.download(there, tmp_path / "copy")
    assert _files(copy) == _files(Path(here))
    s3.filesystem().rm(f"{there}/{min(_files(copy))}")
    problems = job_of(there, dict(s3.options)).problems(there, dict(s3.options))
    assert [min(_files(copy)) in problem for problem in problems] == [True]


def _files(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in (output / "train").rglob("*")
        if path.is_file()
    }
