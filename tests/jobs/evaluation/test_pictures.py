"""Photos are read again from wherever they came from, and no others."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.evaluation.pictures import Pictures
from jobs.members import Member
from jobs.sources.settings import InputSettings
from jobs.sources.source import ReadError, Source, open_source
from mtcnn_core.settings.images import ImageLimits


@dataclass
class _Watched:
    """A source that notes what is read."""

    source: Source
    read: list[str] = field(default_factory=list)

    def list(self) -> Iterator[Member]:
        return self.source.list()

    def stream(
        self, members: Sequence[Member], max_bytes: int | None = None
    ) -> Iterator[tuple[Member, bytes | ReadError]]:
        for item, data in self.source.stream(members, max_bytes):
            self.read.append(item.key)
            yield item, data


def _png(value: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (20, 30), (value, value, value)).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for value in range(5):
        (tmp_path / "in" / f"{value}.png").write_bytes(_png(value))
    return tmp_path / "in"


def _tar(file: Path, values: Sequence[int]) -> Path:
    with tarfile.open(file, "w") as tar:
        for value in values:
            info = tarfile.TarInfo(f"{value}.png")
            info.size = len(_png(value))
            tar.addfile(info, io.BytesIO(_png(value)))
    return file


def _pictures(url: Path | str) -> tuple[Pictures, _Watched]:
    source = _Watched(open_source(str(url), InputSettings()))
    return Pictures(source, list(source.list()), ImageLimits()), source


def test_only_the_photos_wanted_are_read(folder: Path) -> None:
    pictures, source = _pictures(folder)
    found = dict(pictures.read({"3.png": "", "1.png": ""}))
    assert {key: int(pixels[0, 0, 0]) for key, pixels in found.items()} == {"1.png": 1, "3.png": 3}
    assert source.read == ["1.png", "3.png"]


def test_of_archives_only_those_are_read_that_hold_one_and_as_far_as_needed(tmp_path: Path) -> None:
    _tar(tmp_path / "a.tar", range(4))
    _tar(tmp_path / "b.tar", range(10, 14))
    pictures, source = _pictures(tmp_path / "*.tar")
    uris = {"b.tar/11.png": f"{tmp_path}/b.tar#11.png"}
    items = list(open_source(str(tmp_path / "*.tar"), InputSettings()).list())
    assert uris["b.tar/11.png"].startswith(items[1].uri)
    ((key, pixels),) = pictures.read(uris)
    assert (key, int(pixels[0, 0, 0])) == ("b.tar/11.png", 11)
    assert source.read == ["b.tar/10.png", "b.tar/11.png"]


def test_what_is_gone_or_damaged_meanwhile_is_left_out(folder: Path) -> None:
    pictures, _ = _pictures(folder)
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"")
    (folder / "4.png").write_bytes(bytes(len(_png(4))))
    found = dict(pictures.read(dict.fromkeys(["0.png", "1.png", "2.png", "4.png"], "")))
    assert list(found) == ["0.png"]
    assert found["0.png"].shape == (30, 20, 3)
    assert found["0.png"].dtype == np.uint8
