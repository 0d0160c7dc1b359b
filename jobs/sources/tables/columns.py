"""Which columns of a Parquet file hold the pictures, their keys and their labels."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from jobs.messages.errors import UserError
from jobs.sources.settings import InputSettings
from jobs.sources.tables.column_names import column_named, listed
from jobs.storage.names.file_name import text_of

# By name, because older releases of pyarrow lack the views.
_BINARY = frozenset({"binary", "large_binary", "binary_view"})
_TEXT = frozenset({"string", "large_string", "string_view"})


@dataclass(frozen=True)
class ParquetColumns:
    """The columns of one file that are read.

    Attributes:
        image: The encoded pictures.
        key: What names them, if there is such a column.
        label: What they show, if there is such a column.
        class_names: Names of the numbers in `label`; empty where they are the labels themselves.
        names: All of them and no others, as Parquet names columns and parts of them.
        others: Columns that are not read.
    """

    image: str
    key: str | None
    label: str | None
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def of(cls, schema: pa.Schema, settings: InputSettings, where: str) -> ParquetColumns:
        """Chooses the columns by the settings, else by their types and names.

        Args:
            schema: Schema of the file, with its metadata.
            settings: Columns that are named there must be there and fit.
            where: The file, for messages.

        Raises:
            UserError: A column that is needed is not there or does not fit.
        """
        image = _image(schema, settings.image_column, where)
        key = _scalar(schema, "key", settings.key_column, where)
        label = _scalar(schema, "label", settings.label_column, where)
        kind = schema.field(image).type
        whole = not pa.types.is_struct(kind)
        names = [image] if whole else [f"{image}.bytes"]
        if not whole and kind.get_field_index("path") >= 0:
            names.append(f"{image}.path")
        names += dict.fromkeys(name for name in (key, label) if name is not None)
        class_names = () if label is None else _class_names(schema, label)
        others = tuple(name for name in schema.names if name not in (image, key, label))
        return cls(image, key, label, class_names, tuple(names), others)

    def pictures(self, batch: pa.RecordBatch) -> tuple[pa.Array, list[str | None]]:
        """The encoded pictures of a batch, and the paths stored with them."""
        images = batch.column(self.image)
        if not pa.types.is_struct(images.type):
            return images, [None] * len(images)
        # Flattened, the parts of a row without a struct are null.
        parts = dict(zip((field.name for field in images.type), images.flatten(), strict=True))
        paths = parts.get("path")
        return parts["bytes"], [None] * len(images) if paths is None else texts(paths)

    def keys(self, batch: pa.RecordBatch) -> list[str | None] | None:
        """The keys of a batch, or None if no column holds any."""
        return None if self.key is None else texts(batch.column(self.key))

    @property
    def naming(self) -> str | None:
        """What holds the names of the photos, as Parquet names it; None if nothing does."""
        path = f"{self.image}.path"
        return self.key or (path if path in self.names else None)

    def labels(self, batch: pa.RecordBatch) -> list[str | None]:
        """The labels of a batch; None where the file gives none."""
        if self.label is None:
            return [None] * batch.num_rows
        column = batch.column(self.label)
        if not self.class_names:
            return texts(column)
        return [self._class_name(number) for number in column.to_pylist()]

    def _class_name(self, number: int | None) -> str | None:
        if number is None or number == -1:  # -1: what Hugging Face writes for "not known"
            return None
        known = 0 <= number < len(self.class_names)
        return self.class_names[number] if known else str(number)


def image_columns(schema: pa.Schema) -> list[str]:
    """The columns that can hold pictures, the likelier kind only.

    That is a struct of binary `bytes` and string `path`, as Hugging Face `datasets` writes
    pictures; where there is none, a binary column.
    """
    fields = [field for field in schema if _is_single(schema, field.name)]
    structs = [field.name for field in fields if _is_image_struct(field.type)]
    return structs or [field.name for field in fields if str(field.type) in _BINARY]


def texts(column: pa.Array) -> list[str | None]:
    """Strings or integers as valid text, undecodable bytes as `text_of` writes them."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_floating(column.type):
        return [_number(value) for value in column.to_pylist()]
    raw = column.cast(pa.large_binary()).to_pylist()
    return [
        None if value is None else text_of(value.decode("utf-8", "surrogateescape"))
        for value in raw
    ]


def _number(value: float | None) -> str | None:
    """A number as text; whole ones of which some are missing are floats to pandas."""
    if value is None or math.isnan(value):
        return None
    return str(int(value)) if value.is_integer() else str(value)


def _image(schema: pa.Schema, wanted: str | None, where: str) -> str:
    if wanted is not None:
        found = column_named(wanted, schema.names, where)
        if found is None:
            raise UserError(_missing("image_column", wanted, schema.names, where))
        wanted, kind = found, schema.field(found).type
        if not (_is_image_struct(kind) or str(kind) in _BINARY):
            raise UserError(
                f"the column '{wanted}' of '{where}' holds values of type {kind}, "
                "not encoded pictures: name one of binary values with --set input.image_column=NAME"
            )
        return wanted
    candidates = image_columns(schema)
    if not candidates:
        raise UserError(
            f"'{where}' has no column with encoded pictures: "
            "give Parquet files with a binary column or Hugging Face images"
        )
    if len(candidates) > 1:
        raise UserError(
            f"'{where}' has several columns that can hold pictures ({listed(candidates)}): "
            "say which with --set input.image_column=NAME"
        )
    return candidates[0]


def _scalar(schema: pa.Schema, purpose: str, wanted: str | None, where: str) -> str | None:
    """The column of keys or labels: the one asked for, or one called that way."""
    name = column_named(purpose if wanted is None else wanted, schema.names, where)
    if name is None:
        if wanted is None:
            return None
        raise UserError(_missing(f"{purpose}_column", wanted, schema.names, where))
    kind = schema.field(name).type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    fits = str(values) in _TEXT or pa.types.is_integer(values)
    if fits or (purpose == "label" and pa.types.is_floating(values)):
        return name
    if wanted is None:
        return None
    raise UserError(
        f"the column '{name}' of '{where}' holds values of type {kind}, not strings or integers: "
        f"name another with --set input.{purpose}_column=NAME"
    )


def _is_single(schema: pa.Schema, name: str) -> bool:
    return len(schema.get_all_field_indices(name)) == 1


def _is_image_struct(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return False
    parts = Counter(field.name for field in kind)
    if parts["bytes"] != 1 or parts["path"] > 1:
        return False
    types = {field.name: str(field.type) for field in kind}
    return types["bytes"] in _BINARY and types.get("path", "null") in {*_TEXT, "null"}


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Names of the classes in a column, from what Hugging Face `datasets` keeps in the schema."""
    if not pa.types.is_integer(schema.field(label).type):
        return ()
    try:
        found = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = found["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):  # another column, or another program's metadata
        return ()
    fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if fits else ()


def _missing(setting: str, name: str, names: Sequence[str], where: str) -> str:
    return (
        f"'{where}' has no column '{name}', only {listed(names)}: "
        f"name one of these with --set input.{setting}=NAME"
    )
