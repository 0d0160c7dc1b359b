"""What the job makes of each photo: rows, statuses, crops."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tarfile
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import skimage.data
from PIL import Image

from jobs.engine.blame.processing import processed
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import ShardReport
from jobs.engine.settings import ShardSizes
from jobs.engine.shards import ShardSpec
from jobs.engine.workers.worker import Worker
from jobs.extract import schema as job_tables
from jobs.extract.config import Config, load_config
from jobs.extract.job import ExtractJob
from jobs.extract.table_rows import FaceRows
from jobs.members import Member
from jobs.photos.detect import Found
from jobs.sources.demo import demo_folder
from jobs.sources.source import open_source
from jobs.storage.storage import Storage
from mtcnn_core.cascade.detector import FaceDetector
from mtcnn_core.crops.alignment import kept_faces
from mtcnn_core.crops.crops import cut, encode, sharpness
from mtcnn_core.detectors import make_detector
from mtcnn_core.faces import Faces
from mtcnn_core.images.photo import decode, read_photo
from mtcnn_core.weights import WeightsError
from tests.jobs.engine.blame.told import ToldAttempt
from tests.jobs.engine.outputs import part_digests
from tests.mtcnn_core.ssd.models import END, write_onnx

Row = dict[str, Any]

_LIMITS = ["limits.max_pixels=1500000", "limits.max_bytes=3000000", "limits.min_side=12"]
_TURNS = {
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
    3: Image.Transpose.ROTATE_180,
}


@dataclass
class Rows:
    """The rows of both tables, and the order in which things happened."""

    images: pa.Table
    faces: pa.Table
    events: list[tuple[str, Any]]

    def image(self, key: str) -> Row:
        rows: list[Row] = [row for row in self.images.to_pylist() if row["key"] == key]
        return rows[0]

    def faces_of(self, key: str) -> list[Row]:
        return [row for row in self.faces.to_pylist() if row["key"] == key]


def _job(folder: Path, config: Config) -> ExtractJob:
    digests = FaceDetector(config.detect).weights.digests
    return ExtractJob(open_source(str(folder), config.input), config, dict(digests))


def _process(
    job: ExtractJob,
    members: Sequence[Member] | None = None,
    verdicts: Mapping[int, str] | None = None,
    careful: bool = False,
    suspect: int | None = None,
    wants: Callable[[str], bool] | None = None,
) -> Rows:
    members = list(job.source.list()) if members is None else list(members)
    spec = ShardSpec("000-000000", "plan.parquet", 0, None, 0, careful=careful, suspect=suspect)
    batches: dict[str, list[pa.RecordBatch]] = {"images": [], "faces": []}
    with tempfile.TemporaryDirectory() as output:
        attempt = ToldAttempt(replace(spec, verdicts=verdicts or {}), Path(output))
        attempt.expect(members, wants)
        for name, batch in processed(job.start(), attempt):
            batches[name].append(batch)
            attempt.events.append((name, set(batch.column("key").to_pylist())))
    tables = {
        name: pa.Table.from_batches(found, job.schemas[name]) for name, found in batches.items()
    }
    return Rows(tables["images"], tables["faces"], attempt.events)


def _archived(photos: Path, folder: Path) -> Path:
    """All photos in a tar; the pipe is not."""
    path = folder / "photos.tar"
    with tarfile.open(path, "w") as archive:
        for file in sorted(photos.rglob("*")):
            if file.is_file():
                archive.add(file, str(file.relative_to(photos)))
    return path


def _encoded(picture: Image.Image, kind: str, orientation: int | None = None) -> bytes:
    data = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    picture.save(data, kind, quality=95, exif=exif)
    return data.getvalue()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """A folder with at least one photo of every status that a file can have."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("photos")
    demo = demo_folder()
    astronaut = Image.open(demo / "faces" / "astronaut.jpg").convert("RGB")
    upright = astronaut.crop((60, 0, 420, 500))
    files: dict[str, bytes] = {
        "a-top.jpg": _encoded(upright, "JPEG"),
        "people/one/upright.png": _encoded(upright, "PNG"),
        "people/two.jpg": (demo / "faces" / "two.jpg").read_bytes(),
        "scenes/coffee.jpg": (demo / "scenes" / "coffee.jpg").read_bytes(),
        "strange/cut-off.jpg": (demo / "broken" / "truncated.jpg").read_bytes(),
        "strange/empty.jpg": b"",
        "strange/heavy.jpg": bytes(3_000_001),
        "strange/notes.txt": b"not a photo",
    }
    for orientation, turn in _TURNS.items():
        # Without loss, so that what is found in them is the same to the last bit.
        files[f"turned/{orientation}.png"] = _encoded(upright.transpose(turn), "PNG", orientation)
    for name, size in [("large", (2000, 1000)), ("small", (400, 11))]:
        files[f"strange/{name}.png"] = _encoded(Image.new("RGB", size), "PNG")
    for key, data_bytes in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data_bytes)
    os.mkfifo(folder / "strange" / "pipe.jpg")
    return folder


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(None, sets=_LIMITS)


