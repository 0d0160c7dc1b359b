"""What commands are told of the settings: with a file, flags and --set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from pydantic import BaseModel

from jobs import registry
from jobs.cli.flags import DETECTING, FLAGS, Given, takes
from jobs.curate.kind import CURATE
from jobs.embed.kind import EMBED
from jobs.export.kind import EXPORT
from jobs.extract.config import Config, load_config
from jobs.extract.kind import EXTRACT
from jobs.feed.kind import FEED
from jobs.kind.config import JobConfig
from jobs.kind.loading import presets
from jobs.messages.errors import UserError
from jobs.samples.kind import SAMPLES
from jobs.triplets.kind import TRIPLETS

Command = Callable[..., int]


class StampSettings(BaseModel, frozen=True, extra="forbid"):
    """A section that only one job has."""

    colour: str = "blue"


class StampConfig(JobConfig):
    """The settings of another job than `extract`."""

    stamp: StampSettings = StampSettings()


STAMPS: Any = replace(EXTRACT, name="stamps", config=StampConfig)  # type: ignore[arg-type]


@pytest.fixture
def two_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is another job besides `extract`."""
    monkeypatch.setattr(registry, "JOBS", (EXTRACT, STAMPS))


def run(command: Command, *words: object) -> int:
    """Runs a command as the command line does, and returns its exit code."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(command)
    code: int = typer.main.get_command(app).main(list(map(str, words)), standalone_mode=False)
    return code


def parameters_of(command: Command) -> dict[str, Any]:
    """Name -> the parameters of a command, as its help lists them."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return {each.name or "": each for each in typer.main.get_command(app).params}


def given_by(words: Sequence[object], *names: str, **more: Any) -> Given:
    """What a command with some flags is told."""
    found: list[Given] = []

    @takes(*names, **more)
    def command(given: Given) -> int:
        found.append(given)
        return 0

    assert run(command, *words) == 0
    [given] = found
    return given


def written(folder: Path, text: str) -> str:
    """A config file."""
    file = folder / "job.yaml"
    file.write_text(text)
    return str(file)


# The parameters of a command.


def test_nothing_said_is_nothing_given() -> None:
    found = given_by([], "workers", "min-face")
    assert (found.file, list(found.sets)) == (None, [])
    assert found.flags == {"run.workers": None, "detect.min_face": None}
    assert found.load(EXTRACT) == Config()
    assert found.load(EXTRACT).given == frozenset()


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("workers", "3", 3),
        ("model", "mine", "mine"),
        ("dtype", "float16", "float16"),
        ("photos", "s3://b/moved", "s3://b/moved"),
        ("ray-address", "auto", "auto"),
        ("min-face", "24.5", 24.5),
        ("device", "cuda", "cuda"),
        ("engine", "openvino", "openvino"),
        ("precision", "f32", "f32"),
        ("detector", "mtcnn", "mtcnn"),
        ("longest-side", "none", "none"),
        ("weights", "mine", "mine"),
        ("stage", "r", "r"),
        ("changed", "redo", "redo"),
        ("gone", "drop", "drop"),
        ("verdicts", "own.csv", "own.csv"),
        ("against", "lfw", ["lfw"]),
        ("calibrate", None, True),
        ("where", "score > 1", "score > 1"),
        ("group", "neighbours", "neighbours"),
        ("vectors", "vectors", "vectors"),
        ("split", "train=.5,val=.5", "train=.5,val=.5"),
        ("margin", "0.3", 0.3),
        ("per-anchor", "5", 5),
        ("format", "facenet", "facenet"),
    ],
)
def test_a_flag_stands_for_its_setting(name: str, word: str | None, value: object) -> None:
    setting = FLAGS[name].setting
    found = given_by([f"--{name}", *([word] if word else [])], name)
    assert found.flags == {setting: value}
    kinds: Any = (CURATE, EMBED, FEED, TRIPLETS, EXPORT, SAMPLES)
    config: JobConfig = found.load(next((k for k in kinds if name in k.flags), EXTRACT))
    if name in ("device", "engine", "precision"):  # what both have
        assert getattr(config.embed, name) == value  # type: ignore[attr-defined]
        config = found.load(EXTRACT)
    section, _, key = setting.partition(".")
    has = getattr(getattr(config, section), key)
    assert (list(has) if isinstance(has, tuple) else has) == value
    assert config.given == {section, setting}


def test_a_flag_that_can_be_repeated_and_was_not_given_says_nothing() -> None:
    assert given_by([], "against").flags == {"curate.against": None}
    said = given_by(["--against", "a", "--against", "b"], "against").flags
    assert said == {"curate.against": ["a", "b"]}


