"""Manifest source: which members a manifest lists, and which of them are read."""

import http.server
import json
import os
import pickle
import random
import socket
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.folder import FolderSource
from jobs.sources.manifest import ManifestSource
from jobs.sources.settings import InputSettings
from jobs.storage.read_error import ReadError

GONE = ReadError("unreadable", "the file is no longer there")
NOT_LOCAL = ReadError("unsupported", "the manifest is remote and may not name local files")


def source_of(url: object, **settings: object) -> ManifestSource:
    return ManifestSource(str(url), InputSettings.model_validate(settings))


def listing(folder: Path, *uris: str, **columns: list[object]) -> Path:
    """A manifest of JSON lines in a folder."""
    rows = [
        {"uri": uri, **{name: values[i] for name, values in columns.items()}}
        for i, uri in enumerate(uris)
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "m.jsonl"


def filled(root: Path, *names: str) -> Path:
    """A folder with these files; each holds its own name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def contents(source: ManifestSource, max_bytes: int | None = None) -> list[bytes | ReadError]:
    return [data for _, data in source.stream(list(source.list()), max_bytes)]


def refusal(source: ManifestSource) -> str:
    with pytest.raises(UserError) as caught:
        list(source.list())
    return str(caught.value)


# What is listed


def test_a_row_is_a_member(tmp_path: Path) -> None:
    manifest = listing(tmp_path, "x/a.jpg", key=["k"], label=["l"], size=[3], version=["v"])
    [member] = source_of(manifest).list()
    assert member == Member("k", f"{tmp_path}/x/a.jpg", 3, "v", "l")


def test_a_row_with_nothing_but_a_uri_is_a_member(tmp_path: Path) -> None:
    [member] = source_of(listing(tmp_path, "x/a.jpg")).list()
    assert member == Member("x/a.jpg", f"{tmp_path}/x/a.jpg", None, "", "x")


def test_keys_labels_and_uris_are_those_of_the_folder(tmp_path: Path) -> None:
    names = ["a.jpg", "b c/ü#?%41[x].png", "b c/日本.jpg", "deep/er/x.jpg"]
    folder = FolderSource(str(filled(tmp_path, *names)), InputSettings())
    expected = [(member.key, member.label, member.uri) for member in folder.list()]
    manifest = listing(tmp_path, *(f"./{name}" for name in names))
    listed = source_of(manifest).list()
    assert [(member.key, member.label, member.uri) for member in listed] == expected


def test_the_order_is_that_of_the_manifest(tmp_path: Path) -> None:
    names = [f"{i}.jpg" for i in range(1000)]
    random.Random(1).shuffle(names)
    assert [member.key for member in source_of(listing(tmp_path, *names)).list()] == names


def test_absolute_uris_are_keys_as_they_are_written(tmp_path: Path) -> None:
    uris = ["/x/a.jpg", "file:///x/b.jpg", "HTTP://h/c.jpg?x=1", "../d.jpg"]
    members = list(source_of(listing(tmp_path, *uris)).list())
    assert [member.key for member in members] == uris
    assert [member.uri for member in members] == [
        "/x/a.jpg",
        "/x/b.jpg",
        "http://h/c.jpg?x=1",
        f"{tmp_path}/../d.jpg",
    ]


@pytest.mark.parametrize(
    ("uri", "label"),
    [
        ("s3://bucket/a.jpg", None),
        ("s3://bucket/x/a.jpg", "x"),
        ("http://h/x/a.jpg?u=y/z", "x"),
    ],
)
def test_hosts_and_queries_are_no_labels(tmp_path: Path, uri: str, label: str | None) -> None:
    [member] = source_of(listing(tmp_path, uri)).list()
    assert member.label == label


def test_a_pattern_labels_rows_without_a_label(tmp_path: Path) -> None:
    manifest = listing(tmp_path, "x1/a.jpg", "x2/b.jpg", label=["own", None])
    members = source_of(manifest, label_pattern="x([0-9])").list()
    assert [member.label for member in members] == ["own", "2"]


def test_the_photos_are_not_looked_at(tmp_path: Path) -> None:
    manifest = listing(tmp_path, "none.jpg", "s3://no-such-bucket-8d1f/a.jpg", "http://[::1]:9/a")
    assert len(list(source_of(manifest).list())) == 3


def test_a_manifest_is_listed_while_it_is_read(tmp_path: Path) -> None:
    manifest = listing(tmp_path, *(f"{i}.jpg" for i in range(10_000)))
    manifest.write_text(manifest.read_text() + "damaged")
    assert next(source_of(manifest).list()).key == "0.jpg"


def peak_of_listing(folder: Path, rows: int) -> int:
    """Most bytes held while a CSV manifest of so many rows is listed."""
    with open(folder / "m.csv", "w") as file:
        file.write("uri,label\n")
        file.writelines(f"some/folder/{i:09}.jpg,label\n" for i in range(rows))
    tracemalloc.start()
    try:
        assert sum(1 for _ in source_of(folder / "m.csv").list()) == rows
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded(tmp_path: Path) -> None:
    peak_of_listing(tmp_path, 10)  # caches of regular expressions and the like
    assert peak_of_listing(tmp_path, 100_000) < 1 << 20


@pytest.mark.slow
def test_memory_is_bounded_for_a_million_rows(tmp_path: Path) -> None:
    peak_of_listing(tmp_path, 10)
    assert peak_of_listing(tmp_path, 1_000_000) < 1 << 20


@pytest.mark.parametrize("uri", ["./", ".///"])
def test_a_uri_that_names_no_file_is_refused(tmp_path: Path, uri: str) -> None:
    manifest = listing(tmp_path, uri)
    assert refusal(source_of(manifest)) == (
        f"the uri '{uri}' in '{manifest}' names no file: correct it"
    )


def test_a_manifest_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("uri\n")
    assert refusal(source_of(tmp_path / "m.csv")) == (
        f"there are no rows in '{tmp_path}/m.csv': list some photos in it"
    )


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(source_of(tmp_path / "m.csv")) == (
        f"there is no file '{tmp_path}/m.csv': check the path"
    )


def test_a_manifest_that_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.csv")  # opening it would wait for a writer
    assert "there is no file" in refusal(source_of(tmp_path / "m.csv"))


@pytest.mark.usefixtures("no_gcsfs")
def test_storage_whose_package_is_missing_is_refused_while_listing(tmp_path: Path) -> None:
    message = refusal(source_of(listing(tmp_path, "gs://bucket/a.jpg")))
    assert message == "reading gs:// needs another package: pip install 'mtcnn-ray[gcs]'"


# What is read on this machine


def test_files_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    names = [f"x y/{i}%41.jpg" for i in range(100)]
    source = source_of(listing(filled(tmp_path, *names), *names), threads=8)
    members = list(source.list())
    random.Random(1).shuffle(members)
    assert list(source.stream(members)) == [(member, member.key.encode()) for member in members]


def test_files_are_read_by_uri_and_not_by_key(tmp_path: Path) -> None:
    manifest = listing(filled(tmp_path, "in/a", "b"), "../b", "a", key=["a", "/b"])
    manifest = manifest.rename(tmp_path / "in/m.jsonl")
    assert contents(source_of(manifest)) == [b"b", b"in/a"]


def test_file_urls_are_paths_that_are_not_unquoted(tmp_path: Path) -> None:
    filled(tmp_path, "a%20b.jpg", "a b.jpg")
    manifest = listing(tmp_path, f"file://{tmp_path}/a%20b.jpg")
    assert contents(source_of(manifest)) == [b"a%20b.jpg"]


def test_a_name_is_never_unquoted(tmp_path: Path) -> None:
    manifest = listing(filled(tmp_path, "a b.jpg", "x/y.jpg"), "a%20b.jpg", "x%2Fy.jpg")
    assert contents(source_of(manifest)) == [GONE, GONE]


def test_names_that_are_not_utf8_are_read_as_the_folder_writes_them(tmp_path: Path) -> None:
    raw = os.path.join(os.fsencode(tmp_path), b"d\xff%")
    os.mkdir(raw)
    Path(os.fsdecode(os.path.join(raw, b"%e9\xe9.jpg"))).write_bytes(b"data")
    [listed] = FolderSource(str(tmp_path), InputSettings()).list()
    assert contents(source_of(listing(tmp_path, listed.key))) == [b"data"]


def test_a_manifest_in_a_folder_that_is_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    source = source_of(listing(filled(folder, "a"), "a"))
    [member] = source.list()
    assert member.uri == f"{tmp_path}/%ff/a"
    assert contents(source) == [b"a"]


def test_what_cannot_be_read_is_a_row(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    manifest = listing(filled(tmp_path, "a"), "gone", "fifo", "folder", "link", "a/b", "x" * 300)
    assert contents(source_of(manifest)) == [
        GONE,
        ReadError("unsupported", "not a regular file but a FIFO"),
        ReadError("unsupported", "not a regular file but a folder"),
        ReadError("unreadable", "the link leads nowhere"),
        ReadError("unreadable", "the file cannot be read: not a directory"),
        ReadError("unreadable", "the file cannot be read: file name too long"),
    ]


def test_a_file_of_another_size_than_listed_changed(tmp_path: Path) -> None:
    manifest = listing(filled(tmp_path, "a", "bb"), "a", "bb", size=[1, 1])
    assert contents(source_of(manifest)) == [
        b"a",
        ReadError(
            "unreadable",
            "the file changed after it was listed: it had 1 bytes, now it has 2 bytes",
        ),
    ]


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with open(filled(tmp_path, "a") / "huge", "wb") as file:
        file.truncate(1 << 40)  # takes no space, and no machine's memory holds it
    manifest = listing(tmp_path, "a", "huge")
    assert contents(source_of(manifest), max_bytes=1) == [
        b"a",
        ReadError("too_large", f"the file has {1 << 40} bytes, more than the 1 allowed"),
    ]


def test_other_schemes_are_rows(tmp_path: Path) -> None:
    manifest = listing(filled(tmp_path, "a"), "ftp://h/a", "memory://a", "zip://a::x.zip", "a")
    unsupported = [
        ReadError("unsupported", f"'{scheme}://' is not read from a manifest")
        for scheme in ("ftp", "memory", "zip")
    ]
    assert contents(source_of(manifest)) == [*unsupported, b"a"]


def test_a_source_travels(tmp_path: Path) -> None:
    source = source_of(listing(filled(tmp_path, "a"), "a"))
    assert contents(pickle.loads(pickle.dumps(source))) == [b"a"]


def test_a_source_does_not_show_credentials() -> None:
    source = source_of("s3://b/m.csv", storage_options={"secret": "hunter2"})
    assert "hunter2" not in repr(source)


# A manifest on other storage


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in fsspec's memory file system, with three photos."""
    memory = fsspec.filesystem("memory")
    for name in ("in/a.jpg", "in/x y/b%20.jpg", "c.jpg"):
        memory.pipe_file(f"/bucket/{name}", name.encode())
    yield "memory://bucket"
    memory.rm("/bucket", recursive=True)


def piped(url: str, *uris: str) -> ManifestSource:
    """A remote manifest with these rows."""
    with fsspec.open(url, "w", encoding="utf-8") as file:
        file.write("uri\n" + "".join(f"{uri}\n" for uri in uris))
    return source_of(url)


def test_a_remote_manifest_is_relative_to_its_own_folder(bucket: str) -> None:
    source = piped(f"{bucket}/in/m.csv", "a.jpg", "./x y/b%20.jpg", "../c.jpg", "x/../a.jpg")
    members = list(source.list())
    assert [member.uri for member in members] == [
        f"{bucket}/in/a.jpg",
        f"{bucket}/in/x y/b%20.jpg",
        f"{bucket}/c.jpg",
        f"{bucket}/in/a.jpg",
    ]
    assert contents(source) == [b"in/a.jpg", b"in/x y/b%20.jpg", b"c.jpg", b"in/a.jpg"]


def test_a_remote_manifest_reads_no_file_of_this_machine(bucket: str, tmp_path: Path) -> None:
    secret = filled(tmp_path, "secret") / "secret"
    uris = [f"{prefix}{secret}" for prefix in ("", "file://", "local://", "zip://a::", "x::")]
    source = piped(f"{bucket}/in/m.csv", *uris, f"../../../..{secret}", "a.jpg")
    assert contents(source) == [*[NOT_LOCAL] * 5, GONE, b"in/a.jpg"]


def test_a_remote_manifest_larger_than_a_request_is_read_whole(bucket: str) -> None:
    uris = [f"{i:050}.jpg" for i in range(100_000)]
    assert [member.key for member in piped(f"{bucket}/m.csv", *uris).list()] == uris


def test_a_remote_parquet_manifest(bucket: str, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"uri": ["a.jpg"]}), tmp_path / "m.parquet")
    data = (tmp_path / "m.parquet").read_bytes()
    fsspec.filesystem("memory").pipe_file("/bucket/in/m.parquet", data)
    assert contents(source_of(f"{bucket}/in/m.parquet")) == [b"in/a.jpg"]


