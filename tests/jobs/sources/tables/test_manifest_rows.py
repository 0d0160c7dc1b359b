"""Rows of a manifest: what each format gives, and what is refused with its line."""

import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tables.manifest_file import read_rows
from jobs.sources.tables.manifest_rows import Row, has_uri


def rows_of(path: Path, **settings: object) -> list[Row]:
    return list(read_rows(str(path), InputSettings.model_validate(settings)))


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def parquet(tmp_path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    return tmp_path / "m.parquet"


def refusal(path: Path, **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        rows_of(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "M")


FORMATS = {
    "m.csv": "other,uri,key,label,size,version\n,a.jpg,k,l,3,v\n,b.jpg,,,,\n",
    "m.CSV": "uri,key,label,bytes,etag\r\na.jpg,k,l,3,v\r\nb.jpg,,,,\r\n",
    "m.tsv": "uri\tkey\tlabel\tsize\tversion\na.jpg\tk\tl\t3\tv\nb.jpg\t\t\t\t\n",
    "m.jsonl": (
        '{"uri": "a.jpg", "key": "k", "label": "l", "size": 3, "version": "v", "x": [1]}\n'
        '{"uri": "b.jpg", "label": null}\n'
    ),
    "m.ndjson": (
        '{"uri": "a.jpg", "key": "k", "label": "l", "size": null, "bytes": 3, "etag": "v"}\r\n'
        '{"uri": "b.jpg", "key": ""}'
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    assert rows_of(written(tmp_path, name, FORMATS[name])) == [
        Row("a.jpg", "k", "l", 3, "v"),
        Row("b.jpg", None, None, None, ""),
    ]


def test_parquet_gives_rows_of_text_and_whole_numbers(tmp_path: Path) -> None:
    file = parquet(
        tmp_path,
        uri=pa.array(["a.jpg", "b.jpg"]).dictionary_encode(),
        key=pa.array([7, None], pa.int32()),
        label=pa.array(["l", ""], pa.large_string()),
        size=pa.array([3, None], pa.uint64()),
        etag=pa.array([12, None]),
    )
    assert rows_of(file) == [Row("a.jpg", "7", "l", 3, "12"), Row("b.jpg", None, None, None, "")]


def test_parquet_comes_in_the_order_of_its_row_groups(tmp_path: Path) -> None:
    table = pa.table({"uri": [str(i) for i in range(10_000)]})
    pq.write_table(table, tmp_path / "m.parquet", row_group_size=999)
    assert [row.uri for row in rows_of(tmp_path / "m.parquet")] == table["uri"].to_pylist()


def test_a_parquet_column_of_photos_is_no_size(tmp_path: Path) -> None:
    assert rows_of(parquet(tmp_path, uri=["a"], bytes=[b"photo"])) == [
        Row("a", None, None, None, "")
    ]


def test_columns_can_have_other_names(tmp_path: Path) -> None:
    file = written(tmp_path, "m.csv", "uri,key,id,who\na,k,1,x\n")
    assert rows_of(file, key_column="id", label_column="who") == [Row("a", "1", "x", None, "")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", "URI, Label ,Size\na.jpg, Ada Lovelace,3\n"),
        ("m.tsv", " uri\tLABEL\tbytes \na.jpg\tAda Lovelace\t3\n"),
        ("m.jsonl", '{"Uri": "a.jpg", "Label": "Ada Lovelace", "SIZE": 3}\n'),
    ],
)
def test_columns_are_found_however_they_are_spelled(
    tmp_path: Path, name: str, content: str
) -> None:
    file = written(tmp_path, name, content)
    assert rows_of(file) == [Row("a.jpg", None, "Ada Lovelace", 3, "")]
    other = written(tmp_path, name, content.replace("abel", "ABEL").replace("LABEL", "Person"))
    assert rows_of(other, label_column="perSON")[0].label == "Ada Lovelace"


def test_the_column_that_is_spelled_as_said_comes_first(tmp_path: Path) -> None:
    file = written(tmp_path, "m.csv", "uri,Label,label\na.jpg,no,yes\n")
    assert rows_of(file)[0].label == "yes"
    file = written(tmp_path, "m.csv", "uri,Label,LABEL\na.jpg,no,no\n")
    assert refusal(file) == "'M' has 2 columns 'label' ('Label', 'LABEL'): rename all but one"


def test_that_a_column_is_not_taken_for_the_labels_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, "m.csv", "uri,person\na.jpg,Ada\n")
    rows_of(file)
    [message] = caplog.messages
    assert "so the folders give the labels; not used are 'person'" in message
    caplog.clear()
    rows_of(file, label_column="person")
    rows_of(written(tmp_path, "n.csv", "uri,size\na.jpg,3\n"))
    assert caplog.messages == []


def test_whole_numbers_that_pandas_made_floats_are_whole(tmp_path: Path) -> None:
    file = parquet(tmp_path, uri=["a", "b"], label=[7.0, None], size=[3.0, float("nan")])
    assert rows_of(file) == [Row("a", None, "7", 3, ""), Row("b", None, None, None, "")]


def test_one_column_can_be_two_things(tmp_path: Path) -> None:
    file = parquet(tmp_path, uri=["a"], who=["x"])
    assert rows_of(file, key_column="who", label_column="who") == [Row("a", "x", "x", None, "")]


def test_csv_may_quote_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    file = written(tmp_path, "m.csv", 'uri,label\n"a,""b"".jpg","two\r\nlines"\nc,d\n')
    assert rows_of(file) == [
        Row('a,"b".jpg', None, "two\r\nlines", None, ""),
        Row("c", None, "d", None, ""),
    ]


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path, name: str) -> None:
    content = {"m.csv": "uri\nü.jpg\n", "m.jsonl": '{"uri": "ü.jpg"}\n'}[name]
    file = written(tmp_path, name, content.encode("utf-8-sig"))
    assert [row.uri for row in rows_of(file)] == ["ü.jpg"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", "\n \nuri,label\n\na,b\n   \n\nc,d\n\n"),
        ("m.jsonl", '\n{"uri": "a"}\n  \r\n{"uri": "c"}\n\n'),
    ],
)
def test_blank_lines_are_passed_over(tmp_path: Path, name: str, content: str) -> None:
    assert [row.uri for row in rows_of(written(tmp_path, name, content))] == ["a", "c"]


