from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from jobs.engine.records import RecordError, parse_record, sealed, write_record
from jobs.storage.storage import Storage


@dataclass(frozen=True)
class Leaf:
    size: int = 0


@dataclass(frozen=True)
class Tree:
    name: str
    leaves: dict[str, Leaf] = field(default_factory=dict)


RECORD = {"name": "ä", "leaves": {"a": {"size": 1}}}


def parsed(data: bytes) -> Tree:
    return parse_record(data, "_job/tree.json", Tree, "plant another")


@pytest.mark.parametrize("indent", [1, None])
def test_record_comes_back(indent: int | None) -> None:
    assert parsed(sealed(RECORD, indent)) == Tree("ä", {"a": Leaf(1)})


def test_record_is_json_for_everybody(tmp_path: Path) -> None:
    write_record(Storage(str(tmp_path)), "tree.json", RECORD)
    stored = json.loads((tmp_path / "tree.json").read_text(encoding="utf-8"))
    assert len(stored.pop("record_sha256")) == 64
    assert stored == RECORD


def test_record_without_digest_is_of_an_earlier_version() -> None:
    assert parsed(json.dumps(RECORD).encode()) == Tree("ä", {"a": Leaf(1)})


@pytest.mark.parametrize("indent", [1, None])
def test_every_changed_byte_is_found(rng: np.random.Generator, indent: int | None) -> None:
    data = sealed(RECORD, indent)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= int(rng.integers(1, 256))
        with pytest.raises(RecordError):
            parsed(bytes(changed))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"{", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[]", "it is no JSON object"),
        (b"{}", "name: Field required"),
        (b'{"name": 1}', "name: Input should be a valid string"),
        (b'{"name": "", "leaf": 1}', "'leaf' is not known"),
        (b'{"name": "", "leaves": {"a": {"sise": 1}}}', "'sise' is not known"),
        (b'{"name": "", "leaves": {"a": 1}}', "leaves.a: "),
    ],
)
def test_what_is_wrong_is_one_sentence(data: bytes, why: str) -> None:
    with pytest.raises(RecordError) as error:
        parsed(data)
    sentence = str(error.value)
    assert sentence.startswith(f"'_job/tree.json' is damaged ({why}")
    assert sentence.endswith("): plant another")
