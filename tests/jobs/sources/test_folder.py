"""Folder source: what is listed, in which order, what is read, what is refused."""

import http.server
import os
import pickle
import random
import socket
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.overlap import check_apart
from jobs.sources.settings import InputSettings
from jobs.sources.source import ReadError, Source, open_source
from jobs.storage.entry import Entry
from jobs.storage.local.local_tree import LocalTree


def filled(root: Path, *keys: str) -> Path:
    """A folder with these files; each holds its own key."""
    for key in keys:
        file = root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(key)
    return root


def source_of(url: object, **settings: object) -> Source:
    return open_source(str(url), InputSettings.model_validate(settings))


def keys_of(url: object) -> list[str]:
    return [member.key for member in source_of(url).list()]


def contents(source: Source) -> dict[str, bytes | ReadError]:
    return {member.key: data for member, data in source.stream(list(source.list()))}


def refusal(url: object) -> str:
    with pytest.raises(UserError) as caught:
        list(source_of(url).list())
    return str(caught.value)


# What is listed


def test_every_file_is_listed_whatever_its_name(tmp_path: Path) -> None:
    keys = [".hidden", "a.jpg", "deep/er/b.txt", "noextension", "sp ace/ü#?%41[x].png"]
    assert keys_of(filled(tmp_path, *keys)) == keys


def test_keys_come_in_plain_string_order(tmp_path: Path) -> None:
    rng = random.Random(7)
    names = ["a", "a-", "a.b", "a0", "B", "é", "z", "a b", "\U0001f600", "\uffee"]
    keys = {"/".join(rng.choices(names, k=rng.randint(1, 3))) + ".x" for _ in range(200)}
    assert keys_of(filled(tmp_path, *keys)) == sorted(keys)


def test_a_member_tells_uri_size_and_modification_time(tmp_path: Path) -> None:
    filled(tmp_path, "x y/ü.jpg")
    os.utime(tmp_path / "x y/ü.jpg", ns=(5, 1_700_000_000_123_456_789))
    [member] = source_of(tmp_path).list()
    uri = str(tmp_path / "x y/ü.jpg")
    assert member == Member("x y/ü.jpg", uri, 10, "1700000000123456789", "x y")


def test_the_uri_opens_with_open_and_fsspec(tmp_path: Path) -> None:
    filled(tmp_path, "x y/ü#%41?.jpg")
    [member] = source_of(tmp_path).list()
    with fsspec.open(member.uri, "rb") as file:
        assert file.read() == Path(member.uri).read_bytes() == b"x y/\xc3\xbc#%41?.jpg"


def test_the_label_is_the_parent_folder_and_null_at_the_top(tmp_path: Path) -> None:
    members = source_of(filled(tmp_path, "a/b/1", "c/2", "3")).list()
    assert [member.label for member in members] == [None, "b", "c"]


def test_no_labels_on_request(tmp_path: Path) -> None:
    [member] = source_of(filled(tmp_path, "a/1"), label="none").list()
    assert member.label is None


@pytest.mark.parametrize("shape", ["{}", "{}/", "{}//", "file://{}", "file://{}/"])
def test_every_way_to_write_a_folder_lists_the_same(tmp_path: Path, shape: str) -> None:
    filled(tmp_path, "a", "b/c")
    expected = list(source_of(tmp_path).list())
    assert list(source_of(shape.format(tmp_path)).list()) == expected


def test_a_relative_folder_has_absolute_uris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(filled(tmp_path, "in/a"))
    source = source_of("in")
    monkeypatch.chdir("/")
    assert [member.uri for member in source.list()] == [str(tmp_path / "in/a")]


def test_one_file(tmp_path: Path) -> None:
    [member] = source_of(filled(tmp_path, "a.jpg", "b.jpg") / "a.jpg").list()
    assert (member.key, member.label) == ("a.jpg", None)