@pytest.fixture(scope="module")
def rows(photos: Path, config: Config) -> Rows:
    return _process(_job(photos, config))


def test_every_file_is_a_row_in_order(rows: Rows, photos: Path) -> None:
    files = sorted(str(file.relative_to(photos)) for file in photos.rglob("*") if not file.is_dir())
    assert rows.images.column("key").to_pylist() == files


@pytest.mark.parametrize(
    ("key", "status", "says"),
    [
        ("a-top.jpg", "ok", None),
        ("scenes/coffee.jpg", "no_face", None),
        ("strange/cut-off.jpg", "undecodable", "JPEG cannot be decoded"),
        ("strange/empty.jpg", "undecodable", "empty"),
        ("strange/notes.txt", "unsupported", "not a format that is read"),
        ("strange/large.png", "too_large", "2000x1000"),
        ("strange/heavy.jpg", "too_large", "3000001 bytes"),
        ("strange/small.png", "too_small", "400x11"),
        ("strange/pipe.jpg", "unsupported", "not a regular file"),
    ],
)
def test_status_and_reason(rows: Rows, key: str, status: str, says: str | None) -> None:
    row = rows.image(key)
    assert row["status"] == status
    assert row["error"] is None if says is None else says in row["error"]
    assert "\n" not in (row["error"] or "")


def test_a_file_that_vanished_is_unreadable(tmp_path: Path, photos: Path, config: Config) -> None:
    (tmp_path / "a.jpg").write_bytes((photos / "a-top.jpg").read_bytes())
    (tmp_path / "b.jpg").write_bytes((photos / "scenes/coffee.jpg").read_bytes())
    job = _job(tmp_path, config)
    members = list(job.source.list())
    (tmp_path / "a.jpg").unlink()
    rows = _process(job, members)
    assert [row["status"] for row in rows.images.to_pylist()] == ["unreadable", "no_face"]
    assert rows.image("a.jpg")["sha256"] is None


def test_num_faces_counts_the_rows_of_faces(rows: Rows) -> None:
    for row in rows.images.to_pylist():
        assert row["num_faces"] == len(rows.faces_of(row["key"]))
        assert (row["num_faces"] > 0) == (row["status"] == "ok")
    assert rows.image("people/two.jpg")["num_faces"] >= 2


