"""The dataset in the hands of the programs it is made for; these lines are the README's."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.system.outputs import Finished


@pytest.fixture(scope="module")
def expected(demo_job: Finished) -> list[dict[str, Any]]:
    return demo_job.rows("faces")


@pytest.fixture(scope="module")
def dataset(demo_job: Finished) -> Path:
    return demo_job.output


@pytest.fixture(scope="module")
def counts(demo_job: Finished) -> dict[str, int]:
    return dict(sorted(Counter(row["status"] for row in demo_job.rows("images")).items()))


def test_pyarrow(dataset: Path, expected: list[dict[str, Any]], counts: dict[str, int]) -> None:
    import pyarrow.dataset as ds

    kept = ds.dataset(dataset / "faces").to_table(filter=ds.field("kept"))
    assert kept.num_rows == len(expected)
    images = ds.dataset(dataset / "images").to_table(filter=ds.field("status") == "no_face")
    assert images.num_rows == counts["no_face"]


def test_pandas(dataset: Path, expected: list[dict[str, Any]], counts: dict[str, int]) -> None:
    pd = pytest.importorskip("pandas")

    faces = pd.read_parquet(dataset / "faces")
    crop = Image.open(io.BytesIO(faces.crop[0]["bytes"]))
    assert crop.size == (160, 160)
    assert faces.key.tolist() == [row["key"] for row in expected]
    assert faces.box[0].tolist() == expected[0]["box"]
    images = pd.read_parquet(dataset / "images")
    assert images.status.value_counts().to_dict() == counts


def test_duckdb(dataset: Path, expected: list[dict[str, Any]], counts: dict[str, int]) -> None:
    duckdb = pytest.importorskip("duckdb")

    found = duckdb.sql(
        f"SELECT status, count(*) FROM '{dataset}/images/*.parquet' GROUP BY status ORDER BY status"
    ).fetchall()
    assert found == list(counts.items())
    ((_, crop, width),) = duckdb.sql(
        f"SELECT key, crop.bytes, box[3] - box[1] AS width FROM '{dataset}/faces/*.parquet' "
        "WHERE kept AND score > 0.99 ORDER BY width DESC LIMIT 1"
    ).fetchall()
    assert Image.open(io.BytesIO(crop)).size == (160, 160)
    widths = {row["box"][2] - row["box"][0] for row in expected if row["score"] > 0.99}
    assert width == pytest.approx(max(widths))


def test_hugging_face_datasets(
    dataset: Path, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")

    faces = datasets.load_dataset(
        "parquet", data_files=f"{dataset}/faces/*.parquet", split="train", cache_dir=str(tmp_path)
    )
    assert isinstance(faces.features["crop"], datasets.Image)
    assert len(faces) == len(expected)
    for row, wanted in zip(faces, expected, strict=True):
        assert isinstance(row["crop"], Image.Image)
        assert row["crop"].size == (160, 160)
        assert row["box"] == wanted["box"]
        same = Image.open(io.BytesIO(wanted["crop"]["bytes"]))
        assert row["crop"].tobytes() == same.tobytes()


def test_hugging_face_datasets_reads_images_too(dataset: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")

    images = datasets.load_dataset(
        "parquet", data_files=f"{dataset}/images/*.parquet", split="train", cache_dir=str(tmp_path)
    )
    assert sorted(set(images["status"])) == ["no_face", "ok", "undecodable"]


@pytest.mark.parametrize("table", [None, "faces", "images"])
def test_hugging_face_datasets_takes_the_whole_folder(
    demo_job: Finished, tmp_path: Path, table: str | None
) -> None:
    datasets = pytest.importorskip("datasets")

    loaded = datasets.load_dataset(str(demo_job.output), table, cache_dir=str(tmp_path))
    assert list(loaded) == ["train"]
    assert loaded["train"]["key"] == [row["key"] for row in demo_job.rows(table or "faces")]


def test_ray_data(dataset: Path, expected: list[dict[str, Any]]) -> None:
    # In a process of its own: Ray stays where it was started.
    code = f"""
import io
import ray
from PIL import Image

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
faces = ray.data.read_parquet("{dataset}/faces")
keys = []
for row in faces.iter_rows():
    assert Image.open(io.BytesIO(row["crop"]["bytes"])).size == (160, 160)
    keys.append(row["key"])
print("keys", *sorted(keys), sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("keys|")]
    assert line.split("|")[1:] == sorted(row["key"] for row in expected)
