"""A bucket that is not there is said to be what is missing."""

from __future__ import annotations

import pytest

from jobs.messages.errors import NotNowError, OutputError, UserError
from jobs.storage.named_files import NamedFiles
from jobs.storage.place import Place
from jobs.storage.storage import Storage
from tests.servers.object_store import ObjectStore


@pytest.mark.parametrize("path", ["", "/x", "/x/", "/x/*.jpg"])
def test_a_missing_bucket_of_an_input(object_store: ObjectStore, path: str) -> None:
    scheme = object_store.bucket.partition("://")[0]
    place = Place.of(f"{scheme}://nowhere{path}", object_store.options, 10.0)
    with pytest.raises(UserError, match=r"there is no (bucket|container) '[a-z0-9]+://nowhere': c"):
        list(NamedFiles.of(place).entries())


def test_a_missing_folder_of_a_bucket_is_no_missing_bucket(object_store: ObjectStore) -> None:
    url = f"{object_store.folder()}/gone"
    place = Place.of(url, object_store.options, 10.0)
    with pytest.raises(UserError, match=rf"there is no file or folder '{url}': check the address"):
        list(NamedFiles.of(place).entries())


def test_a_missing_bucket_of_an_output_is_for_the_user(object_store: ObjectStore) -> None:
    scheme = object_store.bucket.partition("://")[0]
    storage = Storage(f"{scheme}://nowhere/out", object_store.options)
    said = r"nowhere/out' \((there is no bucket|The specified container does).*correct the a"
    with pytest.raises(OutputError, match=said) as caught:
        storage.create_bytes(b"x", "a")
    assert not isinstance(caught.value, NotNowError)
