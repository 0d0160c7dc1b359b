"""The job `embed` in this process: extract, embed, change something upstream, embed again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jobs.embed.config import EmbedConfig
from jobs.embed.kind import EMBED
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.summary import Summary
from jobs.engine.driver.verify import verify
from jobs.extract.config import load_config
from jobs.extract.kind import EXTRACT
from jobs.kind.loading import load
from jobs.kind.retry import retry
from jobs.kind.run import run_job
from jobs.messages.errors import UserError
from jobs.sources.demo import demo_folder
from mtcnn_core.crops.crops import cut
from mtcnn_core.embedding.embedder import Embedder
from mtcnn_core.settings.embedding import EmbeddingSettings
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here

SHARDS = ("run.shards.first=2", "run.shards.step=100", "run.max_failed_fraction=1")
PICTURES = ("astronaut.jpg", "astronaut.jpg", "two.jpg", "mirrored.jpg")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards run in this process."""
    monkeypatch.setattr(working, "dispatched", run_here)


@pytest.fixture
def photos(tmp_path: Path, cache_folder: Path) -> Path:
    """Five photos in two folders, the last of them without a face."""
    pytest.importorskip("skimage")
    folder = tmp_path / "photos"
    for number, name in enumerate(PICTURES):
        target = folder / "ab"[number % 2] / f"{number}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo_folder() / "faces" / name, target)
    shutil.copy(demo_folder() / "scenes" / "cat.jpg", folder / "b" / "cat.jpg")
    return folder


def extract(photos: Path, output: Path, *sets: str) -> Path:
    run_job(EXTRACT, str(photos), str(output), load_config(None, sets=(*SHARDS, *sets)))
    return output


@pytest.fixture
def faces(photos: Path, tmp_path: Path) -> Path:
    return extract(photos, tmp_path / "faces")


def embed(faces: Path, output: Path, **flags: object) -> Summary:
    settings = {key.replace("__", "."): value for key, value in flags.items()}
    config: EmbedConfig = load(EMBED.config, None, settings, SHARDS)
    return run_job(EMBED, str(faces), str(output), config)


