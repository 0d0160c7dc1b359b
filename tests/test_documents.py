"""What the documents say is there: links, commands, flags, settings, recipes, dates of figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from jobs.cascade.config import CascadeConfig
from jobs.cli.main import app
from jobs.embed.config import EmbedConfig
from jobs.export.config import Config as ExportConfig
from jobs.extract.config import Config
from jobs.feed.config import Config as FeedConfig
from jobs.fit.config import FitConfig
from jobs.kind.loading import presets
from jobs.samples.config import Config as SamplesConfig
from jobs.train.config import EmbeddingTrainingConfig
from jobs.triplets.config import Config as TripletConfig

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
EXTRACT = ROOT / "jobs" / "extract" / "README.md"
EMBED = ROOT / "jobs" / "embed" / "README.md"
README_LINES = 200
PROGRAM = "mtcnn-ray"


def _documents() -> list[Path]:
    folders = [ROOT / name for name in ("jobs", "mtcnn_core", "deploy", "tests")]
    rooms = sorted(file for folder in folders for file in folder.rglob("README.md"))
    return [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *rooms]


DOCUMENTS = _documents()
each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def _prose(document: Path) -> str:
    """The text without its blocks of code."""
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def _anchors(document: Path) -> set[str]:
    """What links can name in a document, made of its headings as GitHub does."""
    headings = re.findall(r"^#+ (.*)$", _prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@each_document
def test_every_link_leads_to_something(document: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(document)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            wrong.append(target)
    assert not wrong


def test_the_readme_is_a_manual_and_no_log() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_every_room_with_a_readme_is_linked_from_the_readme_or_from_the_notes() -> None:
    linked = {
        (document.parent / target.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", _prose(document))
    }
    rooms = [each for each in DOCUMENTS if each.name == "README.md" and each != README]
    assert [each for each in rooms if not {each, each.parent} & linked] == []


# --- commands and flags -------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """Command, such as `models import` -> its flags."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, name: str) -> None:
        found[name] = {option for each in command.params for option in each.opts}
        for below, child in getattr(command, "commands", {}).items():
            walk(child, f"{name} {below}".strip())

    walk(typer.main.get_command(app), "")
    return found


COMMANDS = _commands()
_GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
_FLAGS = {flag for flags in COMMANDS.values() for flag in flags}
# Flags of other programs, in documents.
_OF_OTHERS = re.compile(
    r"\b(docker|kubectl|ray|pip|pytest|taskset|git|conda|pre-commit)\b|^ *--from-literal"
)