def test_numbers_in_json_are_keys_and_labels(tmp_path: Path) -> None:
    file = written(tmp_path, "m.jsonl", '{"uri": "a", "key": 12, "label": 0}')
    assert rows_of(file) == [Row("a", "12", "0", None, "")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "", "'M' needs a column 'uri': it has none"),
        ("m.csv", "a,b\n1,2\n", "'M' needs a column 'uri': it has 'a', 'b'"),
        ("m.csv", "uri,uri\n1,2\n", "'M' has 2 columns 'uri' ('uri', 'uri'): rename all but one"),
        (
            "m.csv",
            'uri,label\n"a\nb",c\n\nd\n',
            "line 5 of 'M' has 1 columns where the first line has 2: correct it",
        ),
        (
            "m.csv",
            "uri\na\nb,c\n",
            "line 3 of 'M' has 2 columns where the first line has 1: correct it",
        ),
        ("m.csv", "uri,label\n,b\n", "line 2 of 'M' has no uri: fill it in or remove the row"),
        (
            "m.csv",
            'uri\na\n"b\nc\n',
            "line 3 of 'M' is not valid CSV (unexpected end of data): check its quotes",
        ),
        (
            "m.csv",
            b"uri\na\n\xff\n",
            "line 3 of 'M' is not UTF-8 text: save the file as UTF-8",
        ),
        (
            "m.csv",
            "uri\na\n".encode("utf-16"),
            "line 1 of 'M' is not UTF-8 text: save the file as UTF-8",
        ),
        (
            "m.csv",
            "uri\na\0b\n",
            "line 2 of 'M' is not UTF-8 text: save the file as UTF-8",
        ),
        (
            "m.csv",
            "uri,size\na,1\nb,-1\n",
            "the size in line 3 of 'M' is not a number of bytes: correct it or leave it empty",
        ),
        ("m.jsonl", '\n{"label": "a"}', "line 2 of 'M' has no uri: fill it in or remove the row"),
        ("m.jsonl", '{"uri": ""}', "line 1 of 'M' has no uri: fill it in or remove the row"),
        ("m.jsonl", '{"uri": 7}', "the uri in line 1 of 'M' is not text: correct it"),
        ("m.jsonl", '{"uri": "\\ud800"}', "the uri in line 1 of 'M' is not text: correct it"),
        ("m.jsonl", '{"uri": "a\\u0000"}', "the uri in line 1 of 'M' is not text: correct it"),
        (
            "m.jsonl",
            '{"uri": "a", "label": true}',
            "the label in line 1 of 'M' is not text: correct it",
        ),
        *(
            (
                "m.jsonl",
                f'{{"uri": "a", "size": {size}}}',
                "the size in line 1 of 'M' is not a number of bytes: correct it or leave it empty",
            )
            for size in ("1.5", "-1", "true", str(1 << 63))
        ),
        *(
            (
                "m.jsonl",
                f'{{"uri": "a"}}\n{line}\n',
                "line 2 of 'M' is not a JSON object: write one object on every line",
            )
            for line in ('["a"]', '"a"', '{"uri": "a"', "[" * 100_000, "9" * 10_000, "NaN")
        ),
        (
            "m.txt",
            "uri\na\n",
            "'M' is not a kind of manifest that is known: "
            "its name must end in one of .csv, .tsv, .jsonl, .ndjson, .parquet",
        ),
    ],
)
def test_what_is_wrong_is_refused(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    assert refusal(written(tmp_path, name, content)) == message


def test_a_quote_that_is_never_closed_is_named_before_the_file_is_in_memory(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, "m.csv", 'uri\n"a\n' + "b.jpg\n" * 100_000)
    assert refusal(file).startswith("line 2 of 'M' is not valid CSV (field larger than")


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    with open(tmp_path / "m.jsonl", "wb") as file:
        file.write(b" " * (17 << 20))
    assert refusal(tmp_path / "m.jsonl").startswith("line 1 of 'M' is not UTF-8 text")


@pytest.mark.parametrize("setting", ["key_column", "label_column"])
def test_a_column_asked_for_must_be_there(tmp_path: Path, setting: str) -> None:
    message = "'M' needs a column 'who': it has 'uri'"
    assert refusal(written(tmp_path, "m.csv", "uri\na\n"), **{setting: "who"}) == message


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"uri": [1]}, "the column 'uri' of 'M' holds int64: it must hold text"),
        (
            {"uri": ["a"], "label": [[1]]},
            "the column 'label' of 'M' holds list<element: int64>: "
            "it must hold text or whole numbers",
        ),
        ({"uri": ["a", None]}, "row 2 of 'M' has no uri: fill it in or remove the row"),
        ({"url": ["a"]}, "'M' needs a column 'uri': it has 'url'"),
    ],
)
def test_what_is_wrong_in_parquet_is_refused(
    tmp_path: Path, columns: dict[str, object], message: str
) -> None:
    assert refusal(parquet(tmp_path, **columns)) == message


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, "m.parquet", "uri\na\n"))
    assert message.startswith("cannot read 'M' (")
    assert message.endswith("): write it again")


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    file = parquet(tmp_path, uri=[f"{i}.jpg" for i in range(1000)])
    data = bytearray(file.read_bytes())
    data[4:60] = bytes(56)
    file.write_bytes(data)
    assert refusal(file).startswith("cannot read 'M' (")