def test_a_remote_manifest_that_is_not_there_is_refused(bucket: str) -> None:
    assert refusal(source_of(f"{bucket}/none.csv")) == (
        f"there is no file '{bucket}/none.csv': check the address"
    )


# The web


class Web(http.server.SimpleHTTPRequestHandler):
    """A web server over a folder that fails as often as it is told to."""

    folder: str
    failures: Counter[str]
    requests: Counter[str]
    allowed: set[str | None]
    redirects: dict[str, str]

    def __init__(self, *args: object) -> None:
        super().__init__(*args, directory=self.folder)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.requests[self.path] += 1
        self.allowed.add(self.headers["Authorization"])
        if self.failures[self.path] > 0:
            self.failures[self.path] -= 1
            self.send_error(503)
        elif self.path in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[self.path])
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def webs(tmp_path: Path) -> Iterator[list[tuple[str, type[Web]]]]:
    """Two real web servers over `tmp_path`: URL and handler of each."""
    servers = []
    for _ in range(2):
        state: dict[str, object] = {
            "failures": Counter(),
            "requests": Counter(),
            "allowed": set(),
            "redirects": {},
        }
        handler = type("Handler", (Web,), {"folder": str(tmp_path), **state})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append((server, handler))
    yield [(f"http://127.0.0.1:{server.server_port}", handler) for server, handler in servers]
    for server, _ in servers:
        server.shutdown()
        server.server_close()