def test_names_that_are_not_utf8_are_escaped_and_read(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"d\xff%")
    os.mkdir(raw)
    Path(os.fsdecode(os.path.join(raw, b"%e9\xe9.jpg"))).write_bytes(b"data")
    filled(tmp_path, "plain%e9/x")
    source = source_of(tmp_path)
    assert contents(source) == {"d%ff%25/%25e9%e9.jpg": b"data", "plain%e9/x": b"plain%e9/x"}


def test_two_names_with_one_key_are_refused(tmp_path: Path) -> None:
    filled(tmp_path, "a%ff")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")).write_bytes(b"")
    assert refusal(tmp_path) == (
        f"two files both have the key '{tmp_path}/a%ff': rename one of them"
    )


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    filled(tmp_path, "elsewhere/a", "in/b")
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    assert keys_of(tmp_path / "in") == ["b", "link/a"]


def test_links_to_a_folder_around_them_are_not_followed(tmp_path: Path) -> None:
    filled(tmp_path, "a/b/file")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/self").symlink_to(".")
    assert keys_of(tmp_path) == ["a/b/file"]


def test_links_that_cross_end(tmp_path: Path) -> None:
    filled(tmp_path, "a/1", "b/2")
    (tmp_path / "a/b").symlink_to(tmp_path / "b")
    (tmp_path / "b/a").symlink_to(tmp_path / "a")
    assert keys_of(tmp_path) == ["a/1", "a/b/2", "b/2", "b/a/1"]


def test_listing_holds_one_folder_at_a_time(tmp_path: Path) -> None:
    filled(tmp_path, "a/1", "b/2")
    members = source_of(tmp_path).list()
    assert next(members).key == "a/1"
    filled(tmp_path, "b/3")  # seen, because b has not been looked at yet
    assert [member.key for member in members] == ["b/2", "b/3"]


# Globs


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["1.jpg"]),
        ("*/*.jpg", ["a/2.jpg", "b/4.jpg"]),
        ("**/*.jpg", ["1.jpg", "a/2.jpg", "a/c/3.jpg", "b/4.jpg"]),
        ("[ab]/?.jpg", ["a/2.jpg", "b/4.jpg"]),
        ("a/**", ["2.jpg", "c/3.jpg", "c/5.png"]),
        ("a/*/*.png", ["c/5.png"]),
    ],
)
def test_a_glob_lists_what_matches_relative_to_its_deepest_plain_folder(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    filled(tmp_path, "1.jpg", "a/2.jpg", "a/c/3.jpg", "a/c/5.png", "b/4.jpg")
    assert keys_of(tmp_path / pattern) == expected


def test_a_name_with_wildcards_that_exists_is_itself(tmp_path: Path) -> None:
    filled(tmp_path, "album [1]*/a", "album 1/b")
    assert keys_of(tmp_path / "album [1]*") == ["a"]


def test_a_glob_without_a_match_is_refused(tmp_path: Path) -> None:
    pattern = filled(tmp_path, "a/1.jpg") / "*.jpg"
    assert refusal(pattern) == f"no files match '{pattern}': write ** to reach into folders"


def test_a_glob_with_stars_inside_a_name_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "**.jpg") == (
        "'**' in '**.jpg' must stand alone between slashes: write '**/*.jpg'"
    )


