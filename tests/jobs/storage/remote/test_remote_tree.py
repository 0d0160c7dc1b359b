"""Reading from servers that fail, stall and cut short, and from real object stores."""

from __future__ import annotations

import base64
from typing import Any

import fsspec
import pytest

from jobs.messages.errors import UserError
from jobs.sources.folder import FolderSource
from jobs.sources.settings import InputSettings
from jobs.storage.entry import Entry
from jobs.storage.filesystem import open_filesystem
from jobs.storage.patience import Patience
from jobs.storage.read_error import ReadError
from jobs.storage.remote.remote_tree import RemoteTree
from tests.servers.bad_http import Answer, BadServer
from tests.servers.object_store import ObjectStore

pytest.importorskip("aiohttp")

PHOTO = bytes(range(256)) * 40
GOOD = Answer(body=PHOTO)
CUT = Answer(body=PHOTO[:5000], length=len(PHOTO))
NEVER = ReadError("unreadable", "the storage did not answer in time")
HURRIED = Patience(attempts=3, first_wait_s=0.01, longest_wait_s=0.01)
_TIMEOUT_S = 0.5


def tree_of(url: str) -> RemoteTree:
    return RemoteTree(fsspec.filesystem("http"), url, "", _TIMEOUT_S, HURRIED)


def read(server: BadServer, *answers: Answer, size: int | None = None) -> bytes | ReadError:
    server.script("/a.jpg", *answers)
    return tree_of(server.url).read(Entry("a.jpg", size, ""), max_bytes=None)


def source_of(url: str, **settings: Any) -> FolderSource:
    return FolderSource(url, InputSettings(**settings))


def contents(source: FolderSource) -> dict[str, bytes | ReadError]:
    return {member.key: data for member, data in source.stream(list(source.list()))}


# Errors that pass


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_failing_server_is_asked_again(bad_http: BadServer, status: int) -> None:
    assert read(bad_http, Answer(status), Answer(status), GOOD) == PHOTO
    assert bad_http.asked["/a.jpg"] == 3


def test_a_server_that_goes_on_failing_is_given_up(bad_http: BadServer) -> None:
    assert read(bad_http, Answer(503)) == ReadError(
        "unreadable", "the file cannot be read: the storage failed with ClientResponseError"
    )
    assert bad_http.asked["/a.jpg"] == HURRIED.attempts


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "the file is no longer there"),
        (403, "the storage denied permission to read the file"),
        (401, "the storage denied permission to read the file"),
    ],
)
def test_errors_that_last_are_told_twice(bad_http: BadServer, status: int, message: str) -> None:
    assert read(bad_http, Answer(status)) == ReadError("unreadable", message)
    assert bad_http.asked["/a.jpg"] == 2


@pytest.mark.parametrize("status", [404, 403, 401])
def test_a_single_no_is_not_believed(bad_http: BadServer, status: int) -> None:
    assert read(bad_http, Answer(status), GOOD) == PHOTO


# Deadlines


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_read_that_stalls_is_cut_off_and_tried_again(bad_http: BadServer, where: Any) -> None:
    assert read(bad_http, Answer(body=PHOTO, stall=where), GOOD) == PHOTO
    assert bad_http.asked["/a.jpg"] == 2


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_server_that_always_stalls_is_a_row(bad_http: BadServer, where: Any) -> None:
    assert read(bad_http, Answer(body=PHOTO, stall=where)) == NEVER
    assert bad_http.asked["/a.jpg"] == HURRIED.attempts


def test_a_stalled_s3_is_cut_off(bad_http: BadServer) -> None:
    pytest.importorskip("s3fs")
    bad_http.script("/bucket/a.jpg", Answer(body=PHOTO, stall="within"))
    options = {"key": "k", "secret": "s", "endpoint_url": bad_http.url}
    fs = fsspec.filesystem("s3", **options)
    fs.connect()  # loads the service's description, which may last longer than the deadline
    tree = RemoteTree(fs, "bucket", "", _TIMEOUT_S, HURRIED)
    assert tree.read(Entry("a.jpg", len(PHOTO), ""), max_bytes=None) == NEVER
    assert bad_http.asked["/bucket/a.jpg"] == HURRIED.attempts


def test_a_stalled_listing_is_given_up(bad_http: BadServer) -> None:
    url = bad_http.script("/photos", Answer(stall="before"))
    tree = RemoteTree(fsspec.filesystem("http"), url, "", 0.005, HURRIED)
    with pytest.raises(UserError, match=r"cannot list 'http://127.0.0.1:\d+/photos'"):
        list(tree.walk(None))


def test_the_deadline_is_the_setting(bad_http: BadServer) -> None:
    url = bad_http.script("/a.jpg", GOOD)
    tree = source_of(url, timeout_s=7.0)._named().tree
    assert isinstance(tree, RemoteTree) and tree.timeout_s == 7.0


# Bytes that are missing


@pytest.mark.parametrize("size", [None, len(PHOTO)], ids=["length not listed", "length listed"])
def test_a_body_shorter_than_announced_is_read_again(bad_http: BadServer, size: int | None) -> None:
    assert read(bad_http, CUT, GOOD, size=size) == PHOTO


def test_a_body_that_is_always_cut_short_is_a_row(bad_http: BadServer) -> None:
    assert isinstance(read(bad_http, CUT), ReadError)
    assert bad_http.asked["/a.jpg"] == HURRIED.attempts


