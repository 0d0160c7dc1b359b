"""Addresses in a manifest: what they are relative to, and which may be read."""

import pytest

from jobs.sources.tables.uris import (
    folder_of,
    guard_of,
    is_same_store,
    path_of,
    refusal,
    resolved,
    scheme_of,
    store_of,
    without_dots,
)
from jobs.storage.names.addresses import Reach
from jobs.storage.remote.guard import Guard

REMOTE_AND_LOCAL = "the manifest is remote and may not name local files"


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("a.jpg", ""),
        ("/a/b.jpg", ""),
        ("S3://b/a", "s3"),
        ("simplecache::s3://b/a", "simplecache::s3"),
        ("a::b.jpg", ""),
        ("img?u=http://x/y.jpg", ""),
        ("2://a", ""),
    ],
)
def test_the_scheme(uri: str, scheme: str) -> None:
    assert scheme_of(uri) == scheme


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("s3://b/a?c.jpg", "a?c.jpg"),
        ("http://h:1/a/b.jpg?x=1/2", "a/b.jpg"),
        ("http://h", ""),
    ],
)
def test_the_path_is_without_host_and_query(uri: str, path: str) -> None:
    assert path_of(uri) == path


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("/a/m.csv", "/a"),
        ("/m.csv", "/"),
        ("s3://b/m.csv", "s3://b"),
        ("s3://b/x/m.csv", "s3://b/x"),
        ("http://h/x/m.csv?y=a/b", "http://h/x"),
    ],
)
def test_the_folder(url: str, folder: str) -> None:
    assert folder_of(url) == folder


@pytest.mark.parametrize(
    ("uri", "plain"),
    [("./a", "a"), ("././a", "a"), (".//a", "a"), (".a", ".a"), ("../a", "../a"), ("./", "")],
)
def test_dots_in_front_go(uri: str, plain: str) -> None:
    assert without_dots(uri) == plain


@pytest.mark.parametrize(
    ("uri", "folder", "expected"),
    [
        ("a/b.jpg", "/x", "/x/a/b.jpg"),
        ("./b.jpg", "/x", "/x/b.jpg"),
        ("../b.jpg", "/x/y", "/x/y/../b.jpg"),
        ("/b.jpg", "/x", "/b.jpg"),
        ("a%20b.jpg", "/x", "/x/a%20b.jpg"),
        ("file:///y/b%20.jpg", "/x", "/y/b%20.jpg"),
        ("local:///y/b.jpg", "/x", "/y/b.jpg"),
        ("S3://B/a.jpg", "/x", "s3://B/a.jpg"),
        ("a/b.jpg", "s3://b/x", "s3://b/x/a/b.jpg"),
        ("./b.jpg", "s3://b", "s3://b/b.jpg"),
        ("../b?.jpg", "s3://b/x/y", "s3://b/x/b?.jpg"),
        ("../../../other/b.jpg", "s3://b/x", "s3://b/other/b.jpg"),
        ("b.jpg?u=../c", "http://h/x", "http://h/x/b.jpg?u=../c"),
        ("/etc/passwd", "s3://b/x", "/etc/passwd"),
        ("file:///etc/passwd", "s3://b/x", "file:///etc/passwd"),
    ],
)
def test_uris_are_relative_to_the_folder(uri: str, folder: str, expected: str) -> None:
    assert resolved(uri, folder) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "/a.jpg",
        *(f"{scheme}://b/a.jpg" for scheme in ("s3", "s3a", "gs", "gcs", "az", "abfs")),
        *(f"{scheme}://b/a.jpg" for scheme in ("abfss", "adl", "http", "https")),
        "http://[::1]:80/a.jpg",
        "s3://b/a::b.jpg",
        "/x/a::/b.jpg",
    ],
)
def test_a_manifest_of_this_machine_names_files_anywhere(uri: str) -> None:
    assert refusal(uri, "/m.csv") is None


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("ftp://h/a", "ftp"),
        ("github://o:r@/a", "github"),
        ("reference://a", "reference"),
        ("memory://a", "memory"),
        ("zip://a::/x.zip", "zip"),
        ("simplecache::s3://b/a", "simplecache::s3"),
        ("s3://b/a::file:///x", "s3"),
    ],
)
def test_other_schemes_are_not_read(uri: str, shown: str) -> None:
    assert refusal(uri, "/m.csv") == f"'{shown}://' is not read from a manifest"