def test_every_flag_is_known_to_the_test_above() -> None:
    marks: Any = test_a_flag_stands_for_its_setting.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == FLAGS.keys()
    assert {FLAGS[name].setting.partition(".")[0] for name in DETECTING} == {"detect"}


def test_a_command_has_the_flags_it_takes_and_no_others() -> None:
    @takes("workers", "ray-address")
    def command(output: str, given: Given, *, as_json: bool = False) -> int:
        return 0

    options = [option for each in parameters_of(command).values() for option in each.opts]
    expected = ["output", "--config", "--preset", "--workers", "--ray-address", "--set"]
    assert options == [*expected, "--as-json"]
    with pytest.raises(Exception, match="No such option: --min-face"):
        run(command, "out", "--min-face", 30)


def test_a_command_without_sets() -> None:
    @takes("workers", sets=False)
    def command(given: Given) -> int:
        assert given.sets == ()
        return 0

    assert "sets" not in parameters_of(command)
    assert run(command, "--workers", 1) == 0


def test_the_rest_of_a_command_is_as_it_is_written() -> None:
    @takes("workers")
    def paint(
        source: Annotated[str, typer.Argument(metavar="INPUT")],
        given: Given,
        colour: Annotated[str, typer.Option("--colour", help="Of the paint.")] = "blue",
        *,
        as_json: Annotated[bool, typer.Option("--json")] = False,
    ) -> int:
        """Paints."""
        painted.append((source, colour, as_json, given.flags["run.workers"]))
        return 7

    painted: list[tuple[Any, ...]] = []
    assert (paint.__name__, paint.__doc__) == ("paint", "Paints.")
    parameters = parameters_of(paint)
    assert list(parameters) == ["source", "config", "workers", "sets", "colour", "as_json"]
    assert (parameters["source"].metavar, parameters["colour"].help) == ("INPUT", "Of the paint.")
    assert parameters["workers"].help == FLAGS["workers"].help
    assert run(paint, "in") == 7
    assert run(paint, "--workers", 2, "in", "--json", "--colour", "red") == 7
    assert painted == [("in", "blue", False, None), ("in", "red", True, 2)]


def test_sets_are_all_there_in_order() -> None:
    found = given_by(["--set", "crop.size=98", "--set", "crop.size=99"])
    assert list(found.sets) == ["crop.size=98", "crop.size=99"]
    assert found.load(EXTRACT).crop.size == 99
    # Nothing of one call is left in the next.
    assert list(given_by([]).sets) == []


@pytest.mark.parametrize("option", ["--config", "--preset"])
def test_a_file_and_a_preset_are_named_alike(tmp_path: Path, option: str) -> None:
    file = written(tmp_path, "crop: {size: 96}")
    assert given_by([option, file]).load(EXTRACT).crop.size == 96
    assert given_by([option, "arcface112"]).load(EXTRACT) == load_config("arcface112")


def test_a_preset_of_the_command_is_taken_where_none_is_named() -> None:
    assert given_by([], preset="arcface112").load(EXTRACT) == load_config("arcface112")
    named = given_by(["--config", "facenet160"], preset="arcface112")
    assert named.load(EXTRACT) == load_config("facenet160")
    assert "arcface112" in presets()


# What wins.


@pytest.mark.parametrize(
    ("file", "unless_said", "flag", "sets", "size"),
    [
        (None, None, None, (), 160),
        ("crop: {size: 96}", None, None, (), 96),
        ("crop: {size: 96}", 97, None, (), 97),
        ("crop: {size: 96}", 97, 98, (), 98),
        ("crop: {size: 96}", 97, 98, ("crop.size=99",), 99),
        (None, 97, None, ("crop.size=99",), 99),
        (None, None, 98, ("crop.size=99",), 99),
    ],
)
def test_what_is_said_later_wins(
    tmp_path: Path,
    file: str | None,
    unless_said: int | None,
    flag: int | None,
    sets: Sequence[str],
    size: int,
) -> None:
    given = Given(written(tmp_path, file) if file else None, {"crop.size": flag}, sets)
    of_command = None if unless_said is None else {"crop.size": unless_said}
    assert given.load(EXTRACT, of_command).crop.size == size


def test_a_flag_that_was_not_given_overrides_nothing_of_the_command() -> None:
    given = Given(None, {"crop.keep": None, "run.workers": None})
    config = given.load(EXTRACT, {"crop.keep": "largest", "run.workers": 5})
    assert (config.crop.keep, config.run.workers) == ("largest", 5)