def rows(output: Path, table: str = "embeddings") -> list[dict[str, Any]]:
    files = sorted((output / table).glob("part-*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def names(found: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(row["key"], row["face_index"], row["label"]) for row in found]


def statuses(output: Path) -> Mapping[str, str]:
    return {f"{row['key']}#{row['face_index']}": row["status"] for row in rows(output)}


def test_every_face_has_its_vector(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert names(found) == names(rows(faces, "faces"))
    assert len(found) == 8
    assert set(statuses(tmp_path / "out").values()) == {"ok"}
    lengths = np.linalg.norm([row["embedding"] for row in found], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    assert verify(str(tmp_path / "out"), {}) == []


def test_vectors_are_those_of_crops_cut_from_the_photos(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out")
    embedder = Embedder(EmbeddingSettings())
    for face, row in zip(rows(faces, "faces"), rows(tmp_path / "out"), strict=True):
        image = np.asarray(Image.open(photos / face["key"]).convert("RGB"))
        landmarks = np.array(face["landmarks"], np.float32).reshape(1, 5, 2)
        [matrix] = embedder.matrices(np.array([face["box"]], np.float32), landmarks)
        vectors, norms = embedder(cut(image, matrix, embedder.model.size)[None])
        assert float(vectors[0] @ np.array(row["embedding"])) > 0.9999
        assert row["norm"] == pytest.approx(float(norms[0]), rel=1e-3)


def test_model_and_its_licence_stand_in_the_output(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    part = next((tmp_path / "out").glob("embeddings/*.parquet"))
    about = json.loads(pq.read_schema(part).metadata[b"mtcnn_ray.embedding_model"])
    assert (about["name"], about["licence"], about["template"]) == ("dlib", "CC0-1.0", "dlib150")
    job = json.loads((tmp_path / "out" / "_job" / "job.json").read_text())
    assert job["models"] == {"embedding": about["digest"]}


def test_half_precision_is_stored_on_request(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    embed(faces, tmp_path / "half", vectors__dtype="float16")
    for whole, half in zip(rows(tmp_path / "out"), rows(tmp_path / "half"), strict=True):
        np.testing.assert_allclose(half["embedding"], whole["embedding"], atol=2e-4)
    schema = pq.read_schema(next((tmp_path / "half").glob("embeddings/*.parquet")))
    assert str(schema.field("embedding").type.value_type) == "halffloat"


def test_photos_in_an_archive_are_read_from_it(faces: Path, photos: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    shutil.make_archive(str(tmp_path / "in"), "tar", photos)
    packed = extract(tmp_path / "in.tar", tmp_path / "packed")
    embed(packed, tmp_path / "same")
    expected = {row["key"]: row["embedding"] for row in rows(tmp_path / "out")}
    found = {row["key"].removeprefix("in/"): row["embedding"] for row in rows(tmp_path / "same")}
    assert {key.rpartition(".tar/")[2]: value for key, value in found.items()} == expected


def test_again_nothing_is_done(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    before = part_digests(tmp_path / "out")
    assert embed(faces, tmp_path / "out").processed == 0
    assert part_digests(tmp_path / "out") == before


def test_new_photos_are_added(faces: Path, photos: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    before = part_digests(tmp_path / "out")
    shutil.copy(demo_folder() / "faces" / "astronaut.jpg", photos / "b" / "new.jpg")
    extract(photos, faces)
    assert embed(faces, tmp_path / "out").processed == 2
    assert before.items() < part_digests(tmp_path / "out").items()
    assert names(rows(tmp_path / "out")) == names(rows(faces, "faces"))


def test_only_what_was_made_anew_upstream_is_done_again(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out")
    before = part_digests(tmp_path / "out")
    shutil.copy(photos / "a" / "2.jpg", photos / "b" / "3.jpg")
    extract(photos, faces, "run.changed=redo")
    done = embed(faces, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert names(found) == names(rows(faces, "faces"))
    assert found[-1]["embedding"] == found[4]["embedding"]
    assert len(before.items() - part_digests(tmp_path / "out").items()) == 1
    assert 0 < done.processed < len(found)
    assert verify(str(tmp_path / "out"), {}) == []


def test_merged_parts_upstream_change_nothing(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    compact(str(faces))
    assert embed(faces, tmp_path / "out").processed == 0


def test_photos_that_are_not_where_they_were_are_asked_for(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out")
    photos.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="say with --photos where the photos are now"):
        embed(faces, tmp_path / "new")
    assert embed(faces, tmp_path / "out").processed == 0
    embed(faces, tmp_path / "new", photos__input=str(tmp_path / "moved"))
    assert part_digests(tmp_path / "new") == part_digests(tmp_path / "out")


def test_photo_that_is_another_one_now_gives_no_vector(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    data = (photos / "b" / "3.jpg").read_bytes()
    (photos / "b" / "3.jpg").write_bytes(data[:-1] + b"?")  # as long as it was
    embed(faces, tmp_path / "out")
    found = statuses(tmp_path / "out")
    assert found.pop("b/3.jpg#0") == "changed"
    assert set(found.values()) == {"ok"}


def test_without_photos_a_crop_that_lacks_pixels_gives_no_vector(
    faces: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out", photos__input="none")
    assert set(statuses(tmp_path / "out").values()) == {"no_crop"}


def test_without_photos_crops_with_enough_around_the_face_do(
    photos: Path, faces: Path, tmp_path: Path
) -> None:
    wide = extract(photos, tmp_path / "wide", "crop.margin=2", "crop.size=900", "crop.format=png")
    embed(faces, tmp_path / "out")
    embed(wide, tmp_path / "crops", photos__input="none")
    assert set(statuses(tmp_path / "crops").values()) == {"ok"}
    for one, other in zip(rows(tmp_path / "out"), rows(tmp_path / "crops"), strict=True):
        assert float(np.dot(one["embedding"], other["embedding"])) > 0.99


def test_retried_face_is_as_if_nothing_had_happened(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out")
    lost = photos / "a" / "2.jpg"
    lost.rename(tmp_path / "away.jpg")
    embed(faces, tmp_path / "lost")
    found = statuses(tmp_path / "lost")
    unreadable = [name for name, status in found.items() if status == "unreadable"]
    assert unreadable == ["a/2.jpg#0", "a/2.jpg#1", "a/2.jpg#2"]
    (tmp_path / "away.jpg").rename(lost)
    assert retry(EMBED, str(tmp_path / "lost")).summary.processed == 3
    assert list(part_digests(tmp_path / "lost").values()) == list(
        part_digests(tmp_path / "out").values()
    )
    assert verify(str(tmp_path / "lost"), {}) == []


def test_faces_of_another_extract_are_not_mixed_with_these(
    faces: Path, photos: Path, tmp_path: Path
) -> None:
    embed(faces, tmp_path / "out")
    other = extract(photos, tmp_path / "other", "detect.min_face=40")
    with pytest.raises(UserError, match="was made from other faces: name those"):
        embed(other, tmp_path / "out")


def test_another_setting_needs_another_output(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    with pytest.raises(UserError, match=r"vectors\.dtype \(was float32, is float16\)"):
        embed(faces, tmp_path / "out", vectors__dtype="float16")


def test_output_of_another_job_is_refused(faces: Path, tmp_path: Path) -> None:
    embed(faces, tmp_path / "out")
    with pytest.raises(UserError, match="is an output of 'embed', not of 'extract'"):
        embed(tmp_path / "out", tmp_path / "new")