# What is refused


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "absent"
    assert refusal(missing) == f"there is no file or folder '{missing}': check the path"


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    assert refusal(tmp_path) == (
        f"there are no files in '{tmp_path}': give a folder that holds some"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    locked = filled(tmp_path, "locked/a") / "locked"
    locked.chmod(0)
    sentence = refusal(tmp_path)
    locked.chmod(0o700)
    assert sentence == f"cannot list the folder '{locked}' (permission denied): make it readable"


def test_a_missing_remote_folder_is_refused() -> None:
    assert refusal("memory://nothing/here") == (
        "there is no file or folder 'memory://nothing/here': check the address"
    )


def test_a_glob_in_a_missing_remote_folder_is_refused() -> None:
    assert refusal("memory://nothing/here/*.jpg") == (
        "there is no folder 'memory:///nothing/here': check the address"
    )


@pytest.mark.usefixtures("no_gcsfs")
def test_a_scheme_without_its_package_says_what_to_install() -> None:
    assert refusal("gs://bucket/photos") == (
        "reading gs:// needs another package: pip install 'mtcnn-ray[gcs]'"
    )


def test_an_unknown_scheme_is_refused() -> None:
    assert "'nfs3://' in 'nfs3://a' is not a known kind of storage" in refusal("nfs3://a")


# What is not a regular file


def test_special_files_are_rows_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "fifo")  # opening it would wait for a writer
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the path of a socket has a short limit
        server.bind("socket")
        (tmp_path / "device").symlink_to("/dev/null")
        source = source_of(tmp_path)
        members = list(source.list())
        assert {member.key: member.size for member in members} == {
            "device": None,
            "fifo": None,
            "socket": None,
        }
        assert contents(source) == {
            "device": ReadError("unsupported", "not a regular file but a device"),
            "fifo": ReadError("unsupported", "not a regular file but a FIFO"),
            "socket": ReadError("unsupported", "not a regular file but a socket"),
        }


def test_broken_links_are_rows(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert contents(source_of(tmp_path)) == {
        "gone.jpg": ReadError("unreadable", "the link leads nowhere"),
        "loop.jpg": ReadError(
            "unreadable", "the file cannot be read: too many levels of symbolic links"
        ),
    }


def test_a_special_file_alone_is_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert [member.size for member in source_of(tmp_path / "fifo").list()] == [None]


# What is read


def test_files_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, *(f"{i:03}" for i in range(300))), threads=8)
    members = list(source.list())
    random.Random(1).shuffle(members)
    read = list(source.stream(members))
    assert read == [(member, member.key.encode()) for member in members]


def test_a_file_that_changed_is_unreadable(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, "a", "bb"))
    members = list(source.list())
    (tmp_path / "a").write_text("longer")
    (tmp_path / "bb").unlink()
    assert [data for _, data in source.stream(members)] == [
        ReadError(
            "unreadable",
            "the file changed after it was listed: it had 1 bytes, now it has 6 bytes",
        ),
        ReadError("unreadable", "the file is no longer there"),
    ]


def test_a_file_that_grew_is_not_read(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, "a"))
    members = list(source.list())
    os.truncate(tmp_path / "a", 1 << 40)  # takes no space, and no machine's memory holds it
    [(_, data)] = source.stream(members)
    assert isinstance(data, ReadError)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, "a", "bb"))
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 40)  # takes no space, and no machine's memory holds it
    read = [data for _, data in source.stream(list(source.list()), max_bytes=1)]
    over = "the file has {} bytes, more than the 1 allowed"
    assert read == [
        b"a",
        ReadError("too_large", over.format(2)),
        ReadError("too_large", over.format(1 << 40)),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_unreadable(tmp_path: Path) -> None:
    (filled(tmp_path, "a") / "a").chmod(0)
    assert contents(source_of(tmp_path)) == {
        "a": ReadError("unreadable", "the storage denied permission to read the file")
    }


def test_a_source_travels(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, "a", "b/c"))
    assert contents(pickle.loads(pickle.dumps(source))) == {"a": b"a", "b/c": b"b/c"}


def test_a_source_does_not_show_credentials() -> None:
    assert "hunter2" not in repr(source_of("s3://b", storage_options={"secret": "hunter2"}))


# Other file systems


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in fsspec's memory file system."""
    memory = fsspec.filesystem("memory")
    for key in ("a-b.jpg", "a/2.jpg", "a/x/3.jpg", "z z.jpg"):
        memory.pipe_file(f"/bucket/{key}", key.encode())
    yield "memory://bucket"
    memory.rm("/bucket", recursive=True)


