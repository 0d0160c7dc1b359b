"""Whole jobs from and to object stores: the same rows as on this machine, and no secrets."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from jobs.messages.errors import OutputError
from jobs.sources.demo import demo_folder
from jobs.storage.storage import Storage
from tests.command import mtcnn_ray
from tests.jobs.engine.traces_of import holding
from tests.servers.bad_http import Answer, BadServer
from tests.servers.object_store import ObjectStore
from tests.system.outputs import rows

# Nobody listens there: a run that needed Ray would end with an error.
_NO_RAY = {"RAY_ADDRESS": "127.0.0.1:1"}
_WHERE = ("uri",)


@dataclass(frozen=True)
class Job:
    """A job that ran to its end in an object store.

    Attributes:
        source: URL of its photos.
        output: URL of its dataset.
        config: File with the storage options.
        done: How the command ended.
        copy: The dataset, downloaded.
    """

    source: str
    output: str
    config: Path
    done: CompletedProcess[str]
    copy: Path


@pytest.fixture(scope="session")
def few_photos(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Path:
    """Four photos in two folders: with faces, without, and broken."""
    pytest.importorskip("skimage")
    folder = tmp_path_factory.mktemp("few")
    for key in ("faces/two.jpg", "faces/small.jpg", "scenes/cat.jpg", "broken/truncated.jpg"):
        (folder / key).parent.mkdir(exist_ok=True)
        shutil.copy(demo_folder() / key, folder / key)
    return folder


@pytest.fixture(scope="session")
def local_rows(
    tmp_path_factory: pytest.TempPathFactory, few_photos: Path
) -> dict[str, list[dict[str, object]]]:
    """The rows of a job on this machine, without what tells where the photos are."""
    output = tmp_path_factory.mktemp("local") / "out"
    done = mtcnn_ray("extract", few_photos, output, "--workers", 1)
    assert done.returncode == 0, done.stderr
    return everywhere_rows(output)


@pytest.fixture(scope="session", params=["s3", "azure"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of the object stores in turn."""
    store = request.getfixturevalue(request.param)
    assert isinstance(store, ObjectStore)
    return store


@pytest.fixture(scope="session")
def job(
    store: ObjectStore, few_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Job]:
    """The photos, run to their end in an object store."""
    folder = tmp_path_factory.mktemp("job")
    source, output = store.upload(few_photos), store.folder()
    config = store.config(folder / "config.yaml")
    done = mtcnn_ray("extract", source, output, "--config", config, "--workers", 1)
    assert done.returncode == 0, done.stderr
    yield Job(source, output, config, done, store.download(output, folder / "copy"))


def everywhere_rows(output: Path) -> dict[str, list[dict[str, object]]]:
    """The rows of both tables, without what tells where the photos are."""
    return {
        table: [
            {name: value for name, value in row.items() if name not in _WHERE}
            for row in rows(output, table)
        ]
        for table in ("images", "faces")
    }


def test_the_rows_are_those_of_a_local_job(
    job: Job, local_rows: dict[str, list[dict[str, object]]]
) -> None:
    assert everywhere_rows(job.copy) == local_rows


def test_the_uri_is_where_the_photo_is(job: Job, store: ObjectStore, few_photos: Path) -> None:
    filesystem = store.filesystem()
    for row in rows(job.copy, "images"):
        photo = (few_photos / str(row["key"])).read_bytes()
        assert filesystem.cat_file(row["uri"]) == photo


def test_a_finished_job_is_left_alone(job: Job, store: ObjectStore, tmp_path: Path) -> None:
    again = mtcnn_ray("extract", job.source, job.output, "--config", job.config, env=_NO_RAY)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing was left to do" in again.stdout
    copy = store.download(job.output, tmp_path)
    assert contents(copy) == contents(job.copy)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_status_and_verify_read_it_there(job: Job, few_photos: Path) -> None:
    status = mtcnn_ray("status", job.output, "--config", job.config)
    assert (status.returncode, status.stderr) == (0, "")
    assert " of 4 " in status.stdout
    verified = mtcnn_ray("verify", job.output, "--config", job.config)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_verify_finds_a_damaged_part_there(job: Job, store: ObjectStore, few_photos: Path) -> None:
    output, filesystem = store.upload(job.copy), store.filesystem()
    [part] = (job.copy / "faces").iterdir()
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    filesystem.pipe_file(f"{output}/faces/{part.name}", bytes(data))
    done = mtcnn_ray("verify", output, "--config", job.config)
    assert (done.returncode, part.name in done.stdout) == (1, True)


def test_a_photo_is_forgotten_there(job: Job, store: ObjectStore, tmp_path: Path) -> None:
    output, key = store.upload(job.copy), "faces/two.jpg"
    crops = [row["crop"]["bytes"] for row in rows(job.copy, "faces") if row["key"] == key]
    done = mtcnn_ray("forget", output, "--key", key, "--config", job.config, env=_NO_RAY)
    assert (done.returncode, done.stderr) == (0, "")
    copy = store.download(output, tmp_path)
    assert holding(str(copy), key, *crops) == []
    verified = mtcnn_ray("verify", output, "--config", job.config)
    assert (verified.returncode, verified.stderr) == (0, "")
    again = mtcnn_ray("extract", job.source, output, "--config", job.config, env=_NO_RAY)
    assert "nothing was left to do" in again.stdout