def test_a_manifest_of_this_machine_names_photos_on_the_web(
    tmp_path: Path, webs: list[tuple[str, type[Web]]]
) -> None:
    (url, handler), _ = webs
    (filled(tmp_path, "a.jpg", "x y/b.jpg") / "a.jpg").write_bytes(bytes(range(256)))
    uris = [f"{url}/{name}" for name in ("a.jpg", "x%20y/b.jpg", "gone.jpg", "a.jpg?page=2")]
    handler.failures["/a.jpg"] = 1
    assert contents(source_of(listing(tmp_path, *uris))) == [
        bytes(range(256)),
        b"x y/b.jpg",
        GONE,
        bytes(range(256)),
    ]
    assert handler.requests == {"/a.jpg": 2, "/x%20y/b.jpg": 1, "/gone.jpg": 2, "/a.jpg?page=2": 1}


def test_a_manifest_on_the_web_is_read_where_ranges_are_unknown(
    tmp_path: Path, webs: list[tuple[str, type[Web]]]
) -> None:
    (url, handler), _ = webs
    names = [f"{i:050}.jpg" for i in range(100_000)]
    listing(filled(tmp_path / "in", "a"), *names)
    handler.failures["/in/m.jsonl"] = 1
    members = list(source_of(f"{url}/in/m.jsonl").list())
    assert [member.uri for member in members] == [f"{url}/in/{name}" for name in names]
    assert handler.requests["/in/m.jsonl"] == 2


