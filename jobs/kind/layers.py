"""Layers of settings, laid over one another and checked key by key."""

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from jobs.messages.errors import UserError


class Layers:
    """Nested values from several origins; a later layer wins over an earlier one.

    Attributes:
        tree: The values as they stand, ready to be validated.
    """

    def __init__(self, schema: type[BaseModel]) -> None:
        """Starts empty.

        Args:
            schema: Its fields are the keys allowed; those that are models or dataclasses
                themselves are sections.
        """
        self.tree: dict[str, Any] = {}
        self._schema = schema
        self._origins: dict[str, str] = {}

    def lay(self, values: Mapping[Any, Any], origin: str) -> None:
        """Lays nested values on top.

        Args:
            values: Section to key to value.
            origin: Where they come from, for the error sentences: "in photos.yaml".

        Raises:
            UserError: A key is not known (the nearest is named), or a section is not a mapping.
        """
        self._lay(self.tree, values, origin, self._schema, "")

    def lay_key(self, key: str, value: object, origin: str) -> None:
        """Lays one value on top, under a dotted key; raises as `lay` does."""
        nested: Any = value
        for name in reversed(key.split(".")):
            nested = {name: nested}
        self.lay(nested, origin)

    def keys(self) -> frozenset[str]:
        """Dotted keys of all values and sections that were laid."""
        return frozenset(self._origins)

    def sentence(self, error: ValidationError) -> str:
        """The first thing wrong as one sentence: key, origin, what is allowed, what it is."""
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        while path and ".".join(path) not in self._origins:
            path.pop()
        key = ".".join(path)
        value: Any = self.tree
        for name in path:
            value = value[name]
        rule = first["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        # A section may hold anything, credentials too.
        shown = "" if isinstance(value, Mapping) or _secret(key) else f", not {value!r}"
        origin = self._origins.get(key, "in the config")
        return f"bad value for '{key}' {origin}: {rule}{shown}"

    def _lay(
        self,
        tree: dict[str, Any],
        values: Mapping[Any, Any],
        origin: str,
        schema: type,
        prefix: str,
    ) -> None:
        fields = _fields(schema)
        for raw, value in values.items():
            name, key = str(raw), f"{prefix}{raw}"
            if name not in fields:
                raise UserError(self._unknown(key, origin))
            self._origins[key] = origin
            below = _fields(fields[name])
            if not below:
                tree[name] = _overlaid(tree.get(name), value)
            elif isinstance(value, Mapping):
                self._lay(tree.setdefault(name, {}), value, origin, fields[name], f"{key}.")
            elif value is not None:  # null: a section whose keys are all commented out
                example = f"{key}.{next(iter(below))}"
                raise UserError(
                    f"'{key}' {origin} is a section: set a key below it, such as '{example}'"
                )

    def _unknown(self, key: str, origin: str) -> str:
        section, _, last = key.rpartition(".")
        known = list(_keys(self._schema))
        siblings = [other for other in known if other.rpartition(".")[0] == section]
        by_name = {other.rpartition(".")[2]: other for other in siblings}
        near = [by_name[name] for name in difflib.get_close_matches(last, by_name, n=1)]
        # The right key in the wrong or a misspelt section is as common a slip as a typo.
        near = near or [other for other in known if other.rpartition(".")[2] == last]
        top = [other for other in known if "." not in other]
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(siblings or top)}"
        return f"unknown key '{key}' {origin}: {hint}"


def _secret(key: str) -> bool:
    return "storage_options" in key


def _overlaid(under: Any, over: Any) -> Any:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {**under, **{key: _overlaid(under.get(key), value) for key, value in over.items()}}


def _fields(schema: Any) -> dict[str, Any]:
    """Names and types of a section's fields; empty for what is a value and not a section."""
    if get_origin(schema) is not None or not isinstance(schema, type):
        return {}  # on Python 3.10 dict[str, Any] passes for a class
    if issubclass(schema, BaseModel):
        return {name: field.annotation for name, field in schema.model_fields.items()}
    if dataclasses.is_dataclass(schema):
        hints = get_type_hints(schema)
        return {field.name: hints[field.name] for field in dataclasses.fields(schema)}
    return {}


def _keys(schema: type, prefix: str = "") -> Iterator[str]:
    for name, kind in _fields(schema).items():
        yield f"{prefix}{name}"
        yield from _keys(kind, f"{prefix}{name}.")
