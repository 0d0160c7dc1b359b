"""The JSON records below `_job/`: each ends with a digest of all that stands before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

SEAL = "record_sha256"

_BEFORE, _AFTER = f',\n "{SEAL}": "'.encode(), b'"\n}'

T = TypeVar("T")

_adapters: dict[type, TypeAdapter[Any]] = {}  # made once: that takes longer than to use one


class RecordError(UserError):
    """A record is not as it was written.

    Args:
        path: Where it is in the output.
        why: What is wrong with it.
        fix: What to do about it.
    """

    def __init__(self, path: str, why: str, fix: str) -> None:
        super().__init__(f"'{path}' is damaged ({why}): {fix}")


def write_record(
    storage: Storage, path: str, record: Mapping[str, Any], indent: int | None = 1
) -> None:
    """Publishes a record, which is not empty, with its digest."""
    storage.publish_bytes(sealed(record, indent), path)


def create_record(storage: Storage, path: str, record: Mapping[str, Any]) -> bool:
    """Publishes a record, on one line, where none is; False if there is another one."""
    return storage.create_bytes(sealed(record, indent=None), path)


def read_record(storage: Storage, path: str, kind: type[T], fix: str) -> T:
    """A stored record as a dataclass.

    Raises:
        FileNotFoundError: There is none.
        RecordError: It is damaged.
    """
    return parse_record(stored_bytes(storage, path, fix), path, kind, fix)


def stored_bytes(storage: Storage, path: str, fix: str) -> bytes:
    """What is stored of a record.

    Raises:
        FileNotFoundError: There is none.
        RecordError: It cannot be read.
    """
    try:
        return storage.read_bytes(path)
    except FileNotFoundError:
        raise
    except OSError as error:  # a folder of that name, a bad disk
        raise RecordError(path, f"it cannot be read: {error.strerror}", fix) from error


def sealed(record: Mapping[str, Any], indent: int | None = 1) -> bytes:
    """A record as JSON with its digest."""
    text = json.dumps(record, indent=indent, ensure_ascii=False)
    body = text.removesuffix("}").rstrip("\n").encode()
    return body + _BEFORE + _digest(body) + _AFTER


def unsealed(data: bytes, path: str, fix: str) -> dict[str, Any]:
    """A record without its digest, which fits; those of earlier versions have none.

    Args:
        data: Content of the file.
        path: Where it is in the output.
        fix: What to do if it is damaged.

    Raises:
        RecordError: It is.
    """
    if not data:
        raise RecordError(path, "it is empty", fix)
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RecordError(path, "it is no JSON", fix) from error
    if not isinstance(record, dict):
        raise RecordError(path, "it is no JSON object", fix)
    if record.pop(SEAL, None) is not None:
        body, _, digest = data.rpartition(_BEFORE)
        if digest != _digest(body) + _AFTER:
            raise RecordError(path, "its content is not what its digest says", fix)
    return record


def typed(record: Mapping[str, Any], path: str, kind: type[T], fix: str) -> T:
    """A record as the dataclass of its fields.

    Raises:
        RecordError: It has other fields, or other values in them.
    """
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    try:
        found: T = _adapters[kind].validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RecordError(path, f"{where}: {first['msg']}", fix) from error
    for name in _unknown(record, found):
        raise RecordError(path, f"'{name}' is not known", fix)
    return found


def parse_record(data: bytes, path: str, kind: type[T], fix: str) -> T:
    """The content of a file as a dataclass.

    Raises:
        RecordError: It is damaged.
    """
    return typed(unsealed(data, path, fix), path, kind, fix)


def _unknown(record: Any, found: Any) -> Iterator[str]:
    """Names that no dataclass has a field for: each may be the damaged name of one it has."""
    if is_dataclass(found):
        known = {field.name: getattr(found, field.name) for field in fields(found)}
        yield from sorted(record.keys() - known.keys())
        for name in record.keys() & known.keys():
            yield from _unknown(record[name], known[name])
    elif isinstance(found, Mapping):
        for name, value in found.items():
            yield from _unknown(record[name], value)
    elif isinstance(found, list) and found and is_dataclass(found[0]):
        for each, value in zip(record, found, strict=True):
            yield from _unknown(each, value)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