def test_a_manifest_that_is_not_on_the_web_is_refused(webs: list[tuple[str, type[Web]]]) -> None:
    (url, _), _ = webs
    assert refusal(source_of(f"{url}/m.csv")) == (
        f"there is no file '{url}/m.csv': check the address"
    )


def test_credentials_go_to_the_host_of_the_manifest_only(
    tmp_path: Path, webs: list[tuple[str, type[Web]]]
) -> None:
    (own, own_handler), (other, other_handler) = webs
    listing(filled(tmp_path, "a.jpg"), "a.jpg", f"{other}/a.jpg")
    url = own.replace("//", "//user:secret@") + "/m.jsonl"
    source = source_of(url)
    assert [member.uri for member in source.list()] == [f"{own}/a.jpg", f"{other}/a.jpg"]
    assert contents(source) == [b"a.jpg", b"a.jpg"]
    assert (own_handler.allowed, other_handler.allowed) == ({"Basic dXNlcjpzZWNyZXQ="}, {None})


def test_options_go_to_the_host_of_the_manifest_only(
    tmp_path: Path, webs: list[tuple[str, type[Web]]]
) -> None:
    (own, own_handler), (other, other_handler) = webs
    listing(filled(tmp_path, "a.jpg"), "a.jpg", f"{other}/a.jpg")
    options = {"headers": {"Authorization": "Bearer secret"}}
    source = source_of(f"{own}/m.jsonl", storage_options=options)
    assert contents(source) == [b"a.jpg", b"a.jpg"]
    assert (own_handler.allowed, other_handler.allowed) == ({"Bearer secret"}, {None})