def _code_lines(document: Path) -> Iterator[str]:
    """Lines of blocks of code, with continuations joined, and pieces of code in the text."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    prose = "\n\n".join(" ".join(part.split("\n")) for part in _prose(document).split("\n\n"))
    yield from re.findall(r"`([^`]+)`", prose)


def _called(line: str) -> tuple[str, list[str]] | None:
    """The command that a line calls, and its flags; None if it calls none of ours."""
    line = line.split("  #")[0].split(" #")[0]
    match = re.search(rf"(?:^|[\s/]){PROGRAM}(?::\S+)?\s+([a-z][a-z-]*)(?:\s+([a-z]+))?", line)
    if match is None:
        return None
    first, second = match.groups()
    name = f"{first} {second}" if first in _GROUPS and second else first
    return name, re.findall(r"(?<=\s)--[a-z][a-z-]*", line[match.end() :])


@each_document
def test_every_command_is_there_with_its_flags(document: Path) -> None:
    wrong = []
    for line in _code_lines(document):
        if re.match(rf" *(docker (build|push)|pip )|.*install '?{PROGRAM}", line):
            continue
        called = _called(line)
        if called is None:
            continue
        name, flags = called
        known = COMMANDS.get(name)
        if known is None or not set(flags) <= known | {"--help"}:
            wrong.append(line)
    assert not wrong


@each_document
def test_every_flag_in_the_text_is_one_of_some_command(document: Path) -> None:
    pieces = [line for line in _code_lines(document) if not _OF_OTHERS.search(line)]
    flags = {flag for line in pieces for flag in re.findall(r"(?:^|(?<=\s))--[a-z][a-z-]*", line)}
    scripts = {"--deselect", "--timeout", "--check", "--force-exclude"}
    assert flags - _FLAGS - scripts == set()


def test_the_readme_shows_every_command() -> None:
    shown = {called[0].split()[0] for line in _code_lines(README) if (called := _called(line))}
    assert {name.split()[0] for name in COMMANDS if name} - shown == set()


# --- settings -----------------------------------------------------------------------------------


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


DEFAULTS = _flat(Config().model_dump(mode="json"))
# Credentials are in no dump.
_SECRET = {"input.storage_options", "output.storage_options"}
_OF_EXTRACT = DEFAULTS.keys() | _SECRET
_EMBED_DEFAULTS = _flat(EmbedConfig().model_dump(mode="json"))
_OF_EMBED = _EMBED_DEFAULTS.keys() | {"photos.storage_options"}
_OF_FEED, _OF_EXPORT, _OF_TRIPLETS, _OF_TRAINING = (
    {name for name in _flat(config.model_validate({}).model_dump(mode="json")) if "." in name}
    for config in (FeedConfig, ExportConfig, TripletConfig, EmbeddingTrainingConfig)
)
_OF_SAMPLES, _OF_FIT, _OF_CASCADE = (
    {name for name in _flat(config.model_validate({}).model_dump(mode="json")) if "." in name}
    for config in (SamplesConfig, FitConfig, CascadeConfig)
)
SETTINGS = (_OF_EXTRACT | _OF_EMBED | _OF_FEED | _OF_EXPORT | _OF_TRIPLETS | _OF_TRAINING) | (
    _OF_SAMPLES | _OF_FIT | _OF_CASCADE
)
_SECTIONS = {name.split(".")[0] for name in SETTINGS}


def _named(text: str) -> set[str]:
    """Settings that a text names in code: `run.workers`, also with a value."""
    names = re.findall(r"`(?:--set )?([a-z_]+(?:\.[a-z_]+)+)(?=[`=:])", text)
    return {name for name in names if name.split(".")[0] in _SECTIONS and name[-3:] != ".py"}


@each_document
def test_every_setting_that_is_named_is_there(document: Path) -> None:
    if document.name == "CHANGELOG.md":
        pytest.skip("it names settings that have gone")
    sections = {name.rpartition(".")[0] for name in SETTINGS}
    assert _named(_prose(document)) - SETTINGS - sections == set()


def test_every_setting_stands_in_the_tables_of_extract() -> None:
    rows = [line for line in _prose(EXTRACT).splitlines() if line.startswith("|")]
    assert _named("\n".join(row.split("|")[1] for row in rows)) == _OF_EXTRACT


def test_every_setting_of_its_own_stands_in_the_tables_of_embed() -> None:
    rows = [line for line in _prose(EMBED).splitlines() if line.startswith("|")]
    named = _named("\n".join(row.split("|")[1] for row in rows))
    assert named - {"run.changed", "run.gone"} == _OF_EMBED - _OF_EXTRACT


@pytest.mark.parametrize(
    ("room", "settings"),
    [
        ("feed", _OF_FEED),
        ("export", _OF_EXPORT),
        ("triplets", _OF_TRIPLETS),
        ("train", _OF_TRAINING),
        ("samples", _OF_SAMPLES),
        ("fit", _OF_FIT),
        ("cascade", _OF_CASCADE - _OF_SAMPLES - {n for n in _OF_FIT if n.startswith("fit.")}),
    ],
)
def test_every_setting_of_its_own_stands_in_the_table_of_a_room(
    room: str, settings: set[str]
) -> None:
    text = _prose(ROOT / "jobs" / room / "README.md")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    named = _named("\n".join(row.split("|")[1] for row in rows))
    shared = {"run.changed", "run.gone"}
    assert named - shared == settings - _OF_EXTRACT - shared | (
        {"run.workers", "run.ray_address", "run.gpus_per_worker", "run.max_attempts"}
        | {"run.line_every_s"}
        if room == "train"
        else {"run.line_every_s"}
        if room == "fit"
        else set()
    )


@pytest.mark.parametrize("document", [README, EXTRACT, EMBED], ids=["README", "extract", "embed"])
def test_defaults_in_tables_are_those_of_the_program(document: Path) -> None:
    """As far as a row has as many plain values as names."""
    checked, wrong = 0, []
    defaults = _EMBED_DEFAULTS if document == EMBED else DEFAULTS
    for line in _prose(document).splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) != 3 or not (names := re.findall(r"`([a-z_]+\.[a-z_.]+)`", cells[0])):
            continue
        values = re.split(r", (?![^\[]*\])", cells[1].split(";")[0])
        if len(values) != len(names):
            continue
        for name, value in zip(names, values, strict=True):
            if (said := _as_value(value)) is not None:
                checked += 1
                if said != defaults[name]:
                    wrong.append(f"{name} is {defaults[name]}, not {value}")
    assert not wrong
    assert checked > {README: 6, EXTRACT: 35, EMBED: 12}[document]


def _as_value(text: str) -> Any:
    """A default as a table has it: a number, a list of some, a word; None for a description."""
    text = text.replace(" million", "000000")
    if match := re.fullmatch(r"(\d+) (MiB|GiB)", text):
        return int(match[1]) << {"MiB": 20, "GiB": 30}[match[2]]
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text) if "." in text else int(text)
    if text == "false":
        return False
    if text.startswith("["):
        return [float(each) for each in re.findall(r"[\d.]+", text)]
    return text if text in _WORDS else None


_WORDS = {"unsure", "strongest", "mtcnn", "original", "cpu", "auto", "f32"} | {
    *("margin", "jpeg", "all", "folder", "zstd", "bgr"),
    *("model", "dlib", "float32", "redo", "drop"),
}


def test_every_preset_stands_in_the_table_of_extract() -> None:
    text = EXTRACT.read_text(encoding="utf-8").split("## Presets")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == presets().keys()


# --- columns, recipes, figures ------------------------------------------------------------------


def test_every_column_stands_in_the_tables_of_extract() -> None:
    from jobs.extract.schema import faces_schema, images_schema

    text = EXTRACT.read_text(encoding="utf-8").split("## The tables")[1].split("\n## ")[0]
    tables = [part for part in text.split("\n\n") if part.startswith("| column")]
    for table, schema in zip(tables, (images_schema({}), faces_schema({})), strict=True):
        cells = [line.split("|")[1] for line in table.splitlines()[2:]]
        columns = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
        assert columns == schema.names


def test_every_column_stands_in_the_table_of_embed() -> None:
    from jobs.embed.schema import embeddings_schema

    text = EMBED.read_text(encoding="utf-8").split("## The table")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in text.split("\n\n")[1].splitlines()[2:]]
    columns = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert columns == embeddings_schema(128, "float32", {}).names


def test_recipes_name_files_that_are_there() -> None:
    lines = CONTRIBUTING.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("CHECK:"))
    paths = re.findall(r"(?<![\w/.])(?:jobs|mtcnn_core|tests|configs|\.ci)/[\w./-]*\w/?", text)
    examples = {"jobs/NAME/"}
    missing = [path for path in paths if path not in examples and not (ROOT / path).exists()]
    assert len(paths) > 40
    assert not missing


# A date, and what to type: a command of ours, or a module of the tests.
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_TYPED = re.compile(r"`(?:mtcnn-ray [a-z]|python -m tests\.|python -m pytest)")


def _measured(document: Path) -> Iterator[tuple[str, str]]:
    """Tables of figures, each with the section (`##`) that it stands in."""
    for section in re.split(r"^(?=## )", document.read_text(encoding="utf-8"), flags=re.MULTILINE):
        for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
            cells = [cell for row in table.splitlines()[2:] for cell in row.split("|")[2:-1]]
            numbers = [cell for cell in cells if re.match(r"\W*\d*\.?\d[\d.,]*\b", cell.strip())]
            settings = "| default |" in table.splitlines()[0]
            if not settings and 2 * len(numbers) > len(cells):
                yield table, section


@each_document
def test_a_table_of_figures_stands_with_a_date_and_a_command(document: Path) -> None:
    for table, section in _measured(document):
        assert _DATE.search(section.partition(table)[0]), table
        assert _TYPED.search(section.replace("\n", " ")), table


def test_tables_of_figures_are_found() -> None:
    count = {each.relative_to(ROOT).as_posix(): len([*_measured(each)]) for each in DOCUMENTS}
    assert count["README.md"] == 1
    assert count["jobs/evaluation/README.md"] == 4
    assert count["jobs/bench/README.md"] == 2
    assert count["jobs/engine/README.md"] == 2


def test_figures_of_the_readme_are_those_of_the_bench() -> None:
    """The short table repeats rows of the long one."""
    [(short, _)] = _measured(README)
    long = (ROOT / "jobs" / "bench" / "README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in short.splitlines() if row not in long] == []
