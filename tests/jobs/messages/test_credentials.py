"""What must not be shown is not shown, and the rest is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.engine.identity import Identity, read_identity
from jobs.engine.ledger.commits import read_failures, write_failure
from jobs.engine.reports import ShardFailure
from jobs.messages import credentials
from jobs.messages.credentials import HIDDEN, in_options, public_url, redacted, remember
from jobs.messages.errors import JobError, OutputError, UserError
from jobs.storage.filesystem import open_filesystem
from jobs.storage.storage import Storage


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_known", set())


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({"secret": "hunter2/+="}, "hunter2/+="),
        ({"secret": "hunter2/+="}, "hunter2%2F%2B%3D"),
        ({"sas_token": "?sv=2024&sig=aB%2Fc%3D12"}, "aB%2Fc%3D12"),
        ({"connection_string": "AccountName=a;AccountKey=aB/c12==;"}, "aB/c12=="),
        ({"client_kwargs": {"headers": {"Authorization": "Bearer hunter2"}}}, "hunter2"),
        ({"proxies": ["http://me:hunter2@proxy"]}, "hunter2"),
        ({"auth": ("me-myself", "hunter2")}, "hunter2"),
        ({"password": 123456}, "123456"),
        ({"token": b"hunter2"}, "hunter2"),
        ({"anything": 'say "hunter2"'}, json.dumps('say "hunter2"')[1:-1]),
    ],
)
def test_a_secret_option_is_hidden(options: dict[str, object], secret: str) -> None:
    remember(options)
    assert redacted(f"before {secret} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "http://127.0.0.1:9000"},
        {"client_kwargs": {"region_name": "eu-west-1"}},
        {"account_name": "photos"},
        {"anon": True, "max_concurrency": 16000},
        {"mode": "r"},
        {"token": "anon"},
        {"token": "google_default"},
        {"access": "read_only", "config_kwargs": {"retries": {"mode": "standard"}}},
        {"password": "eac"},
        {"password": "reach"},
    ],
    ids=str,
)
def test_what_is_no_secret_stays(options: dict[str, object]) -> None:
    remember(options)
    text = "cannot reachable http://127.0.0.1:9000 in eu-west-1 for photos, True, 16000, r"
    text += "; anon, by google_default in a canonical way, read_only, standard"
    assert redacted(text) == text


def test_a_longer_secret_is_hidden_before_one_that_it_contains() -> None:
    remember({"key": "hunter", "secret": "hunter2"})
    assert redacted("hunter2") == HIDDEN


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("at https://me:p%40ss@host/a: no", "at https://***@host/a: no"),
        ("at https://me:p@ss@host/a: no", "at https://***@host/a: no"),
        ("url='http://host/a?X-Amz-Signature=12ab&b=1'", "url='http://host/a?X-Amz-Signature=***&b=1'"),
        ("http://host/a?b=1&sig=12%2F", "http://host/a?b=1&sig=***"),
        ("abfs://photos@account/a at 12:30", "abfs://photos@account/a at 12:30"),
    ],
)  # fmt: skip
def test_credentials_in_an_address_are_hidden_unannounced(text: str, hidden: str) -> None:
    assert redacted(text) == hidden


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://me:pass@host:81/a b", "https://host:81/a b"),
        ("sftp://me:pass@host/a", "sftp://host/a"),
        ("https://host/a?id=5&page=2", "https://host/a?id=5&page=2"),
        ("https://host/a?id=5&X-Amz-Signature=ab", "https://host/a"),
        ("https://host/a?sv=1&se=2&sig=ab", "https://host/a"),
        ("zip://*.jpg::https://me:pass@host/a.zip?sig=ab", "zip://*.jpg::https://host/a.zip"),
        ("s3://bucket/a?key=b.jpg", "s3://bucket/a?key=b.jpg"),
        ("/home/me:you@work/a", "/home/me:you@work/a"),
    ],
)
def test_a_public_url_has_the_place_and_nothing_that_opens_it(url: str, public: str) -> None:
    assert public_url(url) == public


def test_what_opens_a_web_address_goes_into_the_options() -> None:
    url, options = in_options("https://me:pass@host/a?se=1&sig=a%2Fb", {"encoded": True})
    assert url == "https://host/a"
    assert options == {
        "encoded": True,
        "client_kwargs": {"headers": {"Authorization": "Basic bWU6cGFzcw=="}},
        "params": {"se": "1", "sig": "a/b"},
    }


@pytest.mark.parametrize("url", ["https://host/a?id=5", "s3://bucket/a", "sftp://me:pass@host/a"])
def test_other_addresses_are_left_alone(url: str) -> None:
    assert in_options(url, {}) == (url, {})


def test_opening_a_storage_remembers_its_secrets() -> None:
    open_filesystem("memory://a", {"secret": "hunter2"})
    assert redacted("hunter2") == HIDDEN


@pytest.mark.parametrize("error", [UserError, OutputError, JobError])
def test_errors_for_the_user_hold_no_secrets(error: type[Exception]) -> None:
    remember({"secret": "hunter2"})
    assert str(error("the key hunter2 is wrong")) == f"the key {HIDDEN} is wrong"


def test_a_quarantine_record_holds_no_secrets(tmp_path: Path) -> None:
    remember({"secret": "hunter2"})
    storage = Storage(str(tmp_path))
    write_failure(storage, ShardFailure("000-0", "no: hunter2", 1, None, None, "at hunter2"))
    [failure] = read_failures(storage, ["000-0"])
    assert (failure.reason, failure.traceback) == (f"no: {HIDDEN}", f"at {HIDDEN}")


def test_the_record_of_a_job_holds_no_secrets(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    Identity({}, "", input="https://me:hunter2@host/a").write(storage)
    stored = read_identity(storage)
    assert stored is not None and stored.input == "https://host/a"
