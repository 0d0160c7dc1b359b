"""The list of kinds, from which settings, names of inputs and sources know what there is."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.extract.config import load_config
from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources import source
from jobs.sources.kinds import KINDS, NAMES, Kind
from jobs.sources.settings import InputSettings
from jobs.sources.source import ReadError, kind_of, open_source
from jobs.sources.tables.manifest_file import SUFFIXES


def name_of(url: object, **settings: object) -> str:
    return kind_of(str(url), InputSettings.model_validate(settings)).name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_class_that_is_pickled_to_workers(kind: Kind, tmp_path: Path) -> None:
    settings = InputSettings(kind="auto" if kind.url else kind.name)
    opened = open_source(kind.url or str(tmp_path), settings)
    assert f"{type(opened).__module__}.{type(opened).__name__}" == kind.source
    assert pickle.loads(pickle.dumps(opened)) == opened


def test_another_kind_is_refused_with_the_list_of_all() -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, {"input.kind": "zip"})
    assert str(caught.value) == (
        "bad value for 'input.kind' on the command line: "
        "it should be 'auto', 'folder', 'tar', 'parquet' or 'manifest', not 'zip'"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_have_the_last_word(name: str) -> None:
    for url in ("a.tar", "a.csv", "s3://bucket/a", "memory://a.tgz"):
        assert name_of(url, kind=name) == name
    assert name_of("demo:", kind=name) == "demo"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("photos", "folder"),
        ("a/*.jpg", "folder"),
        ("s3://bucket/photos", "folder"),
        ("demo:", "demo"),
        ("A.TAR", "tar"),
        ("{000..009}.tar.gz", "tar"),
        ("https://host/a.tgz?download=1", "tar"),
        ("gs://bucket/list.csv", "manifest"),
        ("a.ndjson", "manifest"),
    ],
)
def test_an_input_is_known_by_the_end_of_its_name(url: str, name: str) -> None:
    assert name_of(url) == name


def test_a_folder_is_one_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.tar").mkdir()
    assert name_of(tmp_path / "a.tar") == "folder"


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"image": [b"1"]}, "parquet"),
        ({"image": [b"1"], "uri": ["a"]}, "parquet"),
        ({"uri": ["a"]}, "manifest"),
        ({"other": [1]}, "parquet"),  # which says what is wrong with it
    ],
)
def test_of_kinds_that_share_an_ending_the_content_tells(
    tmp_path: Path, columns: dict[str, list[object]], name: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert name_of(tmp_path / "a.parquet") == name


def test_manifests_are_known_by_the_endings_they_are_read_by() -> None:
    [manifest] = [kind for kind in KINDS if kind.name == "manifest"]
    assert manifest.endings == SUFFIXES


@dataclass(frozen=True)
class Lines:
    """A kind of input that nobody has: each line of a text file is an item."""

    url: str
    settings: InputSettings

    def list(self) -> Iterator[Member]:
        for number, line in enumerate(Path(self.url).read_bytes().splitlines()):
            yield Member(str(number), self.url, len(line), "", None)

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        lines = Path(self.url).read_bytes().splitlines()
        return ((member, lines[int(member.key)]) for member in members)


def test_a_new_kind_is_one_line_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "KINDS", (*KINDS, Kind("lines", f"{__name__}.Lines", (".txt",))))
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    opened = open_source(str(tmp_path / "a.txt"), InputSettings())
    assert [data for _, data in opened.stream(list(opened.list()))] == [b"one", b"two"]
