"""Servers to read from."""

from tests.servers.fixtures import azure, bad_http, object_store, s3

__all__ = ["azure", "bad_http", "object_store", "s3"]
