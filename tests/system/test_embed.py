"""The job `embed` as users run it: extract, embed, change something upstream, embed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.command import mtcnn_ray
from tests.system.outputs import Finished, contents, digests, everything, rows

SHARDS = ("--workers", 1, "--set", "run.shards.first=4", "--set", "run.shards.step=100")


@pytest.fixture(scope="module")
def faces(one_worker: Finished, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What extract has found in a copy of the photos, which tests may change."""
    folder = tmp_path_factory.mktemp("faces")
    shutil.copytree(photos, folder / "photos")
    done = mtcnn_ray(
        *("extract", folder / "photos", folder / "faces", "--workers", 1),
        *("--set", "run.shards.first=3", "--set", "run.shards.step=100"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "faces"


@pytest.fixture(scope="module")
def embedded(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The vectors of all faces, by the model that is there without being named."""
    output = tmp_path_factory.mktemp("vectors") / "out"
    return Finished(output, mtcnn_ray("embed", faces, output, *SHARDS))


def test_every_face_has_its_vector(embedded: Finished, faces: Path) -> None:
    assert embedded.done.returncode == 0, embedded.done.stderr
    names = [(row["key"], row["face_index"], row["label"]) for row in rows(faces, "faces")]
    found = embedded.rows("embeddings")
    assert len(names) > 20
    assert [(row["key"], row["face_index"], row["label"]) for row in found] == names
    assert {row["status"] for row in found} == {"ok"}
    lengths = np.linalg.norm([row["embedding"] for row in found], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_vectors_are_those_of_crops_cut_from_the_photos(embedded: Finished, faces: Path) -> None:
    embedder = Embedder(EmbeddingSettings())
    found = {(row["key"], row["face_index"]): row for row in embedded.rows("embeddings")}
    for face in rows(faces, "faces")[:8]:
        image = np.asarray(Image.open(face["uri"]).convert("RGB"))
        landmarks = np.array(face["landmarks"], np.float32).reshape(1, 5, 2)
        boxes = np.array([face["box"]], np.float32)
        [matrix] = embedder.matrices(boxes, landmarks)
        vectors, norms = embedder(cut(image, matrix, embedder.model.size)[None])
        row = found[face["key"], face["face_index"]]
        assert float(vectors[0] @ np.array(row["embedding"])) > 0.9999
        assert row["norm"] == pytest.approx(float(norms[0]), rel=1e-3)


def test_model_and_its_licence_stand_in_the_output(embedded: Finished) -> None:
    import pyarrow.parquet as pq

    part = next(embedded.output.glob("embeddings/*.parquet"))
    about = json.loads(pq.read_schema(part).metadata[b"mtcnn_ray.embedding_model"])
    assert (about["name"], about["licence"], about["template"]) == ("dlib", "CC0-1.0", "dlib150")
    job = json.loads((embedded.output / "_job/job.json").read_text())
    assert job["models"] == {"embedding": about["digest"]}


def test_verify_finds_it_whole_and_then_broken(embedded: Finished, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(embedded.output, copy)
    assert mtcnn_ray("verify", copy).returncode == 0
    part = next(copy.glob("embeddings/*.parquet"))
    part.write_bytes(part.read_bytes()[:-9] + b"123456789")
    assert mtcnn_ray("verify", copy).returncode == 1


def test_two_workers_make_the_same_bytes(embedded: Finished, faces: Path, tmp_path: Path) -> None:
    done = mtcnn_ray("embed", faces, tmp_path / "out", "--workers", 2, *SHARDS[2:])
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(embedded.output)


def test_again_it_does_what_has_changed_and_no_more(
    embedded: Finished, faces: Path, tmp_path: Path
) -> None:
    upstream, output = tmp_path / "faces", tmp_path / "out"
    photos = tmp_path / "photos"
    shutil.copytree(faces.parent / "photos", photos)
    away = tmp_path / "away.jpg"
    lost = photos / "bright" / "1.jpg"
    shutil.move(lost, away)
    lost.symlink_to(tmp_path / "nowhere.jpg")  # listed, and unreadable
    extract = ("extract", photos, upstream, "--workers", 1, "--set", "run.shards.first=3")
    extract += ("--set", "run.shards.step=100")
    assert mtcnn_ray(*extract, "--set", "run.max_failed_fraction=1").returncode == 0
    first = mtcnn_ray("embed", upstream, output, *SHARDS)
    assert first.returncode == 0, first.stderr
    before = everything(output)
    again = mtcnn_ray("embed", upstream, output, *SHARDS)
    assert "nothing was left to do" in again.stdout, again.stderr
    assert everything(output) == before

    lost.unlink()
    shutil.move(away, lost)
    retried = mtcnn_ray("retry", upstream)
    assert retried.returncode == 0, retried.stderr
    parts = digests(output)
    changed = mtcnn_ray("embed", upstream, output, *SHARDS)
    assert changed.returncode == 0, changed.stderr
    names = [(row["key"], row["face_index"]) for row in rows(upstream, "faces")]
    assert [(row["key"], row["face_index"]) for row in rows(output, "embeddings")] == names
    assert len(parts.items() - digests(output).items()) == 1
    assert mtcnn_ray("verify", output).returncode == 0

    assert mtcnn_ray("compact", upstream, "--workers", 1).returncode == 0
    merged = mtcnn_ray("embed", upstream, output, *SHARDS)
    assert "nothing was left to do" in merged.stdout, merged.stderr


def test_photos_that_were_moved_are_read_where_they_are(
    embedded: Finished, faces: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(faces.parent, moved)
    hidden = faces.parent / "hidden"
    (faces.parent / "photos").rename(hidden)
    try:
        done = mtcnn_ray("embed", faces, tmp_path / "gone", *SHARDS)
        statuses = {row["status"] for row in rows(tmp_path / "gone", "embeddings")}
        assert (done.returncode, statuses) == (1, {"unreadable"})
        photos = ("--photos", moved / "photos")
        done = mtcnn_ray("embed", faces, tmp_path / "out", *photos, *SHARDS)
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "out") == contents(embedded.output)
        done = mtcnn_ray("retry", tmp_path / "gone", "--set", f"photos.input={moved / 'photos'}")
        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "gone") == contents(embedded.output)
    finally:
        hidden.rename(faces.parent / "photos")


def test_vectors_of_another_extract_are_not_mixed_with_these(
    embedded: Finished, one_worker: Finished
) -> None:
    done = mtcnn_ray("embed", one_worker.output, embedded.output, *SHARDS)
    assert done.returncode == 2
    assert "was made from other faces: name those, or use another output" in done.stderr


def test_another_setting_needs_another_output(embedded: Finished, faces: Path) -> None:
    done = mtcnn_ray("embed", faces, embedded.output, "--dtype", "float16", *SHARDS)
    assert done.returncode == 2
    assert "vectors.dtype (was float32, is float16)" in done.stderr


def test_output_of_another_job_is_refused(embedded: Finished, tmp_path: Path) -> None:
    done = mtcnn_ray("embed", embedded.output, tmp_path / "out")
    assert done.returncode == 2
    assert "is an output of 'embed', not of 'extract'" in done.stderr