@pytest.mark.parametrize(
    ("flags", "sets", "says"),
    [
        ({"run.workers": 0}, (), "bad value for 'run.workers' on the command line"),
        ({}, ("crop.sise=3",), "unknown key 'crop.sise' in --set: did you mean 'crop.size'"),
        ({}, ("stamp.colour=red",), "unknown key 'stamp' in --set"),
        ({"stamp.colour": "red"}, (), "unknown key 'stamp' on the command line"),
    ],
)
@pytest.mark.usefixtures("two_jobs")
def test_what_is_wrong_or_for_another_job_is_told(
    flags: Mapping[str, object], sets: Sequence[str], says: str
) -> None:
    with pytest.raises(UserError) as caught:
        Given(None, flags, sets).load(EXTRACT)
    assert str(caught.value).startswith(says)


# One file for several jobs.


@pytest.mark.usefixtures("two_jobs")
def test_a_file_may_have_sections_of_other_jobs(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {size: 96}\nstamp: {colour: red}\nrun: {workers: 3}\n")
    config = Given(file, {}).load(EXTRACT)
    assert (config.crop.size, config.run.workers) == (96, 3)
    stamps = Given(file, {}).load(STAMPS)
    assert (stamps.stamp.colour, stamps.run.workers) == ("red", 3)


def test_a_file_may_have_no_sections_of_no_job(tmp_path: Path) -> None:
    file = written(tmp_path, "stamp: {colour: red}\n")
    with pytest.raises(UserError, match=r"^unknown key 'stamp' in "):
        Given(file, {}).load(EXTRACT)


@pytest.mark.usefixtures("two_jobs")
def test_of_its_own_sections_a_job_knows_every_key(tmp_path: Path) -> None:
    file = written(tmp_path, "stamp: {color: red}\ncrop: {sise: 96}")
    with pytest.raises(UserError, match=r"did you mean 'crop\.size'\?"):
        Given(file, {}).load(EXTRACT)
    with pytest.raises(UserError, match=r"did you mean 'stamp\.colour'\?"):
        Given(file, {}).load(STAMPS)


# What all jobs have in common.


@pytest.mark.usefixtures("two_jobs")
def test_shared_sections_are_those_of_a_config_of_any_job(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "crop: {size: 96}\nstamp: {colour: red}\noutput: {storage_options: {key: k}}\n"
        "run: {workers: 2}\ninput: {threads: 4}\n",
    )
    shared = Given(file, {}).shared()
    assert type(shared) is JobConfig
    assert (shared.run.workers, shared.input.threads) == (2, 4)
    assert Given(file, {}).output_options() == shared.output.storage_options == {"key": "k"}


def test_shared_sections_have_no_say_in_what_is_wrong_in_others(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {sise: 96}\nrun: {workers: 2}\n")
    given = Given(file, {"detect.min_face": -3}, ("crop.size=[1", "detect.min_fase=3"))
    assert given.shared().run.workers == 2


@pytest.mark.parametrize(
    ("file", "flags", "sets"),
    [
        ("run: {wrokers: 2}", {}, ()),
        ("ruhn: {workers: 2}", {}, ()),
        ("{}", {"run.workers": 0}, ()),
        ("{}", {}, ("output.storage_optoins.key=k",)),
        ("{}", {}, ("run.workers",)),
        ("{}", {}, ("run.workers=[1",)),
    ],
)
def test_what_is_wrong_in_shared_sections_is_told(
    tmp_path: Path, file: str, flags: Mapping[str, object], sets: Sequence[str]
) -> None:
    with pytest.raises(UserError):
        Given(written(tmp_path, file), flags, sets).shared()


def test_shared_settings_that_are_said_later_win(tmp_path: Path) -> None:
    file = written(tmp_path, "run: {workers: 2}\noutput: {storage_options: {key: file, c: f}}")
    given = Given(file, {"run.workers": 3}, (" output.storage_options.key=set",))
    assert given.shared().run.workers == 3
    assert given.output_options() == {"key": "set", "c": "f"}
    assert Given(file, {"run.workers": None}).shared().run.workers == 2
    assert replace(given, sets=("run.workers=4",)).shared().run.workers == 4


def test_a_whole_section_in_a_set_counts() -> None:
    given = Given(None, {}, ("output={storage_options: {key: k}}", "run = {workers: 3}"))
    assert given.load(EXTRACT).output.storage_options == {"key": "k"}
    assert given.output_options() == {"key": "k"}
    assert given.shared().run.workers == 3


def test_presets_have_shared_sections_too() -> None:
    for name in presets():
        assert Given(name, {}).shared() == JobConfig()
