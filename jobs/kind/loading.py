"""A YAML file, a preset and what was said on the command line become one config."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from jobs.kind.config import Settings
from jobs.kind.layers import Layers
from jobs.messages.errors import UserError

AnyConfig = TypeVar("AnyConfig", bound=Settings)


def load(
    model: type[AnyConfig],
    path_or_preset: str | None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
    *,
    stored: Mapping[str, Any] | None = None,
    others: Collection[str] = (),
) -> AnyConfig:
    """Puts a YAML file, named flags and `--set` values together; the later ones win.

    Args:
        model: The config of the job.
        path_or_preset: A YAML file, the name of a preset (`facenet160`), or None for the defaults.
        flags: Dotted key to value; None means that the flag was not given.
        sets: `a.b=value` each; the value is read as YAML.
        stored: What an output was made with (see :meth:`Settings.identity`), below all others.
        others: Sections of other jobs: in a file or a preset they are passed over.

    Returns:
        The config, all its values checked.

    Raises:
        UserError: A file, key or value is wrong; the sentence names it and says what is allowed.
    """
    layers = Layers(model)
    if stored is not None:
        layers.lay(stored, "in the job of the output")
    if path_or_preset is not None:
        file = _find(path_or_preset)
        own = model.model_fields.keys()
        values = {
            name: value for name, value in _read(file).items() if name in own or name not in others
        }
        layers.lay(values, f"in {file}")
    for key, value in (flags or {}).items():
        if value is not None:
            layers.lay_key(key, value, "on the command line")
    for text in sets:
        key, value = _parse_set(text)
        layers.lay_key(key, value, "in --set")
    try:
        return model.model_validate(layers.tree).as_given(layers.keys())
    except ValidationError as error:
        # From None: the original quotes what was given, and that may hold credentials.
        raise UserError(layers.sentence(error)) from None


def presets() -> dict[str, Path]:
    """The presets that come with this installation, by name."""
    jobs = Path(__file__).resolve().parents[1]
    # A wheel carries them in this package; a clone has them in its own top-level folder.
    folder = jobs / "presets" if (jobs / "presets").is_dir() else jobs.parent / "configs"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _find(path_or_preset: str) -> Path:
    path = Path(os.path.expanduser(path_or_preset))
    if os.path.isfile(path) or path.name != path_or_preset or path.suffix in {".yaml", ".yml"}:
        return path
    known = presets()
    if path_or_preset not in known:
        raise UserError(
            f"there is no config file or preset '{path_or_preset}': "
            f"give a YAML file or one of {', '.join(known)}"
        )
    return known[path_or_preset]


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise UserError(f"cannot read the config file {file}: {reason}") from error
    try:
        _refuse_twins(yaml.compose(text, yaml.SafeLoader))
        values = yaml.safe_load(text)
    except yaml.reader.ReaderError:
        raise UserError(f"{file} is not valid YAML: it is not text") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        # From None: the parser's own report quotes the line, and the line may be a credential.
        raise UserError(f"{file} is not valid YAML:{where} {problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(
            f"{file} must hold sections such as 'crop:' with keys below them, "
            f"but it holds a {type(values).__name__}"
        )
    return values


def _refuse_twins(node: Any) -> None:
    """Raises if a key is there twice, which YAML forbids and its loader takes the last of."""
    names: set[str] = set()
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        if isinstance(child, tuple):
            key, child = child
            if key.value in names:
                problem = f"the key '{key.value}' is there twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            names.add(str(key.value))
        _refuse_twins(child)


def _parse_set(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"--set needs key=value, such as --set crop.size=160, not '{key}'")
    try:
        return key, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        raise UserError(f"the value of --set {key} is not valid YAML: quote it") from None