def test_a_body_of_no_announced_length_is_checked_against_the_listing(
    bad_http: BadServer,
) -> None:
    cut = Answer(body=PHOTO[:5000], length=None)
    assert read(bad_http, cut, GOOD, size=len(PHOTO)) == PHOTO
    assert read(bad_http, cut, size=len(PHOTO)) == ReadError(
        "unreadable",
        "the file changed after it was listed: it had 10240 bytes, now it has 5000 bytes",
    )


# What a single file is, and errors in finding out


def test_a_failing_server_is_not_taken_for_a_missing_file(bad_http: BadServer) -> None:
    busy = Answer(503)
    assert contents(source_of(bad_http.script("/a.jpg", busy, busy, GOOD))) == {"a.jpg": PHOTO}


def test_a_refusal_is_not_taken_for_a_missing_file(bad_http: BadServer) -> None:
    url = bad_http.script("/a.jpg", Answer(401))
    with pytest.raises(UserError, match=r"cannot open .*: permission denied, 401"):
        list(source_of(url).list())


def test_a_missing_file_is_said_to_be_missing(bad_http: BadServer) -> None:
    with pytest.raises(UserError, match="there is no file or folder"):
        list(source_of(f"{bad_http.url}/a.jpg").list())


# Credentials in web addresses


def test_a_password_in_the_address_opens_the_file_and_is_not_stored(bad_http: BadServer) -> None:
    header = "Basic " + base64.b64encode(b"me:p@ss word").decode()
    url = bad_http.script("/a.jpg", Answer(body=PHOTO, needs=header))
    source = source_of(url.replace("://", "://me:p%40ss%20word@"))
    [member] = source.list()
    assert (member.key, member.uri) == ("a.jpg", url)
    assert [data for _, data in source.stream([member])] == [PHOTO]


def test_a_signed_address_opens_the_file_and_is_not_stored(bad_http: BadServer) -> None:
    query = "?se=2030-01-01&sig=s%2Bcret%2F1234%3D"
    url = bad_http.script(f"/a.jpg{query}", GOOD)
    source = source_of(url)
    [member] = source.list()
    assert (member.key, member.uri) == ("a.jpg", f"{bad_http.url}/a.jpg")
    assert [data for _, data in source.stream([member])] == [PHOTO]


def test_a_query_that_signs_nothing_is_part_of_the_address(bad_http: BadServer) -> None:
    url = bad_http.script("/photo?id=5", GOOD)
    [member] = source_of(url).list()
    assert (member.key, member.uri) == ("photo?id=5", url)


def test_a_password_of_an_inner_address_is_not_stored() -> None:
    inner = "::https://me:hunter2@host/a.zip"
    tree = RemoteTree(fsspec.filesystem("memory"), "photos", inner)
    assert tree.uri("a.jpg") == "memory://photos/a.jpg::https://host/a.zip"


@pytest.mark.parametrize("secret", ["hunter2", "s3cret"])
def test_an_address_that_fails_is_shown_without_credentials(
    bad_http: BadServer, secret: str
) -> None:
    host = bad_http.url.partition("://")[2]
    with pytest.raises(UserError) as caught:
        list(source_of(f"http://me:hunter2@{host}/a.jpg?sig=s3cret").list())
    assert secret not in str(caught.value) and host in str(caught.value)


# Object stores


def test_an_object_store_is_listed_in_key_order_and_read(object_store: ObjectStore) -> None:
    files = {"a-b.jpg": b"1", "a/2.jpg": b"22", "a/x/3.jpg": b"", "z é%20.jpg": PHOTO}
    url, filesystem = object_store.folder(), object_store.filesystem()
    for key, data in files.items():
        filesystem.pipe_file(f"{url}/{key}", data)
    source = source_of(url, storage_options=object_store.options)
    assert contents(source) == files
    assert [member.key for member in source.list()] == sorted(files)


def test_an_object_has_size_and_a_version_that_changes_with_it(object_store: ObjectStore) -> None:
    url, filesystem = object_store.folder(), object_store.filesystem()
    source = source_of(url, storage_options=object_store.options)
    versions = set()
    for data in (b"one", b"two"):
        filesystem.pipe_file(f"{url}/a.jpg", data)
        [member] = source.list()
        assert member.size == 3
        versions.add(member.version)
    assert len(versions) == 2 and "" not in versions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("options", "the file is no longer there"),
        ("wrong", "the storage denied permission to read the file"),
    ],
)
def test_an_object_that_cannot_be_read_is_a_row(
    object_store: ObjectStore, options: str, message: str
) -> None:
    tree = RemoteTree(*open_filesystem(object_store.folder(), getattr(object_store, options)))
    assert tree.read(Entry("a.jpg", 3, ""), max_bytes=None) == ReadError("unreadable", message)


def test_wrong_credentials_are_one_sentence_without_them(object_store: ObjectStore) -> None:
    source = source_of(object_store.folder(), storage_options=object_store.wrong)
    with pytest.raises(UserError, match=r"cannot (open|list) .*: permission denied") as caught:
        list(source.list())
    assert "\n" not in str(caught.value)
    assert not [secret for secret in object_store.secrets if secret in str(caught.value)]


def test_a_large_object_that_was_not_listed_is_not_fetched(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, url = object_store.filesystem(), object_store.folder()
    fs.pipe_file(f"{url}/large.jpg", bytes(1000))
    fetched: list[str] = []
    # fsspec hands the same file system to all, so the test gives it back as it was.
    monkeypatch.setattr(fs, "cat_file", lambda path, **keywords: fetched.append(path))
    tree = RemoteTree(fs, fs._strip_protocol(url))
    found = tree.read(Entry("large.jpg", None, ""), 999)
    assert isinstance(found, ReadError)
    assert (found.kind, fetched) == ("too_large", [])