@pytest.mark.parametrize("manifest", ["s3://b/m.csv", "http://h/m.csv"])
@pytest.mark.parametrize(
    "uri",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "local:///etc/passwd",
        "memory://a",
        "zip://a::/x.zip",
        "simplecache::file:///etc/passwd",
        "s3://b/a::/etc/passwd",
        "s3://b/a::file:///etc/passwd",
    ],
)
def test_a_remote_manifest_names_no_local_files(uri: str, manifest: str) -> None:
    assert refusal(uri, manifest) == REMOTE_AND_LOCAL


@pytest.mark.parametrize(
    ("uri", "manifest"),
    [
        ("http://h/a", "s3://b/m.csv"),
        ("s3://c/a", "s3://b/m.csv"),
        ("memory://b/a", "memory://b/m.csv"),
        ("ftp://h/a", "ftp://h/m.csv"),
    ],
)
def test_a_remote_manifest_names_remote_files_and_its_own_storage(uri: str, manifest: str) -> None:
    assert refusal(uri, manifest) is None


OWN = [
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/x",
    "https://localhost:8443/a",
    "http://LOCALHOST./a",
    "http://x.localhost/a",
    "http://127.1/a",
    "http://2852039166/a",
    "http://0xa9.0xfe.0xa9.0xfe/a",
    "http://0/a",
    "http://user@127.0.0.1:80/a",
    "http://h@127.0.0.1/a",
    "http://127\u30020\u30020\u30021/a",
    "http://\uff11\uff12\uff17.0.0.1/a",
    "http://[::1]/a",
    "http://[::ffff:169.254.169.254]/a",
    "http://[fe80::1%25eth0]/a",
    "http://[fd00:ec2::254]/a",
    "http://[64:ff9b::a9fe:a9fe]/a",
    "http://[2002:7f00:1::]/a",
    "http://100.100.100.200/a",
    "http://metadata/a",
    "http://[broken/a",
    "http:///a",
]


@pytest.mark.parametrize("uri", OWN)
@pytest.mark.parametrize("manifest", ["s3://b/m.csv", "http://h/m.csv"])
def test_a_remote_manifest_names_no_addresses_of_this_machine(uri: str, manifest: str) -> None:
    assert refusal(uri, manifest) == (
        "the manifest is remote and may not name addresses of this machine"
    )


@pytest.mark.parametrize("uri", OWN[:3])
def test_manifests_of_this_machine_may(uri: str) -> None:
    assert refusal(uri, "/m.csv") is None
    assert refusal(uri, "http://127.0.0.1:8000/m.csv") is None


@pytest.mark.parametrize("uri", ["http://10.0.0.1/a", "http://h.org/127.0.0.1", "http://1.2.3/a"])
def test_other_addresses_are_anybodys(uri: str) -> None:
    assert refusal(uri, "http://h/m.csv") is None


@pytest.mark.parametrize(
    ("uri", "manifest", "reach"),
    [
        ("http://h/a", "s3://b/m.csv", Reach.PUBLIC),
        ("http://other/a", "http://h/m.csv", Reach.PUBLIC),
        ("http://h/a", "http://h/m.csv", Reach.NETWORK),
        ("http://8.8.8.8/a", "http://8.8.8.8/m.csv", Reach.PUBLIC),
        ("http://other/a", "http://10.0.0.1/m.csv", Reach.NETWORK),
        ("http://other/a", "http://127.0.0.1/m.csv", Reach.MACHINE),
        ("http://other/a", "http://localhost/m.csv", Reach.MACHINE),
    ],
)
def test_how_near_pages_may_be_goes_by_the_manifest(uri: str, manifest: str, reach: Reach) -> None:
    assert guard_of(uri, manifest, ["10.1.0.0/16"]) == Guard(reach, ("10.1.0.0/16",))


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3://b/a", "s3://"),
        ("http://h/a", "http://"),
        ("az://c@account.blob.core.windows.net/a", "az://c@account.blob.core.windows.net"),
    ],
)
def test_what_can_share_a_file_system_does(uri: str, store: str) -> None:
    assert store_of(uri) == store


@pytest.mark.parametrize(
    ("uri", "manifest", "same"),
    [
        ("http://other/a", "/m.csv", True),
        ("http://h/a", "http://h/m.csv", True),
        ("http://other/a", "http://h/m.csv", False),
        ("http://h:81/a", "http://h/m.csv", False),
        ("https://h/a", "http://h/m.csv", False),
        ("s3://c/a", "s3://b/m.csv", True),
        ("http://b/a", "s3://b/m.csv", False),
        ("az://c@other/a", "az://c@account/m.csv", False),
    ],
)
def test_credentials_are_for_the_store_of_the_manifest(uri: str, manifest: str, same: bool) -> None:
    assert is_same_store(uri, manifest) is same