PRIVATE = ReadError(
    "unreadable",
    "the address leads into a private network that input.private_networks does not name",
)


@pytest.fixture
def remote_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[bytes | ReadError]]:
    """Reads what a manifest in a bucket names; `photos.test` is a name of this machine."""
    found = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        return found("127.0.0.1" if host == "photos.test" else host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    def read(*uris: str, **settings: Any) -> list[bytes | ReadError]:
        bucket = fsspec.filesystem("memory")
        bucket.pipe_file("/guarded/m.jsonl", Path(listing(tmp_path, *uris)).read_bytes())
        return contents(source_of("memory://guarded/m.jsonl", **settings))

    return read


def test_a_name_that_leads_to_this_machine_is_not_read(
    tmp_path: Path,
    webs: list[tuple[str, type[Web]]],
    remote_manifest: Callable[..., list[bytes | ReadError]],
) -> None:
    (url, handler), _ = webs
    filled(tmp_path, "a.jpg")
    named = url.replace("127.0.0.1", "photos.test") + "/a.jpg"
    assert remote_manifest(named) == [PRIVATE]
    assert not handler.requests
    assert remote_manifest(named, private_networks=["127.0.0.1"]) == [b"a.jpg"]


def test_a_redirect_to_this_machine_is_not_followed(
    tmp_path: Path,
    webs: list[tuple[str, type[Web]]],
    remote_manifest: Callable[..., list[bytes | ReadError]],
) -> None:
    (url, redirecting), (_, handler) = webs
    filled(tmp_path, "a.jpg")
    named = url.replace("127.0.0.1", "photos.test") + "/a.jpg"
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), handler)
    except OSError:
        pytest.skip("this system has only one address of its own")
    with server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        redirecting.redirects = {"/a.jpg": f"http://127.0.0.2:{server.server_port}/a.jpg"}
        assert remote_manifest(named, private_networks=["127.0.0.1"]) == [PRIVATE]
        assert not handler.requests
        assert remote_manifest(named, private_networks=["127.0.0.0/8"]) == [b"a.jpg"]
        server.shutdown()