def test_a_remote_folder_is_listed_in_key_order(bucket: str) -> None:
    assert keys_of(bucket) == ["a-b.jpg", "a/2.jpg", "a/x/3.jpg", "z z.jpg"]


def test_a_remote_member_has_a_uri_that_fsspec_opens(bucket: str) -> None:
    for member in source_of(bucket).list():
        with fsspec.open(member.uri) as file:
            assert (file.read(), member.size) == (member.key.encode(), len(member.key))


def test_a_remote_member_has_a_version_that_changes_with_it(bucket: str) -> None:
    before = next(source_of(bucket).list()).version
    fsspec.filesystem("memory").pipe_file("/bucket/a-b.jpg", b"other")
    assert before != next(source_of(bucket).list()).version


@pytest.mark.parametrize(
    ("below", "expected"),
    [("/**/*.jpg", 4), ("/*.jpg", 2), ("/a/2.jpg", 1), ("/a/", 2)],
)
def test_remote_globs_files_and_folders(bucket: str, below: str, expected: int) -> None:
    assert len(keys_of(bucket + below)) == expected


def test_remote_files_are_read(bucket: str) -> None:
    source = source_of(bucket)
    assert contents(source) == {key: key.encode() for key in keys_of(bucket)}


def test_a_remote_file_that_changed_or_went_is_unreadable(bucket: str) -> None:
    source = source_of(bucket)
    first, second, *_ = source.list()
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/bucket/a-b.jpg", b"other")
    memory.rm("/bucket/a/2.jpg")
    assert [data for _, data in source.stream([first, second])] == [
        ReadError(
            "unreadable",
            "the file changed after it was listed: it had 7 bytes, now it has 5 bytes",
        ),
        ReadError("unreadable", "the file is no longer there"),
    ]


def test_a_chained_url_keeps_its_whole_address(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a/1.jpg", b"one")
    [member] = source_of(f"zip://*/*::{archive}").list()
    with fsspec.open(member.uri) as file:
        assert (member.key, file.read()) == ("a/1.jpg", b"one")


class Web(http.server.SimpleHTTPRequestHandler):
    """A web server that fails as often as it is told to."""

    failures: ClassVar[Counter[str]]
    requests: ClassVar[Counter[str]]

    def do_GET(self) -> None:
        self.requests[self.path] += 1
        if self.failures[self.path] > 0:
            self.failures[self.path] -= 1
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, type[Web]]]:
    """The URL of a real web server over `tmp_path`, and its handler."""

    class Handler(Web):
        failures: ClassVar[Counter[str]] = Counter()
        requests: ClassVar[Counter[str]] = Counter()

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, directory=str(tmp_path), **kwargs)  # type: ignore[arg-type]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Handler
        server.shutdown()


def test_a_web_folder_is_listed_and_read(tmp_path: Path, web: tuple[str, type[Web]]) -> None:
    filled(tmp_path, "photos/a.jpg", "photos/b/c.jpg", "other")
    assert contents(source_of(f"{web[0]}/photos/")) == {
        "a.jpg": b"photos/a.jpg",
        "b/c.jpg": b"photos/b/c.jpg",
    }


def test_a_glob_does_not_list_folders_that_cannot_match(
    tmp_path: Path, web: tuple[str, type[Web]]
) -> None:
    url, handler = web
    filled(tmp_path, "2024/img/1.jpg", "2024/img/x/2.jpg", "2024/raw/3.jpg", "2025/img/4.jpg")
    assert keys_of(f"{url}/2024/i*/*") == ["img/1.jpg"]
    assert {path.rstrip("/") for path in handler.requests} == {"/2024", "/2024/img"}