def test_sha256_and_bytes_are_those_of_the_file(rows: Rows, photos: Path) -> None:
    for row in rows.images.to_pylist():
        if row["key"] in ("strange/heavy.jpg", "strange/pipe.jpg"):  # was not read
            assert row["sha256"] is None
            continue
        data = (photos / row["key"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["bytes"] == len(data)


def test_size_is_known_where_the_header_can_be_read(rows: Rows) -> None:
    sizes = {row["key"]: (row["width"], row["height"]) for row in rows.images.to_pylist()}
    assert sizes["a-top.jpg"] == (360, 500)
    assert sizes["strange/large.png"] == (2000, 1000)
    assert sizes["strange/cut-off.jpg"] == (512, 512)
    assert sizes["strange/notes.txt"] == (None, None)


def test_label_is_the_folder(rows: Rows, photos: Path, config: Config) -> None:
    assert rows.image("a-top.jpg")["label"] is None
    assert rows.image("people/one/upright.png")["label"] == "one"
    assert [row["label"] for row in rows.faces_of("people/two.jpg")][:1] == ["people"]
    unlabelled = load_config(None, sets=[*_LIMITS, "input.label=none"])
    again = _process(_job(photos / "people", unlabelled))
    assert set(again.images.column("label").to_pylist()) == {None}


def test_uri_leads_to_the_file(rows: Rows, photos: Path) -> None:
    for row in rows.faces.to_pylist():
        assert row["uri"].endswith(str(photos / row["key"]))


@pytest.mark.parametrize("orientation", _TURNS)
def test_boxes_are_in_displayed_coordinates(rows: Rows, orientation: int) -> None:
    upright = rows.image("people/one/upright.png")
    turned = rows.image(f"turned/{orientation}.png")
    assert turned["orientation"] == orientation
    assert (turned["width"], turned["height"]) == (upright["width"], upright["height"])
    expected, found = rows.faces_of(upright["key"]), rows.faces_of(turned["key"])
    for name in ("box", "score", "landmarks", "matrix", "crop"):
        assert [row[name] for row in found] == [row[name] for row in expected], name


def test_orientation_is_null_without_exif(rows: Rows) -> None:
    assert rows.image("a-top.jpg")["orientation"] is None


def test_landmarks_are_in_the_order_of_the_schema(rows: Rows) -> None:
    points = np.reshape(rows.faces_of("a-top.jpg")[0]["landmarks"], (5, 2))
    left_eye, right_eye, nose, mouth_left, mouth_right = points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert mouth_left[0] < mouth_right[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_boxes_are_x_then_y_low_then_high(rows: Rows) -> None:
    # The astronaut's face, by eye: between 115 and 215 across, 55 and 190 down.
    x1, y1, x2, y2 = rows.faces_of("a-top.jpg")[0]["box"]
    assert 105 < x1 < 140 and 45 < y1 < 90
    assert 180 < x2 < 225 and 150 < y2 < 200


def test_faces_are_numbered_by_descending_score(rows: Rows) -> None:
    found = rows.faces_of("people/two.jpg")
    assert [row["face_index"] for row in found] == list(range(len(found)))
    scores = [row["score"] for row in found]
    assert scores == sorted(scores, reverse=True)


def test_the_rows_are_what_the_library_finds(rows: Rows, photos: Path, config: Config) -> None:
    image = decode((photos / "people/two.jpg").read_bytes())
    faces = FaceDetector(config.detect).detect(image)
    found = rows.faces_of("people/two.jpg")
    np.testing.assert_array_equal([row["box"] for row in found], faces.boxes)
    np.testing.assert_array_equal([row["score"] for row in found], faces.scores)
    np.testing.assert_array_equal(
        [row["landmarks"] for row in found], faces.landmarks.reshape(-1, 10)
    )


@pytest.mark.parametrize(
    ("preset", "sets"),
    [("facenet160", []), ("arcface112", []), ("facenet160", ["crop.format=png", "crop.size=97"])],
)
def test_every_crop_can_be_cut_again_from_its_matrix(
    photos: Path, preset: str, sets: list[str]
) -> None:
    config = load_config(preset, sets=[*_LIMITS, *sets])
    found = _process(_job(photos, config)).faces.to_pylist()
    assert len(found) >= 7
    for row in found:
        image = decode((photos / row["key"]).read_bytes())
        matrix = np.array(row["matrix"], np.float32).reshape(2, 3)
        crop = cut(image, matrix, config.crop.size)
        assert encode(crop, config.crop) == row["crop"]["bytes"]
        assert row["sharpness"] == pytest.approx(sharpness(crop), rel=1e-6)


def test_without_crops_the_rest_of_the_rows_is_the_same(photos: Path, rows: Rows) -> None:
    config = load_config("facenet160", sets=[*_LIMITS, "crop.format=none"])
    bare = _process(_job(photos, config)).faces
    assert bare.column("crop").null_count == len(bare) == len(rows.faces)
    assert bare.drop_columns("crop").to_pylist() == rows.faces.drop_columns("crop").to_pylist()


@pytest.mark.parametrize("preset", ["facenet160", "arcface112"])
def test_matrix_takes_the_face_to_the_middle_of_the_crop(photos: Path, preset: str) -> None:
    config = load_config(preset, sets=_LIMITS)
    rows = _process(_job(photos / "people", config))
    for key in ("one/upright.png", "two.jpg"):
        row = rows.faces_of(key)[0]
        matrix = np.reshape(row["matrix"], (2, 3))
        points = np.reshape(row["landmarks"], (5, 2)) @ matrix[:, :2].T + matrix[:, 2]
        centre = points.mean(axis=0) / config.crop.size
        np.testing.assert_allclose(centre, [0.5, 0.58], atol=0.1)


def test_crops_are_pictures_of_the_size_asked_for(rows: Rows, config: Config) -> None:
    for row in rows.faces.to_pylist():
        picture = Image.open(io.BytesIO(row["crop"]["bytes"]))
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        assert picture.size == (config.crop.size, config.crop.size)
        assert row["crop"]["path"] is None


@pytest.mark.parametrize("policy", ["all", "largest", "center", "best"])
def test_kept_follows_the_policy(photos: Path, policy: Any) -> None:
    config = load_config(None, sets=[*_LIMITS, f"crop.keep={policy}"])
    rows = _process(_job(photos / "people", config))
    found = rows.faces_of("two.jpg")
    columns = [np.array([row[name] for row in found]) for name in ("box", "score", "landmarks")]
    faces = Faces(columns[0], columns[1], columns[2].reshape(-1, 5, 2))
    row = rows.image("two.jpg")
    expected = kept_faces(faces, row["width"], row["height"], policy)
    assert [row["kept"] for row in found] == expected.tolist()


def test_batches_have_the_schemas_with_their_provenance(rows: Rows, config: Config) -> None:
    for table in (rows.images, rows.faces):
        assert table.schema.metadata[b"mtcnn_ray.config_digest"].decode() == config.digest()
        digests = json.loads(table.schema.metadata[b"mtcnn_ray.model_digests"])
        assert digests == FaceDetector(config.detect).weights.digests


def test_rows_for_an_older_version_of_the_tables_lack_what_came_later(
    photos: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_tables, "ADDED", {"sharpness": 2, "orientation": 2})
    job = replace(_job(photos / "people", config), schema_version=1, config_digest="then")
    older, newer = _process(job), _process(replace(job, schema_version=2))
    for table, column in (("images", "orientation"), ("faces", "sharpness")):
        before, after = getattr(older, table), getattr(newer, table)
        assert before.equals(after.drop_columns([column])) and before.num_rows
        metadata = before.schema.metadata
        assert metadata[b"mtcnn_ray.schema_version"] == b"1"
        assert metadata[b"mtcnn_ray.config_digest"] == b"then"


@pytest.mark.parametrize("careful", [False, True])
def test_a_verdict_is_a_row_and_the_photo_is_not_touched(
    photos: Path, config: Config, careful: bool
) -> None:
    rows = _process(_job(photos / "people", config), verdicts={0: "crashed"}, careful=careful)
    assert [row["status"] for row in rows.images.to_pylist()] == ["crashed", "ok"]
    # The others get their own bytes.
    data = (photos / "people" / "two.jpg").read_bytes()
    assert rows.image("two.jpg")["sha256"] == hashlib.sha256(data).hexdigest()
    row = rows.image("one/upright.png")
    assert (row["sha256"], row["width"], row["num_faces"]) == (None, None, 0)
    assert "died" in row["error"]
    assert row["uri"].endswith("/people/one/upright.png")
    assert row["label"] == "one"
    assert [index for kind, index in rows.events if kind == "begin"] == [1]


def test_a_verdict_says_what_happened(photos: Path, config: Config) -> None:
    verdicts = {0: "timeout", 1: "crashed"}
    first, second = _process(_job(photos / "people", config), verdicts=verdicts).images.to_pylist()
    assert (first["status"], first["error"]) == (
        "timeout",
        "it took longer than a photo may take, whenever it was tried",
    )
    assert (second["status"], second["error"]) == (
        "crashed",
        "the worker process died whenever it had this photo in hand",
    )


@pytest.mark.parametrize("careful", [False, True])
def test_a_verdict_on_a_photo_in_an_archive(
    photos: Path, config: Config, rows: Rows, tmp_path: Path, careful: bool
) -> None:
    job = _job(_archived(photos, tmp_path), config)
    found = _process(job, verdicts={1: "crashed", 2: "timeout"}, careful=careful)
    keys = found.images.column("key").to_pylist()
    assert keys == sorted(keys) and len(keys) == rows.images.num_rows - 1  # the pipe
    for key, row in zip(keys, found.images.to_pylist(), strict=True):
        expected = {"people/one/upright.png": "crashed", "people/two.jpg": "timeout"}
        assert row["status"] == expected.get(key, rows.image(key)["status"]), key
        assert found.faces_of(key) == [] or key not in expected
    begun = [index for kind, index in found.events if kind == "begin"]
    assert begun == [index for index in range(len(keys)) if index not in (1, 2)]


@pytest.mark.parametrize("careful", [False, True])
def test_photos_of_an_archive_that_are_not_wanted_are_passed_over(
    photos: Path, config: Config, tmp_path: Path, careful: bool
) -> None:
    wanted = ["people/two.jpg", "strange/empty.jpg", "turned/6.png"]
    job = _job(_archived(photos, tmp_path), config)
    found = _process(job, careful=careful, wants=wanted.__contains__)
    assert found.images.column("key").to_pylist() == wanted
    assert set(found.faces.column("key").to_pylist()) == {"people/two.jpg", "turned/6.png"}
    assert [index for kind, index in found.events if kind == "begin"] == [0, 1, 2]
    assert {key for kind, what in found.events if kind == "reading" for key in what[1:]} == {None}


def test_a_suspect_is_looked_at_alone_and_has_its_rows_once(
    photos: Path, config: Config, rows: Rows
) -> None:
    job = _job(photos, config)
    found = _process(job, careful=True, suspect=2)
    assert found.images.to_pylist() == rows.images.to_pylist()
    assert found.faces.to_pylist() == rows.faces.to_pylist()
    key = rows.images.column("key")[2].as_py()
    assert found.events[:3] == [("reading", (2, key)), ("begin", 2), ("cleared", None)]


@pytest.mark.parametrize("careful", [False, True])
def test_photos_are_begun_in_order(photos: Path, config: Config, careful: bool) -> None:
    rows = _process(_job(photos, config), careful=careful)
    begun = [index for kind, index in rows.events if kind == "begin"]
    assert begun == list(range(rows.images.num_rows))


def test_crops_do_not_stop_the_cascade(
    photos: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, second = [], threading.Event()
    detect, add = FaceDetector.detect_many, FaceRows.add

    def noticed(self: FaceDetector, *arguments: Any) -> list[Faces]:
        looked_at.append(arguments)
        if len(looked_at) == 2:
            second.set()
        return detect(self, *arguments)

    def waiting(self: FaceRows, found: Found, *more: Any) -> None:
        assert second.wait(60), "the second photo is not looked at before the first has its crops"
        add(self, found, *more)

    monkeypatch.setattr(FaceDetector, "detect_many", noticed)
    monkeypatch.setattr(FaceRows, "add", waiting)
    assert len(_process(_job(photos, config)).faces) >= 7


def test_a_careful_worker_has_one_photo_in_hand(photos: Path, config: Config) -> None:
    job = _job(photos / "turned", config)
    rows = _process(job, careful=True)
    expected: list[tuple[str, Any]] = []
    for index, member in enumerate(job.source.list()):
        expected += [("reading", (index, member.key)), ("begin", index)]
        expected += [(table, {member.key}) for table in ("faces", "images")]
    assert rows.events == [*expected, ("reading", (len(_TURNS), None))]


def test_rows_do_not_depend_on_what_else_is_in_the_shard(
    photos: Path, config: Config, rows: Rows
) -> None:
    job = _job(photos, config)
    members = list(job.source.list())
    parts = [_process(job, members[i : i + 4], careful=i % 8 == 0) for i in range(0, 14, 4)]
    assert pa.concat_tables([part.images for part in parts]).to_pylist() == rows.images.to_pylist()
    assert pa.concat_tables([part.faces for part in parts]).to_pylist() == rows.faces.to_pylist()


def test_parts_are_the_same_whether_photos_are_in_hand_one_by_one_or_together(
    photos: Path, config: Config, tmp_path: Path
) -> None:
    job = _job(photos, config)
    written = []
    for name, more in {
        "together": {},
        "singly": {"careful": True},
        "after a death": {"careful": True, "suspect": 4},
    }.items():
        storage = Storage(str(tmp_path / name))
        plan = Plan(storage)
        plan.extend(job.source.list(), ShardSizes())
        worker = Worker(storage.url, {}, ())
        worker.start(pickle.dumps(job))
        [spec] = plan.shards()
        assert isinstance(worker.run(replace(spec, **more)), ShardReport)  # type: ignore[arg-type]
        written.append(part_digests(tmp_path / name))
    assert written[0] == written[1] == written[2] != {}


def test_a_worker_with_other_weights_refuses(photos: Path, config: Config) -> None:
    job = ExtractJob(open_source(str(photos), config.input), config, {"pnet": "another"})
    with pytest.raises(WeightsError, match="other weights"):
        job.start()


def test_a_worker_with_another_detector_refuses(photos: Path, tmp_path: Path) -> None:
    model = write_onnx(tmp_path / "small.onnx")
    config = load_config(None, {"detect.detector": str(model)})
    digests = make_detector(config.detect).digests
    job = ExtractJob(open_source(str(photos), config.input), config, digests)
    job.start()
    write_onnx(model, [END])
    with pytest.raises(WeightsError, match="this node has another detector than the driver: put"):
        job.start()


def test_large_faces_are_looked_for_in_a_reduced_jpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large").mkdir()
    astronaut = Image.fromarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    astronaut.resize((2048, 2048)).save(tmp_path / "large" / "a.jpg")
    asked: list[int] = []

    def spy(*arguments: Any, **options: Any) -> Any:
        asked.append(options["shrink"])
        return read_photo(*arguments, **options)

    monkeypatch.setattr("jobs.photos.decode.read_photo", spy)
    config = load_config(None, {"detect.min_face": 300})
    rows = _process(_job(tmp_path / "large", config))
    assert asked == [2]
    assert rows.images.column("width").to_pylist() == [2048]
    (box,) = rows.faces.column("box").to_pylist()
    np.testing.assert_allclose(box, np.array([180, 63, 265, 173]) * 4, atol=40)
