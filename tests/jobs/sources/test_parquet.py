"""Parquet source: columns, keys, labels, ranges of rows, and what damage does to the rows."""

from __future__ import annotations

import json
import os
import pickle
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from jobs.members import Member
from jobs.messages.errors import UserError
from jobs.sources.parquet import ParquetSource
from jobs.sources.settings import InputSettings
from jobs.sources.tables.columns import image_columns
from jobs.storage.read_error import ReadError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
Items = list[tuple[Member, bytes | ReadError]]


def source_of(url: object, **settings: object) -> ParquetSource:
    return ParquetSource(str(url), InputSettings.model_validate(settings))


def items_of(source: ParquetSource, max_bytes: int | None = None) -> Items:
    return list(source.stream(list(source.list()), max_bytes))


def contents(url: object, **settings: object) -> dict[str, bytes | ReadError]:
    items = items_of(source_of(url, **settings))
    result = {member.key: data for member, data in items}
    assert len(result) == len(items), "keys repeat"
    return result


def labels(url: object, **settings: object) -> list[str | None]:
    return [member.label for member, _ in items_of(source_of(url, **settings))]


def refusal(url: object, **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        list(source_of(url, **settings).list())
    return str(caught.value)


def written(file: Path, metadata: Any = None, group: int = 100, **columns: pa.Array) -> Path:
    """A file with these columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    pq.write_table(table, file, row_group_size=group, write_page_checksum=True)
    return file


def photos(*names: str | None) -> pa.Array:
    """Hugging Face images; each holds its own name."""
    return pa.array([{"bytes": (name or "?").encode(), "path": name} for name in names], IMAGE)


def numbers(count: int) -> pa.Array:
    return pa.array([f"photo {i}".encode() for i in range(count)])


# Columns


@pytest.mark.parametrize("kind", ["binary", "large_binary", "binary_view"])
def test_pictures_are_found_by_their_type(tmp_path: Path, kind: str) -> None:
    column = pa.array([b"one", b"two"], getattr(pa, kind)())
    try:
        file = written(tmp_path / "a.parquet", picture=column, size=pa.array([3, 3]))
    except pa.ArrowNotImplementedError:
        pytest.skip(f"this pyarrow writes no {kind}")
    assert contents(file) == {"000000000": b"one", "000000001": b"two"}


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_hugging_face_images_come_before_other_binary_columns(
    tmp_path: Path, kind: pa.DataType
) -> None:
    struct = pa.struct([("path", pa.string()), ("bytes", kind)])
    image = pa.array([{"path": "x/1.jpg", "bytes": b"one"}], struct)
    file = written(tmp_path / "a.parquet", thumb=pa.array([b"no"]), image=image)
    assert contents(file) == {"x/1.jpg": b"one"}


def test_a_file_that_datasets_wrote_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"image": [{"bytes": b"one", "path": "1.jpg"}, None], "label": [1, 0]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "a.parquet"))
    [(first, data), (second, missing)] = items_of(source_of(tmp_path / "a.parquet"))
    assert (first.key, first.label, data) == ("1.jpg", "dog", b"one")
    assert (second.key, second.label) == ("000000001", "cat")
    assert missing == ReadError("unsupported", "the row has no image")


def test_of_several_candidates_one_must_be_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", left=pa.array([b"l"]), right=pa.array([b"r"]))
    assert refusal(file) == (
        f"'{file}' has several columns that can hold pictures ('left', 'right'): "
        "say which with --set input.image_column=NAME"
    )
    assert contents(file, image_column="right") == {"000000000": b"r"}


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", uri=pa.array(["1.jpg"]))
    assert "has no column with encoded pictures" in refusal(file)


@pytest.mark.parametrize("setting", ["image_column", "key_column", "label_column"])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, setting: str) -> None:
    file = written(tmp_path / "a.parquet", image=photos("1"), n=pa.array([1]))
    assert refusal(file, **{setting: "x"}) == (
        f"'{file}' has no column 'x', only 'image', 'n': "
        f"name one of these with --set input.{setting}=NAME"
    )


@pytest.mark.parametrize("setting", ["image_column", "key_column", "label_column"])
def test_a_column_that_does_not_fit_is_refused(tmp_path: Path, setting: str) -> None:
    file = written(tmp_path / "a.parquet", image=photos("1"), n=pa.array([[1]]))
    assert f"the column 'n' of '{file}' holds values of type list" in refusal(
        file, **{setting: "n"}
    )


def test_files_that_disagree_about_the_column_are_refused(tmp_path: Path) -> None:
    first = written(tmp_path / "1.parquet", image=photos("1"))
    second = written(tmp_path / "2.parquet", photo=photos("2"))
    assert refusal(tmp_path / "*.parquet") == (
        f"the photos are in the column 'image' of '{first}' but in 'photo' of '{second}': "
        "say which with --set input.image_column=NAME"
    )


def test_kinds_of_file_can_be_told_apart() -> None:
    assert image_columns(pa.schema([("uri", pa.string()), ("label", pa.int64())])) == []
    assert image_columns(pa.schema([("a", pa.binary()), ("image", IMAGE)])) == ["image"]


# Keys


def test_the_path_is_the_key_and_else_the_row(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", image=photos("b/1.jpg", "./c/2.jpg", None, "", "../é"))
    assert list(contents(file)) == ["b/1.jpg", "c/2.jpg", "000000002", "000000003", "../é"]


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        (pa.array(["x", None, ""]), ["x", "000000001", "000000002"]),
        (pa.array([7, None, -8], pa.int16()), ["7", "000000001", "-8"]),
        (pa.array(["x", None, "y"]).dictionary_encode(), ["x", "000000001", "y"]),
        (pa.array([7, None, 8]).dictionary_encode(), ["7", "000000001", "8"]),
        (pa.array(["x", "y", None], pa.large_string()), ["x", "y", "000000002"]),
    ],
    ids=["string", "integer", "dictionary", "dictionary of integers", "large string"],
)
def test_a_key_column_comes_first(tmp_path: Path, column: pa.Array, keys: list[str]) -> None:
    image = photos("1.jpg", "2.jpg", "3.jpg")
    assert list(contents(written(tmp_path / "a.parquet", image=image, key=column))) == keys
    file = written(tmp_path / "b.parquet", image=image, id=column)
    assert list(contents(file, key_column="id")) == keys


def test_a_column_named_key_that_is_none_is_passed_over(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", image=photos("1.jpg"), key=pa.array([1.5]))
    assert list(contents(file)) == ["1.jpg"]


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    raw = pa.array([b"%\xff.jpg"])
    name = pa.Array.from_buffers(pa.string(), 1, raw.buffers())
    file = written(tmp_path / "a.parquet", image=pa.array([b"1"]), key=name)
    assert list(contents(file)) == ["%25%ff.jpg"]


def test_keys_that_repeat_get_the_number_of_their_row(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", image=photos("a", "a#2", "a", "b", "a"), group=2)
    assert list(contents(file)) == ["a", "a#2", "a#2#2", "b", "a#4"]


@pytest.mark.parametrize("split_bytes", [100, 1_000_000])
@pytest.mark.parametrize("name", ["image", "key"])
def test_keys_that_repeat_differ_whatever_the_split(
    tmp_path: Path, split_bytes: int, name: str
) -> None:
    names = ["a", "b", "a", "000000004", None, "./b"]
    columns = {"image": photos(*names)} if name == "image" else {"image": photos(*"123456")}
    if name == "key":
        columns["key"] = pa.array(names)
    file = written(tmp_path / "a.parquet", group=2, **columns)
    keys = [item.key for item, _ in items_of(source_of(file, split_bytes=split_bytes))]
    assert keys == ["a", "b", "a#2", "000000004", "000000004#4", "b#5"]


def test_only_a_file_whose_keys_repeat_is_not_cut(tmp_path: Path) -> None:
    written(tmp_path / "1.parquet", group=2, image=photos("a", "b", "c"))
    written(tmp_path / "2.parquet", group=2, image=photos("a", "b", "a"))
    found = source_of(tmp_path / "*.parquet", split_bytes=100).list()
    assert [(member.key, member.items) for member in found] == [
        ("1.parquet", 2),
        ("1.parquet#2", 1),
        ("2.parquet", 3),
    ]


def test_items_tell_uri_and_size(tmp_path: Path) -> None:
    file = written(tmp_path / "a.parquet", image=photos("1.jpg", "22.jpg"))
    [_, (member, _)] = items_of(source_of(file))
    assert member == Member("22.jpg", f"{file}#1", 6, "", None)


@pytest.mark.parametrize("shape", ["{}/*.parquet", "{}/[ab].parquet", "{}/{{a,b}}.parquet"])
def test_with_several_files_theirs_come_first(tmp_path: Path, shape: str) -> None:
    written(tmp_path / "a.parquet", image=photos("1.jpg"))
    written(tmp_path / "b.parquet", image=photos("1.jpg"))
    assert list(contents(shape.format(tmp_path))) == ["a.parquet/1.jpg", "b.parquet/1.jpg"]


def test_a_file_found_by_a_glob_is_in_its_keys_even_alone(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", image=photos("1.jpg"))
    assert list(contents(tmp_path / "**" / "a.parquet")) == ["a.parquet/1.jpg"]


# Labels


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["cat", None]), ["cat", "b"]),
        (pa.array([3, None]), ["3", "b"]),
        (pa.array([3.0, None]), ["3", "b"]),
        (pa.array([1.5, float("nan")]), ["1.5", "b"]),
        (pa.array([[1], [2]]), ["a", "b"]),
    ],
    ids=["string", "integer", "integer to pandas", "number", "neither"],
)
def test_a_label_column_comes_before_the_folder(
    tmp_path: Path, column: pa.Array, expected: list[str]
) -> None:
    file = written(tmp_path / "x.parquet", image=photos("a/1.jpg", "b/2.jpg"), label=column)
    assert labels(file) == expected


@pytest.mark.parametrize("name", ["Label", " label", "LABEL "])
def test_a_label_column_is_found_however_it_is_spelled(tmp_path: Path, name: str) -> None:
    columns = {"image": photos("a/1.jpg"), name: pa.array(["Ada"])}
    assert labels(written(tmp_path / "x.parquet", **columns)) == ["Ada"]


def test_that_a_column_is_not_taken_for_the_labels_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path / "x.parquet", image=photos("a/1.jpg"), person=pa.array(["Ada"]))
    assert labels(file) == ["a"]
    [message] = caplog.messages
    assert message == (
        f"'{file}' has no column 'label' of text or numbers, so the folders give the labels; not "
        "used are 'person': if one has the labels, name it with --set input.label_column=NAME"
    )
    caplog.clear()
    assert labels(file, label="none") == [None]
    assert caplog.messages == []


def test_a_label_column_can_be_named(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=photos("a/1.jpg"), who=pa.array(["Ada"]))
    assert labels(file, label_column="who") == ["Ada"]


def test_the_name_of_the_file_is_no_label(tmp_path: Path) -> None:
    written(tmp_path / "x.parquet", image=photos("1.jpg"))
    assert labels(tmp_path / "*.parquet") == [None]


def test_a_pattern_is_searched_in_the_whole_key(tmp_path: Path) -> None:
    written(tmp_path / "s1.parquet", image=photos("1.jpg"))
    assert labels(tmp_path / "*.parquet", label_pattern="^s([0-9])") == ["1"]


def test_class_numbers_become_names(tmp_path: Path) -> None:
    metadata = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    column = pa.array([1, 0, -1, 7, None, -2])
    image = photos("1", "2", "3", "4", "5", "6")
    file = written(tmp_path / "x.parquet", metadata, image=image, label=column)
    assert labels(file) == ["dog", "cat", None, "7", None, "-2"]


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        {"info": None},
        {"info": {"features": {"label": 1}}},
        {"info": {"features": {"label": {"names": "abcdefg"}}}},
    ],
)
def test_metadata_of_another_shape_is_passed_over(tmp_path: Path, metadata: Any) -> None:
    file = written(tmp_path / "x.parquet", metadata, image=photos("1"), label=pa.array([4]))
    assert labels(file) == ["4"]


# Rows without a picture


def test_rows_without_a_picture_say_so(tmp_path: Path) -> None:
    rows = [None, {"bytes": None, "path": "1.jpg"}, {"bytes": None, "path": None}]
    image = pa.array([*rows, {"bytes": b"", "path": "2.jpg"}], IMAGE)
    missing = ReadError("unsupported", "the row has no image")
    assert contents(written(tmp_path / "x.parquet", image=image)) == {
        "000000000": missing,
        "1.jpg": ReadError("unsupported", "the row holds only a path, no bytes"),
        "000000002": missing,
        "2.jpg": b"",
    }


def test_a_picture_over_the_limit_is_passed_over(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=photos("1", "22"))
    [_, (member, data)] = items_of(source_of(file), max_bytes=1)
    assert data == ReadError("too_large", "the file has 2 bytes, more than the 1 allowed")
    assert member.key == "22"


# Ranges of rows


def test_small_row_groups_are_one_member(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=numbers(10), group=3)
    [member] = source_of(file).list()
    assert (member.key, member.uri, member.label) == ("x.parquet", str(file), None)
    assert (member.items, member.start, member.stop) == (10, 0, 10)
    assert member.version == str(file.stat().st_mtime_ns)


def test_large_files_are_cut_between_row_groups(tmp_path: Path) -> None:
    rng = random.Random(1)
    image = pa.array([rng.randbytes(10_000) for _ in range(10)])
    file = written(tmp_path / "x.parquet", image=image, group=2)
    members = list(source_of(file, split_bytes=45_000).list())
    assert [(m.key, m.start, m.stop, m.items) for m in members] == [
        ("x.parquet", 0, 4, 4),
        ("x.parquet#4", 4, 8, 4),
        ("x.parquet#8", 8, 10, 2),
    ]
    assert all(40_000 < (member.size or 0) <= 45_000 for member in members[:2])


def test_row_groups_count_by_their_bytes_not_their_rows(tmp_path: Path) -> None:
    rng = random.Random(2)
    image = pa.array([rng.randbytes(size) for size in (100, 100, 100, 100, 9000, 9000)])
    file = written(tmp_path / "x.parquet", image=image, group=2)
    members = source_of(file, split_bytes=10_000).list()
    assert [(member.start, member.stop) for member in members] == [(0, 4), (4, 6)]


def test_the_sizes_of_all_ranges_are_that_of_the_file(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=numbers(100), group=7)
    members = source_of(file, split_bytes=1).list()
    assert sum(member.size or 0 for member in members) == file.stat().st_size


@pytest.mark.parametrize("split_bytes", [1, 3000, 10**9])
def test_all_ranges_together_are_the_whole(tmp_path: Path, split_bytes: int) -> None:
    image = numbers(1000)
    file = written(tmp_path / "x.parquet", image=image, group=30)
    read = contents(file, split_bytes=split_bytes)
    assert read == {f"{i:09d}": data for i, data in enumerate(image.to_pylist())}


def test_ranges_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.parquet", image=numbers(6), group=2)
    source = source_of(tmp_path / "*.parquet", split_bytes=1)
    members = list(source.list())
    order = [members[i] for i in (5, 0, 2, 3)]
    rows = [member.uri.removeprefix(f"{tmp_path}/") for member, _ in source.stream(order)]
    assert rows == [
        *("b.parquet#4", "b.parquet#5", "a.parquet#0", "a.parquet#1"),
        *("a.parquet#4", "a.parquet#5", "b.parquet#0", "b.parquet#1"),
    ]


def test_files_without_rows_have_no_members(tmp_path: Path) -> None:
    written(tmp_path / "1.parquet", image=photos())
    written(tmp_path / "2.parquet", image=photos("x"))
    assert [member.key for member in source_of(tmp_path / "*.parquet").list()] == ["2.parquet"]
    assert "there are no rows in" in refusal(tmp_path / "1.parquet")


def test_files_come_in_order_though_footers_are_read_together(tmp_path: Path) -> None:
    for i in range(50):
        written(tmp_path / f"{i:02}.parquet", image=numbers(1 + 2000 * (i % 2)))
    members = source_of(tmp_path / "*.parquet", threads=4).list()
    assert [member.key for member in members] == [f"{i:02}.parquet" for i in range(50)]


def test_a_source_travels(tmp_path: Path) -> None:
    source = source_of(written(tmp_path / "x.parquet", image=photos("1")))
    assert items_of(pickle.loads(pickle.dumps(source))) == items_of(source)


# Memory


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """80 MB of photos in one row group, its pages as small as a careful writer makes them."""
    rng = random.Random(3)
    image = pa.array([rng.randbytes(100_000) for _ in range(800)])
    pq.write_table(
        pa.table({"image": image}), tmp_path / "x.parquet", use_dictionary=False, write_batch_size=4
    )
    return tmp_path / "x.parquet"


def test_a_row_group_is_not_held_whole(large: Path) -> None:
    source = source_of(large)
    members = list(source.list())
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    arrow = max(pa.total_allocated_bytes() - before for _ in source.stream(members))
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert arrow + python < 30e6


def test_a_consumer_that_stops_lets_go_of_the_file(large: Path) -> None:
    def opened() -> int:
        return sum(
            os.path.realpath(f"/proc/self/fd/{fd}") == str(large.resolve())
            for fd in os.listdir("/proc/self/fd")
        )

    source = source_of(large)
    stream = source.stream(list(source.list()))
    next(stream)
    assert opened() == 1
    stream.close()  # type: ignore[attr-defined]
    assert opened() == 0


# Damage


def overwrite(file: Path, group: int, column: int = 0) -> None:
    """Damage the pages of a column in a row group; the footer stays whole."""
    chunk = pq.read_metadata(file).row_group(group).column(column)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    with file.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"\xff" * chunk.total_compressed_size)


def damaged(row_group: int) -> ReadError:
    text = f"the Parquet file cannot be read: row group {row_group} is damaged"
    return ReadError("unreadable", text)


@pytest.mark.parametrize("column", [0, 1])
def test_a_damaged_row_group_costs_its_rows_only(tmp_path: Path, column: int) -> None:
    key = pa.array([f"k{i}" for i in range(6)])
    file = written(tmp_path / "x.parquet", image=numbers(6), key=key, group=2)
    overwrite(file, 1, column)
    assert contents(file) == {
        "k0": b"photo 0",
        "k1": b"photo 1",
        "000000002": damaged(1),
        "000000003": damaged(1),
        "k4": b"photo 4",
        "k5": b"photo 5",
    }


def test_damaged_rows_keep_their_numbers_in_every_range(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=photos(*"abcdef"), group=2)
    overwrite(file, 2)
    keys = ["a", "b", "c", "d", "000000004", "000000005"]
    assert list(contents(file, split_bytes=1)) == keys


def test_a_flipped_bit_is_found_by_its_checksum(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=pa.array([bytes(range(256))]))
    data = bytearray(file.read_bytes())
    data[data.index(bytes(range(100, 120)))] ^= 1
    file.write_bytes(data)
    assert contents(file) == {"000000000": damaged(0)}


def test_a_file_that_changed_costs_its_rows(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=photos(*"abcd"), group=2)
    source = source_of(file, split_bytes=1)
    members = list(source.list())
    written(file, image=photos("a", "b", "ccccccccccccccccccc", "d"), group=2)
    changed = ReadError("unreadable", "the file changed after it was listed")
    read = [(member.key, data) for member, data in source.stream(members)]
    assert read == [(f"00000000{row}", changed) for row in range(4)]


def test_a_column_that_went_costs_the_rows(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=photos("a"))
    source = source_of(file)
    members = list(source.list())
    written(file, uri=pa.array(["a"]))
    [(_, data)] = source.stream(members)
    assert data == ReadError("unreadable", "the file changed after it was listed")


def test_a_file_that_is_gone_costs_its_rows(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.parquet", image=photos("1", "2"), group=1)
    source = source_of(tmp_path / "*.parquet", split_bytes=1)
    members = list(source.list())
    (tmp_path / "a.parquet").unlink()
    gone = ReadError("unreadable", "the file is no longer there")
    assert {member.key: data for member, data in source.stream(members)} == {
        "a.parquet/000000000": gone,
        "a.parquet/000000001": gone,
        "b.parquet/1": b"1",
        "b.parquet/2": b"2",
    }


def test_a_file_cut_short_while_it_is_read_is_not_called_damaged(tmp_path: Path) -> None:
    file = written(tmp_path / "x.parquet", image=numbers(4), group=2)
    source = source_of(file)
    stream = source.stream(list(source.list()))
    next(stream)
    os.truncate(file, 10)
    error = ReadError("unreadable", "the file became shorter while it was read")
    assert [data for _, data in stream] == [b"photo 1", error, error]


NO_FOOTER = "the Parquet file cannot be read: its footer is damaged or missing"


def test_a_broken_file_among_others_is_one_row(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", image=photos("1"))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    os.mkfifo(tmp_path / "c.parquet")
    (tmp_path / "d.parquet").symlink_to("nowhere")
    (tmp_path / "e.parquet").touch()
    assert contents(tmp_path / "*.parquet") == {
        "a.parquet/1": b"1",
        "b.parquet": ReadError("unreadable", NO_FOOTER),
        "c.parquet": ReadError("unsupported", "not a regular file but a FIFO"),
        "d.parquet": ReadError("unreadable", "the file is no longer there"),
        "e.parquet": ReadError("unreadable", NO_FOOTER),
    }


def test_a_file_that_was_broken_when_it_was_listed_is_read_when_it_is_whole(tmp_path: Path) -> None:
    written(tmp_path / "a.parquet", image=photos("1"))
    (tmp_path / "b.parquet").touch()
    source = source_of(tmp_path / "*.parquet")
    members = list(source.list())
    written(tmp_path / "b.parquet", image=photos("2"))
    assert [data for _, data in source.stream(members)] == [b"1", b"2"]


def test_a_broken_file_alone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_text("not Parquet at all")
    assert refusal(file) == f"{NO_FOOTER}: give another file than '{file}'"


def test_no_single_byte_of_damage_changes_how_many_rows_there_are(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / f"{name}.parquet", image=photos(*"pqrst"), group=2)
    file, source = tmp_path / "b.parquet", source_of(tmp_path / "*.parquet")
    whole = file.read_bytes()
    rng = random.Random(0)
    for place in rng.sample(range(len(whole)), 150):
        data = bytearray(whole)
        data[place] ^= rng.randrange(1, 256)
        file.write_bytes(data)
        try:
            members = list(source.list())
        except UserError:  # a column has another name or type now
            continue
        count = sum(member.items or 1 for member in members)
        assert count in (6, 10), place
        assert len(list(source.stream(members))) == count, place


# Other file systems


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder in fsspec's memory file system."""
    memory = fsspec.filesystem("memory")
    for name in ("a", "b"):
        with memory.open(f"/bucket/x/{name}.parquet", "wb") as file:
            table = pa.table({"image": photos(f"{name}1", f"{name}2")})
            pq.write_table(table, file, row_group_size=1)
    yield "memory://bucket/x"
    memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize("names", ["*.parquet", "{a,b}.parquet", "[ab].parquet"])
def test_remote_files(bucket: str, names: str) -> None:
    read = contents(f"{bucket}/{names}", split_bytes=1)
    assert read == {
        f"{name}.parquet/{name}{i}": f"{name}{i}".encode() for name in "ab" for i in (1, 2)
    }


def test_one_remote_file(bucket: str) -> None:
    [(first, data), _] = items_of(source_of(f"{bucket}/a.parquet"))
    assert (first.key, data) == ("a1", b"a1")
    assert first.uri.endswith("/bucket/x/a.parquet#0")


class Denied(MemoryFileSystem):  # type: ignore[misc]
    """A store that lists what it does not let anyone read."""

    protocol = "denied"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("denied://", "memory://")))

    def cat_file(self, path: str, **options: Any) -> bytes:
        raise PermissionError(path)


def test_storage_that_denies_reading_is_not_called_damage(bucket: str) -> None:
    fsspec.register_implementation("denied", Denied, clobber=True)
    denied = ReadError("unreadable", "the storage denied permission to read the file")
    assert contents("denied://bucket/x/*.parquet") == {"a.parquet": denied, "b.parquet": denied}


def test_a_remote_file_that_is_gone_costs_its_rows(bucket: str) -> None:
    source = source_of(f"{bucket}/a.parquet")
    members = list(source.list())
    fsspec.filesystem("memory").rm("/bucket/x/a.parquet")
    gone = ReadError("unreadable", "the file is no longer there")
    read = [(member.key, data) for member, data in source.stream(members)]
    assert read == [("000000000", gone), ("000000001", gone)]