def test_a_listing_is_never_a_cached_one(tmp_path: Path, web: tuple[str, type[Web]]) -> None:
    filled(tmp_path, "a")
    source = source_of(web[0], storage_options={"use_listings_cache": True})
    assert [member.key for member in source.list()] == ["a"]
    filled(tmp_path, "b")
    assert [member.key for member in source.list()] == ["a", "b"]


def test_passing_errors_are_tried_again(tmp_path: Path, web: tuple[str, type[Web]]) -> None:
    filled(tmp_path, "a.jpg")
    url, handler = web
    handler.failures["/a.jpg"] = 2
    member = Member("a.jpg", f"{url}/a.jpg", None, "", None)
    assert [data for _, data in source_of(f"{url}/").stream([member])] == [b"a.jpg"]


def test_a_file_that_is_not_there_is_asked_for_twice(web: tuple[str, type[Web]]) -> None:
    url, handler = web
    member = Member("a.jpg", f"{url}/a.jpg", None, "", None)
    [(_, data)] = source_of(f"{url}/").stream([member])
    assert (data, handler.requests["/a.jpg"]) == (
        ReadError("unreadable", "the file is no longer there"),
        2,
    )


# Input and output apart


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{t}/in", "{t}/out"),
        ("{t}/in", "{t}/in2"),
        ("{t}/in2", "{t}/in"),
        ("{t}/in/*.jpg", "{t}/in/out"),
        ("{t}/in/a*/*.jpg", "{t}/in/out"),
        ("s3://b/in", "s3://b/in2"),
        ("s3://b/in", "gs://b/in/out"),
        ("demo:", "{t}/out"),
    ],
)
def test_separate_places_pass(tmp_path: Path, source: str, output: str) -> None:
    (tmp_path / "in").mkdir()
    check_apart(source.format(t=tmp_path), output.format(t=tmp_path))


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{t}/in", "{t}/in/out"),
        ("{t}/in/", "{t}/in/a/b/"),
        ("{t}/link", "{t}/in/out"),
        ("{t}/in", "{t}/link/out"),
        ("{t}/in", "file://{t}/in/out"),
        ("{t}/in", "{t}/x/../in/out"),
        ("{t}/in/**/*.jpg", "{t}/in/out"),
        ("{t}/in/*/*.jpg", "{t}/in/out"),
        ("s3://b/in", "s3a://b/in/out/"),
        ("s3://b/**", "s3://b/out"),
    ],
)
def test_an_output_inside_the_input_is_refused(tmp_path: Path, source: str, output: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    source, output = source.format(t=tmp_path), output.format(t=tmp_path)
    with pytest.raises(UserError) as caught:
        check_apart(source, output)
    assert str(caught.value) == (
        f"the output '{output}' is inside the input '{source}': choose another output folder"
    )


@pytest.mark.parametrize(
    ("source", "output"),
    [("{t}/in", "{t}/in"), ("{t}/in", "{t}/in/"), ("{t}/in", "{t}"), ("s3://b/in", "s3://b")],
)
def test_an_input_inside_the_output_is_refused(tmp_path: Path, source: str, output: str) -> None:
    (tmp_path / "in").mkdir()
    source, output = source.format(t=tmp_path), output.format(t=tmp_path)
    with pytest.raises(UserError) as caught:
        check_apart(source, output)
    assert str(caught.value) == (
        f"the input '{source}' is inside the output '{output}': choose another output folder"
    )


def test_members_of_another_listing_are_read_by_key(tmp_path: Path) -> None:
    source = source_of(filled(tmp_path, "a"))
    [member] = source.list()
    moved = replace(member, uri="/mounted/elsewhere/a")
    assert list(source.stream([moved])) == [(moved, b"a")]


def test_a_name_that_is_gone_is_not_read_as_another(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(b"another")
    member = Member("a%20b.jpg", str(tmp_path / "a%20b.jpg"), 7, "", None)
    entry = Entry(member.key, member.size, member.version)
    assert isinstance(LocalTree(str(tmp_path)).read(entry, None), ReadError)
