"""Objects are listed under the names that they have, however odd, and read by them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from fsspec.asyn import sync

from jobs.messages.errors import UserError
from jobs.sources.folder import FolderSource
from jobs.sources.settings import InputSettings
from jobs.storage.read_error import ReadError
from jobs.storage.remote import azure_listing, gcs_listing
from tests.servers.object_store import ObjectStore

ODD = {
    "/lead.jpg": b"lead",
    "a.jpg": b"a",
    "dbl//e.jpg": b"e",
    "dbl/f.jpg": b"ff",
    "dbl///g.jpg": b"ggg",
    "named": b"object",
    "named/h.jpg": b"in the folder",
    "tail/": b"photo, with a slash",
    "z é #1 ?&+%20.jpg": b"signs",
}


def put(store: ObjectStore, files: dict[str, bytes]) -> str:
    """Uploads files below a folder of their own; the URL of that, without a slash."""
    url, filesystem = store.folder(), store.filesystem()
    for key, data in files.items():
        filesystem.pipe_file(f"{url}/{key}", data)
    return url


def read(store: ObjectStore, url: str, **settings: Any) -> dict[str, bytes | ReadError]:
    source = FolderSource(url, InputSettings(storage_options=dict(store.options), **settings))
    listed = list(source.list())
    found = {member.key: data for member, data in source.stream(listed)}
    assert [member.key for member in listed] == sorted(found)
    return found


@pytest.mark.parametrize("written", ["{}", "{}/", "{}/**"])
def test_every_object_is_listed_and_read(any_store: ObjectStore, written: str) -> None:
    url = put(any_store, ODD)
    assert read(any_store, written.format(url)) == ODD


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("**/*.jpg", [key for key in ODD if key.endswith(".jpg")]),
        ("*/*.jpg", ["/lead.jpg", "dbl/f.jpg", "named/h.jpg"]),
        ("d*/*/e.jpg", ["dbl//e.jpg"]),
        ("d*//*.jpg", ["dbl//e.jpg"]),
    ],
)
def test_a_glob_reaches_folders_without_a_name(
    s3: ObjectStore, pattern: str, keys: list[str]
) -> None:
    url = put(s3, ODD)
    assert read(s3, f"{url}/{pattern}") == {key: ODD[key] for key in keys}


def test_what_lies_below_a_folder_without_a_name_is_listed(any_store: ObjectStore) -> None:
    url = put(any_store, ODD)
    assert read(any_store, f"{url}/dbl//*.jpg") == {"e.jpg": b"e"}


def test_the_folder_is_read_where_an_object_has_its_name(any_store: ObjectStore) -> None:
    url = put(any_store, ODD)
    assert read(any_store, f"{url}/named/") == {"h.jpg": b"in the folder"}


def test_an_object_and_a_folder_of_one_name_are_not_guessed_at(any_store: ObjectStore) -> None:
    url = put(any_store, ODD)
    with pytest.raises(UserError, match=r"is both an object and a folder: write '.*/named/' for"):
        read(any_store, f"{url}/named")
    assert read(any_store, f"{url}/name[d]") == {"named": b"object"}


def test_an_empty_object_of_its_name_only_marks_a_folder(any_store: ObjectStore) -> None:
    url = put(any_store, {"named": b"", "named/h.jpg": b"h"})
    assert read(any_store, f"{url}/named") == {"h.jpg": b"h"}


def test_an_object_called_like_the_folder_that_is_read_is_told(
    any_store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    url = put(any_store, {"": b"photo", "b.jpg": b"b"})
    with caplog.at_level(logging.WARNING, "jobs"):
        assert read(any_store, f"{url}/") == {"b.jpg": b"b"}
    assert f"{url}/' was left out: the folder that is read has its name" in caplog.text


def test_a_missing_bucket_is_one_sentence(any_store: ObjectStore) -> None:
    scheme = any_store.bucket.partition("://")[0]
    with pytest.raises(UserError, match=r"there is no (bucket|container) '.*nowhere-at-all"):
        read(any_store, f"{scheme}://nowhere-at-all/")


@pytest.mark.parametrize("glob", ["", "*"])
@pytest.mark.parametrize(
    ("store", "module"), [("gcs", gcs_listing), ("azure", azure_listing)], ids=["gcs", "azure"]
)
def test_a_listing_goes_on_behind_a_page(
    store: str,
    module: ModuleType,
    glob: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PAGE", 3)
    files = {f"{number}.jpg": b"%d" % number for number in range(7)}
    store_of: ObjectStore = request.getfixturevalue(store)
    assert read(store_of, f"{put(store_of, files)}/{glob}") == files


def test_blobs_that_stand_for_folders_are_no_photos(azure: ObjectStore) -> None:
    url, filesystem = put(azure, {"a/b.jpg": b"b"}), azure.filesystem()
    container, _, folder = filesystem._strip_protocol(url).partition("/")

    async def mark() -> None:
        async with filesystem.service_client.get_blob_client(container, f"{folder}/a") as blob:
            await blob.upload_blob(b"", metadata={"hdi_isfolder": "true"})

    sync(filesystem.loop, mark)
    assert read(azure, f"{url}/") == {"a/b.jpg": b"b"}


def test_an_object_is_read_by_who_may_not_list(s3: ObjectStore) -> None:
    boto3 = pytest.importorskip("boto3")
    url = put(s3, {"a.jpg": b"a"})
    iam = boto3.client(
        "iam",
        endpoint_url=s3.options["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=s3.options["key"],
        aws_secret_access_key=s3.options["secret"],
    )
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    secrets = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    reader = replace(s3, options={**s3.options, **secrets})
    assert read(reader, f"{url}/a.jpg") == {"a.jpg": b"a"}
