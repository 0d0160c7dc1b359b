"""The first thing a user does: the demo, from nothing to a dataset."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping

import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs.extract import schema as tables
from jobs.sources.demo import demo_folder
from tests.command import mtcnn_ray
from tests.system.outputs import Finished, commits

_STATUS_OF = {"faces": "ok", "scenes": "no_face", "broken": "undecodable"}


@pytest.fixture(scope="module")
def counts(demo_job: Finished) -> Mapping[str, int]:
    """Status -> photos, by the folder they lie in."""
    files = [path for path in demo_folder().rglob("*") if path.is_file()]
    return Counter(_STATUS_OF[path.parent.name] for path in files)


def test_it_ends_well(demo_job: Finished) -> None:
    assert demo_job.done.returncode == 0, demo_job.done.stderr
    assert (demo_job.output / "_SUCCESS").exists()
    assert (demo_job.output / "_job" / "summary.json").exists()


def test_every_photo_has_the_status_of_its_folder(
    demo_job: Finished, counts: Mapping[str, int]
) -> None:
    rows = demo_job.rows("images")
    for row in rows:
        assert row["status"] == _STATUS_OF[row["label"]], row["key"]
    assert Counter(row["status"] for row in rows) == counts
    assert set(counts) == {"ok", "no_face", "undecodable"}


def test_every_face_has_a_crop(demo_job: Finished) -> None:
    rows = demo_job.rows("faces")
    assert {row["key"] for row in rows} == {
        row["key"] for row in demo_job.rows("images") if row["status"] == "ok"
    }
    for row in rows:
        assert Image.open(io.BytesIO(row["crop"]["bytes"])).size == (160, 160)


def test_the_summary_says_so(demo_job: Finished, counts: Mapping[str, int]) -> None:
    text = re.sub(r"[│|]", " ", demo_job.done.stdout)
    for status, count in counts.items():
        assert re.search(rf"^\W*{status} +{count} ", text, re.MULTILINE), text
    photos = sum(counts.values())
    assert re.search(rf"^\W*photos +{photos} +of {photos} ", text, re.MULTILINE), text
    faces = len(demo_job.rows("faces"))
    assert re.search(rf"^\W*faces +{faces} ", text, re.MULTILINE), text


def test_progress_goes_to_stderr_and_is_all_there_is(demo_job: Finished) -> None:
    for line in demo_job.done.stderr.splitlines():
        assert re.match(r"[\d,]+ of [\d,]+ photos, [\d,]+ faces, 0 failed", line), line


def test_files_have_the_schemas_of_the_contract(demo_job: Finished) -> None:
    for name, make in (("images", tables.images_schema), ("faces", tables.faces_schema)):
        for file in (demo_job.output / name).iterdir():
            schema = pq.read_schema(file)
            assert schema.equals(make({}))
            assert schema.metadata[b"mtcnn_ray.schema_version"] == b"2"


def test_the_folder_is_laid_out_as_the_contract_says(
    demo_job: Finished, counts: Mapping[str, int]
) -> None:
    out = demo_job.output
    (commit,) = commits(out)
    shard = commit["shard"]
    assert {path.name for path in out.iterdir()} == {
        *("images", "faces", "_job", "_SUCCESS"),
        "README.md",
    }
    for name in ("images", "faces"):
        assert [path.name for path in (out / name).iterdir()] == [f"part-{shard}.parquet"]
        assert len(commit["parts"][name]["sha256"]) == 64
    assert {path.name for path in (out / "_job").iterdir()} >= {
        "job.json",
        "plan",
        "commits",
        "summary.json",
    }
    assert commit["attempts"] == 1
    assert commit["statuses"] == counts


def test_verify_and_status_agree(demo_job: Finished, counts: Mapping[str, int]) -> None:
    verified = mtcnn_ray("verify", demo_job.output)
    assert (verified.returncode, verified.stderr) == (0, "")
    status = mtcnn_ray("status", demo_job.output)
    assert status.returncode == 0
    assert f" of {sum(counts.values())} " in status.stdout
    assert "undecodable" in status.stdout