def test_no_secret_is_in_anything_that_was_written(job: Job, store: ObjectStore) -> None:
    written = {**contents(job.copy), "stdout": job.done.stdout, "stderr": job.done.stderr}
    assert len(written) > 8
    assert not found(store.secrets, written)


def found(secrets: Iterable[str], texts: Mapping[str, bytes | str]) -> list[str]:
    """Where the beginnings of secrets are to be found."""
    return [
        name
        for name, text in texts.items()
        for secret in secrets
        if secret[:12].encode() in (text.encode() if isinstance(text, str) else text)
    ]


@pytest.mark.parametrize("command", ["extract", "status", "verify"])
def test_wrong_credentials_are_one_line_without_them(
    job: Job, store: ObjectStore, command: str, tmp_path: Path
) -> None:
    config = store.config(tmp_path / "wrong.yaml", wrong=True)
    places = [job.source, job.output] if command == "extract" else [job.output]
    done = mtcnn_ray(command, *places, "--config", config, env=_NO_RAY)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not found(store.secrets, {"stderr": done.stderr})


def test_the_environment_is_enough(job: Job, store: ObjectStore) -> None:
    detected = mtcnn_ray("detect", f"{job.source}/faces/two.jpg", env=store.env)
    assert (detected.returncode, detected.stderr) == (0, "")
    verified = mtcnn_ray("verify", job.output, env=store.env)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_a_password_in_the_input_is_not_written_down(
    bad_http: BadServer, few_photos: Path, tmp_path: Path
) -> None:
    page, password = b'<a href="two.jpg">two</a><a href="no.jpg">no</a>', "hunter2-hunter2"
    header = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
    photo = (few_photos / "faces" / "two.jpg").read_bytes()
    bad_http.script("/photos", Answer(body=page, kind="text/html", needs=header))
    bad_http.script("/photos/two.jpg", Answer(body=photo, needs=header))
    bad_http.script("/photos/no.jpg", Answer(403))
    url = bad_http.url.replace("://", f"://me:{password}@") + "/photos/"
    half = ("--set", "run.max_failed_fraction=0.5")
    done = mtcnn_ray("extract", url, tmp_path / "out", "--workers", 1, *half)
    assert done.returncode == 0, done.stderr
    statuses = {row["key"]: row["status"] for row in rows(tmp_path / "out", "images")}
    assert statuses == {"two.jpg": "ok", "no.jpg": "unreadable"}
    written = {**contents(tmp_path / "out"), "out": done.stdout, "err": done.stderr}
    assert not found({password, header.split()[1]}, written)


# The output's storage itself


def test_publishing_twice_replaces(store: ObjectStore) -> None:
    storage = Storage(store.folder(), store.options)
    for data in (b"one", b"other"):
        with storage.spool("a/part") as spool:
            spool.write_bytes(data)
            storage.publish_file(spool, "a/part")
        storage.publish_bytes(data, "a/record")
    assert list(storage.read_many(["a/part", "a/record"])) == [b"other", b"other"]
    assert storage.names("a") == ["part", "record"]


def test_an_object_is_read_anywhere(store: ObjectStore) -> None:
    storage = Storage(store.folder(), store.options)
    storage.publish_bytes(b"0123456789", "a")
    with storage.open("a") as file:
        file.seek(-3, 2)
        assert (file.read(), file.read()) == (b"789", b"")
        file.seek(2)
        assert (file.read(3), file.tell()) == (b"234", 5)


def test_deleting_what_is_not_there_is_no_error(store: ObjectStore) -> None:
    storage = Storage(store.folder(), store.options)
    storage.publish_bytes(b"", "a/b")
    for _ in range(2):
        storage.delete("a/b")
    assert storage.names("a") == []


def test_a_bucket_that_is_not_there_cannot_be_written(store: ObjectStore) -> None:
    scheme = store.bucket.partition("://")[0]
    storage = Storage(f"{scheme}://nowhere/out", store.options)
    assert storage.names("a") == []
    with pytest.raises(OutputError, match=r"cannot (write|reach) the output") as caught:
        storage.publish_bytes(b"", "a")
    assert "\n" not in str(caught.value)


def test_an_output_that_refuses_is_an_output_error(store: ObjectStore) -> None:
    with pytest.raises(OutputError, match=r"permission denied, .* correct its storage options"):
        Storage(store.folder(), store.wrong).publish_bytes(b"", "a")


def test_a_refusal_is_not_taken_for_a_missing_file(bad_http: BadServer) -> None:
    bad_http.script("/out/a", Answer(401))
    with pytest.raises(OutputError, match="permission denied"):
        Storage(f"{bad_http.url}/out").exists("a")


def test_a_missing_file_does_not_exist(store: ObjectStore, bad_http: BadServer) -> None:
    assert not Storage(store.folder(), store.options).exists("a")
    assert not Storage(f"{bad_http.url}/out").exists("a")
