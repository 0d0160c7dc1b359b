"""Tar source: what is an item, keys and labels, parts, and archives that are damaged."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource
from jobs.storage.read_error import ReadError

Items = dict[str, bytes | ReadError]
CUT = ReadError("unreadable", "the archive ends in the middle of it")
DAMAGED = ReadError("unreadable", "the archive is damaged here")


def info_of(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info


def tar_of(*files: tuple[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of these files, the end-of-archive marker without its usual 10 kB."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, data in files:
            tar.addfile(info_of(name, data), io.BytesIO(data))
        end = tar.offset
    return out.getvalue()[:end] + bytes(1024)


def tar_with(*infos: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def source_of(url: object, **settings: object) -> TarSource:
    return TarSource(str(url), InputSettings.model_validate(settings))


def rows(url: object, max_bytes: int | None = None, **settings: object) -> list[tuple[Member, Any]]:
    source = source_of(url, **settings)
    members = list(source.list())
    return list(pickle.loads(pickle.dumps(source)).stream(members, max_bytes))


def items(url: object, max_bytes: int | None = None, **settings: object) -> Items:
    found = rows(url, max_bytes, **settings)
    result = {member.key: data for member, data in found}
    assert len(result) == len(found), "keys repeat"
    return result


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        (tmp_path / "x.tar").write_bytes(content)
        return tmp_path / "x.tar"

    return write


Archive = Callable[[bytes], Path]

# What is an item


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_unicode_names_in_every_format(archive: Archive, format: int) -> None:
    files = {"a.jpg": b"1", "é/ü 😀.jpg": b"22", "d" * 90 + "/" + "e" * 90 + ".jpg": b"333"}
    if format != tarfile.USTAR_FORMAT:
        files["n" * 5000 + "/é.jpg"] = b"4444"
    assert items(archive(tar_of(*files.items(), format=format))) == files


def test_data_of_every_length_around_a_block(archive: Archive) -> None:
    files = {f"{n}.jpg": os.urandom(n) for n in (0, 1, 511, 512, 513, 1023, 1024, 1025, 70000)}
    assert items(archive(tar_of(*files.items()))) == files


def test_an_item_tells_uri_and_size(archive: Archive) -> None:
    path = archive(tar_of(("d/a.jpg", b"123")))
    assert [member for member, _ in rows(path)] == [
        Member("d/a.jpg", f"{path}#d/a.jpg", 3, "", "d")
    ]


def test_names_are_only_text(archive: Archive) -> None:
    names = ["/etc/passwd", "../../up.jpg", "./a/b.jpg", "a//c.jpg", "._x.jpg", "__MACOSX/y"]
    found = items(archive(tar_of(*((name, b"") for name in names))))
    assert list(found) == [name.removeprefix("./") for name in names]


def test_undecodable_names_are_escaped(archive: Archive) -> None:
    raw = os.fsdecode(b"d%/a\xff%.jpg")
    found = items(archive(tar_of((raw, b"1"), format=tarfile.GNU_FORMAT)))
    assert found == {"d%/a%ff%25.jpg": b"1"}


def test_a_repeated_name_is_numbered(archive: Archive) -> None:
    names = ["a.jpg", "a.jpg#2", "a.jpg", "b.jpg", "a.jpg"]
    path = archive(tar_of(*((name, str(i).encode()) for i, name in enumerate(names))))
    assert list(items(path).items()) == [
        ("a.jpg", b"0"),
        ("a.jpg#2", b"1"),
        ("a.jpg#3", b"2"),
        ("b.jpg", b"3"),
        ("a.jpg#4", b"4"),
    ]
    assert [member.uri.rpartition("#")[2] for member, _ in rows(path)][2:] == [
        "a.jpg",
        "b.jpg",
        "a.jpg",
    ]


def test_folders_are_passed_over(archive: Archive) -> None:
    long = "f" * 200
    content = tar_with(
        info_of("d", kind=tarfile.DIRTYPE),
        info_of("old/", kind=tarfile.AREGTYPE),
        info_of(f"{long}/", kind=tarfile.AREGTYPE),
        info_of("d/a.jpg", b"1"),
    )
    assert list(items(archive(content))) == ["d/a.jpg"]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "FIFO"),
    ],
)
def test_what_is_no_regular_file_says_so(archive: Archive, kind: bytes, what: str) -> None:
    content = tar_with(info_of("a.jpg", kind=kind), info_of("b.jpg", b"1"))
    error = ReadError("unsupported", f"not a regular file but a {what}")
    assert items(archive(content)) == {"a.jpg": error, "b.jpg": b"\0"}


@pytest.mark.parametrize("format", ["gnu", "posix"])
def test_sparse_files_say_so_and_are_skipped(tmp_path: Path, format: str) -> None:
    with open(tmp_path / "holes.bin", "wb") as file:
        for place in range(40):  # more than fit into one header
            file.seek(place * 100_000)
            file.write(b"x" * 5000)
    (tmp_path / "z.jpg").write_bytes(b"after")
    command = ["tar", "-S", f"--format={format}", "-cf", "x.tar", "holes.bin", "z.jpg"]
    if subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("no GNU tar that can write sparse files")
    if (tmp_path / "x.tar").stat().st_size > 2_000_000:
        pytest.skip("the file system keeps no holes")
    error = ReadError("unsupported", "not a regular file but a sparse file")
    assert items(tmp_path / "x.tar") == {"holes.bin": error, "z.jpg": b"after"}


def test_a_file_over_the_limit_is_passed_over(archive: Archive) -> None:
    found = items(archive(tar_of(("a", b"1"), ("b", bytes(5000)), ("c", b"3"))), max_bytes=4999)
    error = ReadError("too_large", "the file has 5000 bytes, more than the 4999 allowed")
    assert found == {"a": b"1", "b": error, "c": b"3"}


def test_sizes_that_only_a_pax_header_holds(archive: Archive) -> None:
    info = info_of("a.jpg", b"12345")
    info.pax_headers = {"size": "5"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(b"12345"))
    content = bytearray(out.getvalue())
    content[1024 + 124 : 1024 + 136] = b"00000000000\0"  # as for files over 8 GiB
    content[1024 + 148 : 1024 + 156] = b" " * 8
    content[1024 + 148 : 1024 + 156] = b"%06o\0 " % sum(content[1024:1536])
    assert items(archive(bytes(content))) == {"a.jpg": b"12345"}


def test_concatenated_archives_are_read_on(archive: Archive) -> None:
    content = tar_of(("a", b"1")) + tar_of(("b", b"2"))
    assert items(archive(content)) == {"a": b"1", "b": b"2"}


def test_an_empty_archive_has_no_items(archive: Archive) -> None:
    assert items(archive(tar_of())) == {}


def test_a_comment_of_the_archive_is_no_item(archive: Archive) -> None:
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w", pax_headers={"comment": "made by a test"}).close()
    assert items(archive(out.getvalue())) == {}


def test_a_file_without_a_name_has_a_key(archive: Archive) -> None:
    assert items(archive(tar_of(("a", b"1"), ("./", b"2")))) == {"a": b"1", "#1024": b"2"}


# Samples


def labels(url: object, **settings: object) -> dict[str, str | None]:
    return {member.key: member.label for member, _ in rows(url, **settings)}


@pytest.mark.parametrize("order", [("a.cls", "a.jpg"), ("a.jpg", "a.cls")])
def test_a_cls_file_before_or_after_gives_the_label(
    archive: Archive, order: tuple[str, str]
) -> None:
    files = {"a.jpg": b"photo", "a.cls": b" 7\n"}
    path = archive(tar_of(*((name, files[name]) for name in order), ("b.jpg", b"")))
    assert labels(path) == {"a.jpg": "7", "b.jpg": None}


@pytest.mark.parametrize(
    ("content", "label"),
    [
        (b'{"label": "x"}', "x"),
        (b'{"label": 7}', "7"),
        (b'{"label": null}', "d"),
        (b'{"label": true}', "d"),
        (b'{"other": 1}', "d"),
        (b"[1]", "d"),
        (b'{"label": "\\ud800"}', "?"),
    ],
)
def test_a_json_file_gives_the_label(archive: Archive, content: bytes, label: str) -> None:
    assert labels(archive(tar_of(("d/a.jpg", b""), ("d/a.json", content)))) == {"d/a.jpg": label}


def test_the_label_column_names_the_json_value(archive: Archive) -> None:
    path = archive(tar_of(("a.jpg", b""), ("a.json", b'{"label": 1, "name": "x"}')))
    assert labels(path, label_column="name") == {"a.jpg": "x"}


@pytest.mark.parametrize("name", ["Label", " LABEL "])
def test_the_json_value_is_found_however_it_is_spelled(archive: Archive, name: str) -> None:
    side = ("a.json", json.dumps({name: "x", "other": 1}).encode())
    assert labels(archive(tar_of(("a.jpg", b""), side))) == {"a.jpg": "x"}


def test_cls_goes_before_json_and_captions_give_nothing(archive: Archive) -> None:
    sides = [("a.json", b'{"label": 1}'), ("a.cls", b"2"), ("a.txt", b"a caption")]
    assert labels(archive(tar_of(*sides, ("a.jpg", b"")))) == {"a.jpg": "2"}


def test_every_photo_of_a_sample_has_its_label(archive: Archive) -> None:
    path = archive(tar_of(("a.jpg", b""), ("a.seg.png", b""), ("a.cls", b"1"), ("b.jpg", b"")))
    assert labels(path) == {"a.jpg": "1", "a.seg.png": "1", "b.jpg": None}


def test_side_files_without_a_photo_are_items(archive: Archive) -> None:
    names = ["a.json", "a.cls", "b.jpg", "a.txt", ".json", "readme"]
    assert list(items(archive(tar_of(*((name, b"{}") for name in names))))) == names


def test_hidden_files_are_no_sample(archive: Archive) -> None:
    assert labels(archive(tar_of((".a.jpg", b""), (".b.cls", b"1")))) == {
        ".a.jpg": None,
        ".b.cls": None,
    }


def test_the_first_of_two_labels_counts(archive: Archive) -> None:
    path = archive(tar_of(("a.jpg", b""), ("a.1.cls", b"1"), ("a.2.cls", b"2")))
    assert labels(path) == {"a.jpg": "1"}


@pytest.mark.parametrize("endings", [("cls", "jpg"), ("jpg", "cls")])
def test_keys_with_dots_have_their_own_labels(archive: Archive, endings: tuple[str, str]) -> None:
    """More files than a sample may have, so that it is cut between two of them."""
    names = [(f"IMG.2024.{i}.{ending}", b"%d" % i) for i in range(101) for ending in endings]
    path = archive(tar_of(("IMG.cls", b"of all"), ("IMG.2024.x.jpg", b""), *names))
    expected = {f"IMG.2024.{i}.jpg": str(i) for i in range(101)}
    assert labels(path) == {"IMG.2024.x.jpg": "of all", **expected}


def test_a_label_is_not_taken_from_another_photo(archive: Archive) -> None:
    path = archive(tar_of(("d/a.1.jpg", b""), ("d/a.2.cls", b"2"), ("d/a.2.jpg", b"")))
    assert labels(path) == {"d/a.1.jpg": "d", "d/a.2.jpg": "2"}


def test_a_side_file_of_no_photo_is_an_item(archive: Archive) -> None:
    files = [("a.1.jpg", b""), ("a.1.cls", b"1"), ("a.2.cls", b"2"), ("a.3.jpg", b"")]
    assert labels(archive(tar_of(*files))) == {"a.1.jpg": "1", "a.2.cls": None, "a.3.jpg": None}


def test_the_only_side_file_is_for_all_photos_of_its_sample(archive: Archive) -> None:
    files = [("a.left.jpg", b""), ("a.meta.json", b'{"label": 1}'), ("a.right.jpg", b"")]
    assert labels(archive(tar_of(*files))) == {"a.left.jpg": "1", "a.right.jpg": "1"}


def test_the_only_side_file_of_a_rest_is_not_for_all(archive: Archive) -> None:
    photos = [(f"a.{i}.jpg", b"") for i in range(70)]
    assert labels(archive(tar_of(*photos, ("a.0.cls", b"1")))) == {
        **{name: None for name, _ in photos},
        "a.0.cls": None,
    }


def test_the_nearest_of_shared_labels_counts(archive: Archive) -> None:
    path = archive(tar_of(("a.cls", b"1"), ("a.b.cls", b"2"), ("a.b.c.jpg", b""), ("a.d.jpg", b"")))
    assert labels(path) == {"a.b.c.jpg": "2", "a.d.jpg": "1"}


def test_a_sample_of_many_files_is_released_with_the_label_so_far(archive: Archive) -> None:
    photos = [(f"a.{i}.jpg", b"") for i in range(70)]
    assert set(labels(archive(tar_of(("a.cls", b"1"), *photos))).values()) == {"1"}
    found = labels(archive(tar_of(*photos, ("a.cls", b"1"))))
    assert list(found.values()) == [None] * 64 + ["1"] * 6


def test_a_dot_in_a_folder_does_not_end_the_sample_name(archive: Archive) -> None:
    path = archive(tar_of(("v1.0/a.jpg", b""), ("v1.0/b.cls", b"1"), ("v1.0/b.jpg", b"")))
    assert labels(path) == {"v1.0/a.jpg": "v1.0", "v1.0/b.jpg": "1"}


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [("a.json", b"{", "JSON"), ("a.json", b"[" * 100_000, "JSON"), ("a.cls", b"\xff", "text")],
)
def test_a_broken_label_is_an_item_of_its_own(
    archive: Archive, name: str, content: bytes, what: str
) -> None:
    error = ReadError("unsupported", f"the label is not valid {what}")
    assert items(archive(tar_of(("a.jpg", b"1"), (name, content)))) == {"a.jpg": b"1", name: error}


def test_label_pattern_and_no_labels(archive: Archive) -> None:
    path = archive(tar_of(("d/a-7.jpg", b"")))
    assert labels(path, label_pattern=r"-(\d)") == {"d/a-7.jpg": "7"}
    assert labels(path, label="none") == {"d/a-7.jpg": None}


def test_a_large_sample_is_released_with_the_label_so_far(archive: Archive) -> None:
    files = [*((f"a.{i}.jpg", bytes(600)) for i in range(3)), ("a.cls", b"1")]
    found = rows(archive(tar_of(*files)), max_bytes=1000)
    assert [member.label for member, _ in found] == [None, None, "1"]


# Which archives, and their keys


def test_one_archive_has_the_keys_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("d/a.jpg", b"1")))
    assert list(items(tmp_path / "x.tar")) == ["d/a.jpg"]


def several(root: Path) -> Path:
    for number in range(3):
        (root / f"{number}").mkdir()
        (root / f"{number}/t.tar").write_bytes(tar_of(("a.jpg", b"%d" % number)))
    return root


@pytest.mark.parametrize("shape", ["*/t.tar", "**/*.tar", "{0..2}/t.tar", "{0,1,2}/t.tar"])
def test_several_archives_have_their_path_in_the_keys(tmp_path: Path, shape: str) -> None:
    several(tmp_path)
    source = source_of(tmp_path / shape)
    assert [(member.key, member.items) for member in source.list()] == [
        (f"{n}/t.tar", None) for n in range(3)
    ]
    assert items(tmp_path / shape) == {f"{n}/t.tar/a.jpg": b"%d" % n for n in range(3)}


def test_braces_around_one_name_still_tell_the_archive(tmp_path: Path) -> None:
    several(tmp_path)
    assert list(items(tmp_path / "{1..1}/t.tar")) == ["t.tar/a.jpg"]
    assert list(items(tmp_path / "{1..2}/*.tar")) == ["1/t.tar/a.jpg", "2/t.tar/a.jpg"]


def test_an_archive_named_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a{1,2}[3].tar").write_bytes(tar_of(("a", b"1")))
    assert items(tmp_path / "a{1,2}[3].tar") == {"a": b"1"}


def test_the_label_pattern_sees_the_whole_key(tmp_path: Path) -> None:
    several(tmp_path)
    assert list(labels(tmp_path / "*/t.tar", label_pattern="^(.)/t").values()) == ["0", "1", "2"]


def test_the_folder_label_is_of_the_name_in_the_archive(tmp_path: Path) -> None:
    several(tmp_path)
    assert set(labels(tmp_path / "*/t.tar").values()) == {None}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.tar", "there is no file"),
        ("t{1,2}.tar", "there is no file"),
        ("*.tar", "no files match"),
        ("", "is a folder"),
    ],
)
def test_what_is_not_there_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(source_of(tmp_path / name).list())


def test_an_archive_that_is_gone_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1")))
    source = source_of(tmp_path / "x.tar")
    members = list(source.list())
    (tmp_path / "x.tar").unlink()
    [(member, error)] = source.stream(members)
    assert member.key == "x.tar"
    assert error == ReadError("unreadable", "the file is no longer there")


def test_an_archive_that_changed_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1")))
    source = source_of(tmp_path / "x.tar")
    members = list(source.list())
    (tmp_path / "x.tar").write_bytes(tar_of(("a", b"1"), ("b", b"2")))
    [(_, error)] = source.stream(members)
    assert isinstance(error, ReadError)
    assert "changed" in error.message


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.tar")
    error = ReadError("unsupported", "not a regular file but a FIFO")
    assert items(tmp_path / "*.tar") == {"x.tar": error}


# Parts


def random_tar(rng: np.random.Generator) -> bytes:
    """Samples of every shape, in every format, with names repeated never."""
    out = io.BytesIO()
    for number in range(int(rng.integers(1, 30))):
        stem = f"{'d' * int(rng.choice([1, 120]))}/{number:03d}é"
        files = [
            (f"{stem}.{ending}", rng.bytes(int(rng.integers(0, 3000))))
            for ending in ("jpg", "png", "cls", "json", "txt")
            if rng.random() < 0.4
        ]
        format = int(rng.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
        out.write(tar_of(*files, format=format)[: None if rng.random() < 0.1 else -1024])
    return out.getvalue() + bytes(1024)


def test_parts_have_the_items_of_the_whole(archive: Archive, rng: np.random.Generator) -> None:
    for _ in range(40):
        content = bytearray(random_tar(rng))
        for _ in range(int(rng.integers(0, 3))):  # damage
            content[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
        path = archive(bytes(content))
        whole = rows(path)
        for split_bytes in (1, int(rng.integers(1, len(content))), len(content)):
            source = source_of(path, split_bytes=split_bytes)
            parts = list(source.list())
            assert sum(part.size or 0 for part in parts) == len(content)
            assert list(source.stream(parts)) == whole
            assert [row for part in parts for row in source.stream([part])] == whole


def test_parts_are_as_large_as_they_may_be(archive: Archive) -> None:
    path = archive(tar_of(*((f"{n}.jpg", bytes(512)) for n in range(9))))
    parts = list(source_of(path, split_bytes=4 * 1024).list())
    assert [(part.key, part.start, part.stop, part.size) for part in parts] == [
        ("x.tar", 0, 4096, 4096),
        ("x.tar#4096", 4096, 8192, 4096),
        ("x.tar#8192", 8192, None, 2048),
    ]
    assert all(part.items is None and part.is_container for part in parts)


def test_an_archive_with_repeated_names_is_one_part(archive: Archive) -> None:
    names = ["a.jpg", *(f"{n}.jpg" for n in range(20)), "a.jpg"]
    path = archive(tar_of(*((name, bytes(512)) for name in names)))
    assert len(list(source_of(path, split_bytes=1024).list())) == 1


def test_a_compressed_archive_is_one_part(archive: Archive) -> None:
    path = archive(gzip.compress(tar_of(*((f"{n}.jpg", os.urandom(512)) for n in range(20)))))
    [part] = source_of(path, split_bytes=1024).list()
    assert part.stop is None


def test_listing_reads_headers_only(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with open(path, "wb") as file:
        for number in range(50):
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = 100 << 20
            file.write(info.tobuf())
            file.seek(100 << 20, 1)
        file.write(bytes(1024))
    counter = Path("/proc/self/io")
    if not counter.exists():
        pytest.skip("no count of the bytes read")

    def bytes_read() -> int:
        return int(counter.read_text().split()[1])

    before = bytes_read()
    assert len(list(source_of(path, split_bytes=1 << 30).list())) == 5
    assert bytes_read() - before < 1_000_000


# Damage


def test_cut_at_every_byte(archive: Archive) -> None:
    files = {"a.jpg": b"1" * 600, "n" * 150 + ".jpg": b"22", "c.jpg": b"", "d.jpg": b"4" * 512}
    content = tar_of(*files.items(), format=tarfile.GNU_FORMAT)
    ends = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for info in tar:
            ends[info.name] = info.offset_data + info.size
    path = archive(content)
    for stop in reversed(range(len(content))):
        os.truncate(path, stop)
        stream = source_of(path).stream([Member("x.tar", str(path), stop, "", None, None)])
        found = {member.key: data for member, data in stream}
        whole = {name: files[name] for name, end in ends.items() if end <= stop}
        assert {name: data for name, data in found.items() if isinstance(data, bytes)} == whole
        errors = [data for data in found.values() if isinstance(data, ReadError)]
        assert len(errors) <= 1, stop


def test_the_file_that_is_cut_keeps_its_name(archive: Archive) -> None:
    content = tar_of(("a", b"1"), ("b", bytes(600)))
    assert items(archive(content[: 1024 + 512 + 599])) == {"a": b"1", "b": CUT}


@pytest.mark.parametrize("cut", [100, 511])
def test_a_header_that_is_cut_is_a_gap(archive: Archive, cut: int) -> None:
    content = tar_of(("a", b"1"), ("b", b"2"))
    error = ReadError("unreadable", "the archive ends in the middle of a header")
    assert items(archive(content[: 1024 + cut])) == {"a": b"1", "x.tar#1024": error}


def test_a_missing_end_marker_is_no_error(archive: Archive) -> None:
    assert items(archive(tar_of(("a", b"1"))[:1024])) == {"a": b"1"}


def test_any_byte_of_a_header_may_be_damaged(archive: Archive) -> None:
    content = tar_of(("a", b"1"), ("b", bytes(1500)), ("c", b"3"))
    for place in range(1024, 1536):
        if place in (1024 + 154, 1024 + 155):  # behind the checksum, which nobody reads
            continue
        damaged = bytearray(content)
        damaged[place] ^= 0x15
        assert items(archive(bytes(damaged))) == {"a": b"1", "x.tar#1024": DAMAGED, "c": b"3"}


def test_the_first_header_damaged_is_under_the_name_of_the_archive(archive: Archive) -> None:
    content = bytearray(tar_of(("a", b"1"), ("b", b"2")))
    content[0] ^= 1
    assert items(archive(bytes(content))) == {"x.tar": DAMAGED, "b": b"2"}


def test_far_away_headers_are_found_behind_damage(archive: Archive) -> None:
    tail = [(f"{n}", os.urandom(n * 700)) for n in range(300)]
    content = bytearray(tar_of(("a", b"1"), ("b", os.urandom(200_000) + b"ustar" * 999), *tail))
    content[1024] ^= 1
    assert items(archive(bytes(content))) == {"a": b"1", "x.tar#1024": DAMAGED, **dict(tail)}


@pytest.mark.parametrize(
    ("old", "new"),
    [(b" path=", b"xpath="), (b"160 path=", b"999 path="), (b"n\n", b"nn"), (b"path=", b"pathh")],
)
def test_damage_to_a_long_name_costs_the_name_only(
    archive: Archive, old: bytes, new: bytes
) -> None:
    content = tar_of(("é" + "n" * 148, b"1"), ("b", b"2"))
    assert old in content
    damaged = content.replace(old, new, 1)
    found = items(archive(damaged))
    assert list(found.values())[1:] == [b"1", b"2"]
    assert isinstance(found["x.tar"], ReadError)


@pytest.mark.parametrize(
    "content",
    [b"hello", b"hello" * 1000, os.urandom(200_000)],
    ids=["short", "text", "noise"],
)
def test_no_archive_at_all_is_one_error(archive: Archive, content: bytes) -> None:
    [(key, error)] = items(archive(content)).items()
    assert key == "x.tar"
    assert isinstance(error, ReadError)
    assert error.kind == "unreadable"


def test_an_empty_file_is_one_error(archive: Archive) -> None:
    assert items(archive(b"")) == {"x.tar": ReadError("unreadable", "the file is empty")}


def test_a_gap_in_one_of_several_archives(tmp_path: Path) -> None:
    several(tmp_path)
    content = tar_of(("a", b"1"), ("b", b"2"))
    (tmp_path / "1/t.tar").write_bytes(content[:1100])
    assert "1/t.tar#1024" in items(tmp_path / "*/t.tar")


def test_a_name_of_gigabytes_is_not_read(archive: Archive) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    error = ReadError("unreadable", "the archive is damaged here: a name is too long")
    content = tar_of(("a", b"1"))[:1024] + info.tobuf(tarfile.GNU_FORMAT) + bytes(5000)
    assert items(archive(content)) == {"a": b"1", "x.tar#1024": error}


def test_negative_and_absurd_sizes_are_damage(archive: Archive) -> None:
    for size in (b"\xff" * 12, b"\x80" + b"\xff" * 11):
        header = bytearray(info_of("b").tobuf())
        header[124:136] = size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        content = tar_of(("a", b"1"))[:1024] + bytes(header) + tar_of(("c", b"3"))
        assert items(archive(content)) == {"a": b"1", "x.tar#1024": DAMAGED, "c": b"3"}


# Compression

COMPRESSORS: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress]


@pytest.mark.parametrize("compress", COMPRESSORS)
def test_compressed_archives(archive: Archive, compress: Callable[[bytes], bytes]) -> None:
    files = {f"{n}.jpg": os.urandom(n * 5000) for n in range(10)}
    assert items(archive(compress(tar_of(*files.items())))) == files


def test_gzip_in_several_members(archive: Archive) -> None:
    content = tar_of(("a", b"1" * 5000), ("b", b"2"))
    path = archive(gzip.compress(content[:3000]) + gzip.compress(content[3000:]))
    assert items(path) == {"a": b"1" * 5000, "b": b"2"}


@pytest.mark.parametrize("compress", COMPRESSORS)
def test_compressed_and_cut_anywhere(archive: Archive, compress: Callable[[bytes], bytes]) -> None:
    files = {f"{n}.jpg": os.urandom(300) for n in range(5)}
    content = compress(tar_of(*files.items()))
    for stop in range(0, len(content) - 1, 7):
        found = items(archive(content[:stop]))
        errors = [key for key, data in found.items() if isinstance(data, ReadError)]
        assert errors == list(found)[-1:]
        assert {**files, **found}.items() >= {
            (key, data) for key, data in found.items() if key not in errors
        }


def test_nothing_before_the_cut_of_a_gzip_is_lost(archive: Archive) -> None:
    files = {f"{n}.jpg": os.urandom(100_000) for n in range(5)}
    content = gzip.compress(tar_of(*files.items()))
    found = items(archive(content[: len(content) * 7 // 10]))
    assert list(found)[:3] == list(files)[:3]
    assert all(found[key] == files[key] for key in list(files)[:3])
    assert list(found.values())[3:] == [
        ReadError("unreadable", "the compressed data ends too early")
    ]


def test_damage_in_a_gzip_keeps_what_is_before(archive: Archive) -> None:
    files = {f"{n}.jpg": bytes(range(256)) * 400 for n in range(5)}
    content = bytearray(gzip.compress(tar_of(*files.items()), compresslevel=0))
    content[len(content) * 7 // 10] ^= 0xFF  # in stored data only the checksum tells
    error = ReadError("unreadable", "the compressed data is damaged here")
    found = items(archive(bytes(content)))
    assert list(found)[:5] == list(files)
    assert list(found.values())[5:] == [error]


# Remote


def test_remote_archives(rng: np.random.Generator) -> None:
    fs = fsspec.filesystem("memory")
    files = [(f"{n}.jpg", rng.bytes(n * 1000)) for n in range(20)]
    fs.pipe("/tars/0.tar", tar_of(*files))
    fs.pipe("/tars/1.tar.gz", gzip.compress(tar_of(*files)))
    try:
        [member] = source_of("memory://tars/0.tar", split_bytes=1).list()
        assert (member.key, member.uri) == ("0.tar", "memory:///tars/0.tar")
        assert (member.size, member.items) == (len(tar_of(*files)), None)
        assert items("memory://tars/0.tar") == dict(files)
        expected = [f"{tar}/{name}" for tar in ("0.tar", "1.tar.gz") for name, _ in files]
        assert list(items("memory://tars/*")) == expected
        assert list(items("memory://tars/{0.tar,1.tar.gz}")) == expected
        with pytest.raises(UserError, match="there is no file"):
            list(source_of("memory://tars/{0..1}.tar").list())
    finally:
        fs.rm("/tars", recursive=True)


# Memory


def zeros_tar(path: Path, files: int, size: int) -> None:
    """An archive of files that are holes."""
    with open(path, "wb") as file:
        for number in range(files):
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = size
            file.write(info.tobuf())
            file.seek(size, 1)
        file.write(bytes(1024))


def consume(stream: Iterable[tuple[Member, object]]) -> int:
    count = 0
    for _ in stream:
        count += 1
    return count


@pytest.mark.parametrize("compressed", [False, True])
def test_one_sample_is_held_at_a_time(tmp_path: Path, compressed: bool) -> None:
    zeros_tar(tmp_path / "x.tar", 100, 2 << 20)
    if compressed:
        content = (tmp_path / "x.tar").read_bytes()
        (tmp_path / "x.tar").write_bytes(gzip.compress(content, 1))
        del content
    source = source_of(tmp_path / "x.tar")
    members = list(source.list())
    tracemalloc.start()
    try:
        assert consume(source.stream(members)) == 100
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_what_is_too_large_is_never_in_memory(tmp_path: Path) -> None:
    zeros_tar(tmp_path / "x.tar", 2, 200 << 20)
    source = source_of(tmp_path / "x.tar")
    members = list(source.list())
    tracemalloc.start()
    try:
        assert consume(source.stream(members, 1 << 20)) == 2
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


_MEASURE = """
import sys
from jobs.sources.settings import InputSettings
from jobs.sources.tar import TarSource
from tests.system.memory import peak_mb
source = TarSource(sys.argv[1], InputSettings(split_bytes=1 << 40))
before = peak_mb()
count = sum(1 for _ in source.stream(list(source.list())))
print(count, peak_mb() - before)
"""


@pytest.mark.parametrize(
    "files", [100, pytest.param(2500, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_resident_memory_does_not_grow(tmp_path: Path, files: int) -> None:
    zeros_tar(tmp_path / "x.tar", files, 2 << 20)
    result = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path / "x.tar")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    count, grown_mb = map(int, result.stdout.split())
    assert count == files
    assert grown_mb < 64