def test_text_in_parquet_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
    )
    assert refusal(parquet(tmp_path, uri=broken)).startswith("cannot read 'M' (")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.string(), True),
        (pa.large_string(), True),
        (pa.dictionary(pa.int32(), pa.string()), True),
        (pa.binary(), False),
        (pa.int64(), False),
    ],
)
def test_a_manifest_has_a_uri_of_text(kind: pa.DataType, expected: bool) -> None:
    assert has_uri(pa.schema([("uri", kind)])) is expected


def test_other_parquet_is_no_manifest() -> None:
    assert not has_uri(pa.schema([("image", pa.binary())]))


def test_rows_come_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    file = written(tmp_path, "m.csv", "uri\na\n" + "b\n" * 100_000 + "c,d\n")
    assert next(read_rows(str(file), InputSettings())).uri == "a"


# Made to take all memory or all time


def test_a_value_that_is_too_long_is_refused(tmp_path: Path) -> None:
    long = "n" * 70_000
    what = "the uri in line 2 of 'M' is longer than 65536 characters: correct it"
    assert refusal(written(tmp_path, "m.csv", f"uri\n{long}\n")) == what


@pytest.mark.parametrize("store_schema", [True, False])
def test_a_long_value_that_parquet_repeats_is_refused_before_it_is_copied(
    tmp_path: Path, store_schema: bool
) -> None:
    many = pa.array([0] * 100_000, pa.int32())
    uris = pa.DictionaryArray.from_arrays(many, pa.array(["n" * (1 << 20)]))
    pq.write_table(pa.table({"uri": uris}), tmp_path / "m.parquet", store_schema=store_schema)
    what = "a value in the column 'uri' of 'M' is longer than 65536 characters: correct it"
    tracemalloc.start()
    try:
        assert refusal(tmp_path / "m.parquet") == what
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_more_rows_than_a_file_can_hold_are_refused(tmp_path: Path) -> None:
    many = pa.array([0] * 2_000_000, pa.int32())
    uris = pa.DictionaryArray.from_arrays(many, pa.array(["a.jpg"]))
    pq.write_table(pa.table({"uri": uris}), tmp_path / "m.parquet")
    assert "more rows than such a small file can hold" in refusal(tmp_path / "m.parquet")


def test_a_footer_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "m.parquet", "wb") as file:  # takes no space
        file.seek(1 << 40)
        file.write(((1 << 32) - 1).to_bytes(4, "little") + b"PAR1")
    assert refusal(tmp_path / "m.parquet") == (
        "cannot read 'M' (its footer is too long): write it again"
    )
