"""S3: moto, in a process of its own, that checks signatures."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.object_store import ObjectStore
from tests.servers.process import free_port, served

_REGION = "us-east-1"
_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@contextlib.contextmanager
def s3_store(folder: Path) -> Iterator[ObjectStore]:
    """A bucket, and a user who may use it; nobody else may."""
    for package in ("moto", "flask", "flask_cors", "boto3", "s3fs"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'mtcnn-ray[test]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with served(command, port, folder / "moto.log", {}):
        key, secret = _user(url)
        _check_signatures(url)
        client = {"region_name": _REGION}
        options = {"key": key, "secret": secret, "endpoint_url": url, "client_kwargs": client}
        wrong = "wrong" + secret[5:]
        yield ObjectStore(
            bucket="s3://photos",
            options=options,
            wrong={**options, "secret": wrong},
            secrets=(secret, wrong),
            env={
                "AWS_ACCESS_KEY_ID": key,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_ENDPOINT_URL": url,
                "AWS_DEFAULT_REGION": _REGION,
            },
        )


def _check_signatures(url: str) -> None:
    """From here on."""
    plain = {"Content-Type": "text/plain"}
    request = urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", plain)
    urllib.request.urlopen(request, timeout=30).close()


def _user(url: str) -> tuple[str, str]:
    """Access key and secret of a new user, who may do everything; and the bucket."""
    import boto3

    anybody: dict[str, Any] = {
        "endpoint_url": url,
        "region_name": _REGION,
        "aws_access_key_id": "anybody",
        "aws_secret_access_key": "anything",
    }
    boto3.client("s3", **anybody).create_bucket(Bucket="photos")
    iam = boto3.client("iam", **anybody)
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="everything", PolicyDocument=json.dumps(_ALL))
    keys = iam.create_access_key(UserName="user")["AccessKey"]
    return keys["AccessKeyId"], keys["SecretAccessKey"]
