"""One YAML file and a few flags become one frozen, validated object with a digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from jobs.engine.settings import OutputSettings, RunSettings
from jobs.layers import Layers
from jobs.messages.errors import UserError
from jobs.sources.settings import PACE, InputSettings
from mtcnn_core.settings.crops import CropSettings
from mtcnn_core.settings.detector import DetectorSettings
from mtcnn_core.settings.images import ImageLimits
from mtcnn_core.settings.models import name_of

# For outputs of earlier versions (see `jobs.continuing`). Setting -> the version of what it means,
# from 2, and in one clause what it meant before; to be raised when rows change for the same value.
MEANINGS: Mapping[str, tuple[int, str]] = {}
# Setting -> the value with which all is as it was before there was the setting, where that is
# another one than its default.
BEFORE: Mapping[str, Any] = {}


class Config(BaseModel):
    """Everything a job can be told, one section a field.

    Attributes:
        detect: The cascade's settings.
        crop: How faces are cropped and which are kept.
        limits: What is too large or too small to be decoded.
        input: How the input is read.
        output: How the output is written.
        run: How the work is spread over workers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    detect: DetectorSettings = Field(default_factory=DetectorSettings)
    crop: CropSettings = Field(default_factory=CropSettings)
    limits: ImageLimits = Field(default_factory=ImageLimits)
    input: InputSettings = Field(default_factory=InputSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    run: RunSettings = Field(default_factory=RunSettings)

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    def __eq__(self, other: object) -> bool:
        """Compares the settings, not how they came about."""
        return isinstance(other, Config) and dict(self) == dict(other)

    @property
    def given(self) -> frozenset[str]:
        """Dotted names of what was said, in a file, a preset or on the command line."""
        return self._given

    def with_values(self, values: Mapping[str, Any]) -> "Config":
        """The same with other values, of dotted names, as JSON has them."""
        tree = self.model_dump(mode="json")
        for key, value in values.items():
            *path, last = key.split(".")
            section = tree
            for name in path:
                section = section[name]
            section[last] = value
        for name, options in (
            ("input", self.input.storage_options),
            ("output", self.output.storage_options),
        ):
            tree[name]["storage_options"] = options
        config = Config.model_validate(tree)
        config._given = self._given
        return config

    def identity(self) -> dict[str, Any]:
        """What determines the output, as JSON values.

        Left out are credentials and whatever only changes how fast or where the job runs.

        Returns:
            Sections `detect`, `crop`, `limits`, `input`, `output` and `run` (its shards).
        """
        dump = self.model_dump(mode="json")
        return {
            "detect": dump["detect"],
            "crop": dump["crop"],
            "limits": dump["limits"],
            "input": {name: value for name, value in dump["input"].items() if name not in PACE},
            "output": dump["output"],
            "run": {"shards": dump["run"]["shards"]},
        }

    def digest(self) -> str:
        """SHA-256 of `identity` as canonical JSON (sorted keys, no spaces, UTF-8), in hex.

        Of the path to a detector's model only the name counts, so the file can be moved: what is
        in it is known by a digest of its own.
        """
        identity = self.identity()
        identity["detect"]["detector"] = name_of(self.detect.detector)
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def load_config(
    path_or_preset: str | None,
    flags: Mapping[str, object] | None = None,
    sets: Sequence[str] = (),
    *,
    stored: Mapping[str, Any] | None = None,
) -> Config:
    """Put a YAML file, named flags and `--set` values together; the later ones win.

    Args:
        path_or_preset: A YAML file, the name of a preset (`facenet160`), or None for the defaults.
        flags: Dotted key to value; None means that the flag was not given.
        sets: `a.b=value` each; the value is read as YAML.
        stored: What an output was made with (see `Config.identity`), below all others.

    Returns:
        The config, all its values checked.

    Raises:
        UserError: A file, key or value is wrong; the sentence names it and says what is allowed.
    """
    layers = Layers(Config)
    if stored is not None:
        layers.lay(stored, "in the job of the output")
    if path_or_preset is not None:
        file = _find(path_or_preset)
        layers.lay(_read(file), f"in {file}")
    for key, value in (flags or {}).items():
        if value is not None:
            layers.lay_key(key, value, "on the command line")
    for text in sets:
        key, value = _parse_set(text)
        layers.lay_key(key, value, "in --set")
    try:
        config = Config.model_validate(layers.tree)
        config._given = layers.keys()
        return config
    except ValidationError as error:
        # From None: the original quotes what was given, and that may hold credentials.
        raise UserError(layers.sentence(error)) from None


def presets() -> dict[str, Path]:
    """The presets that come with this installation, by name."""
    here = Path(__file__).resolve().parent
    # A wheel carries them beside this file; a clone has them in its own top-level folder.
    folder = here / "presets" if (here / "presets").is_dir() else here.parent / "configs"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _find(path_or_preset: str) -> Path:
    path = Path(path_or_preset).expanduser()
    if path.is_file() or path.name != path_or_preset or path.suffix in {".yaml", ".yml"}:
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
    """Raise if a key is there twice, which YAML forbids and its loader takes the last of."""
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
