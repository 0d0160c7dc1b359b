"""S3 is listed a page at a time."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.messages.errors import UserError
from jobs.storage.remote.remote_tree import RemoteTree
from tests.servers.object_store import ObjectStore


def fill(store: ObjectStore, keys: list[str]) -> tuple[Any, str]:
    fs, url = store.filesystem(), store.folder()
    fs.pipe({f"{url}/{key}": key.encode() for key in keys})
    return fs, fs._strip_protocol(url)


def keys_below(fs: Any, root: str) -> list[str]:
    return [entry.key for entry in RemoteTree(fs, root).walk(None)]


def test_every_object_is_listed_in_key_order(s3: ObjectStore) -> None:
    keys = ["a/b.jpg", "a.jpg", "a-b/c.jpg", "a/b/c.jpg", "ä.jpg", "z.jpg", "\U0001f600.jpg"]
    assert keys_below(*fill(s3, keys)) == sorted(keys)


def test_neighbours_with_the_same_beginning_are_not_below(s3: ObjectStore) -> None:
    fs, root = fill(s3, ["in/a.jpg"])
    fs.pipe_file(f"{root}/in-between.jpg", b"")
    assert keys_below(fs, f"{root}/in") == ["a.jpg"]


def test_a_page_is_asked_for_when_it_is_wanted(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"{number:04d}.jpg" for number in range(1200)]
    fs, root = fill(s3, keys)
    pages = []
    call = fs.call_s3

    def counted(*arguments: Any, **keywords: Any) -> Any:
        pages.append(keywords.get("ContinuationToken"))
        return call(*arguments, **keywords)

    # fsspec hands the same file system to all, so the test gives it back as it was.
    monkeypatch.setattr(fs, "call_s3", counted)
    entries = RemoteTree(fs, root).walk(None)
    found = [next(entries).key]
    assert len(pages) == 1
    found += [entry.key for entry in entries]
    assert (found, len(pages)) == (keys, 2)


def test_markers_of_folders_are_no_photos(s3: ObjectStore) -> None:
    fs, root = fill(s3, ["a/b.jpg"])
    fs.call_s3("put_object", Bucket=root.partition("/")[0], Key=root.partition("/")[2] + "/a/")
    assert keys_below(fs, root) == ["a/b.jpg"]


def test_sizes_and_versions_are_those_of_the_folder_listing(s3: ObjectStore) -> None:
    fs, root = fill(s3, ["a.jpg", "b.jpg"])
    tree = RemoteTree(fs, root)
    assert list(tree.walk(None)) == tree._children("")


def test_a_bucket_that_is_not_there_is_one_sentence(s3: ObjectStore) -> None:
    tree = RemoteTree(s3.filesystem(), "nowhere-at-all")
    with pytest.raises(UserError, match=r"nowhere-at-all"):
        list(tree.walk(None))
