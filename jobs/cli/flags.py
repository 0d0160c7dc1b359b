"""Arguments and flags that several commands share, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from jobs.kind.config import JobConfig, Settings
from jobs.kind.job_kind import FurtherInput, JobKind
from mtcnn_core.engines.registry import DEVICE_NAMES, ENGINE_NAMES, ENGINES, EXACT

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)
AnySettings = TypeVar("AnySettings", bound=Settings)

OutputArgument = Annotated[str, typer.Argument(metavar="OUTPUT", help="The dataset's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class Flag:
    """A flag that stands for a setting.

    Attributes:
        name: Without its dashes.
        setting: Dotted name.
        type: Type of its value.
        help: One line.
        metavar: What to call its value; None is its type.
        also: What it sets in jobs that have no such setting.
    """

    name: str
    setting: str
    type: type
    help: str
    metavar: str | None = None
    also: tuple[str, ...] = ()


def _either(*names: str) -> str:
    """Names as a sentence has them: "a, b or c"."""
    *some, last = names
    return f"{', '.join(some)} or {last}" if some else last


_FASTER = ", ".join(
    f"{_either(*others)} with {engine.name}"
    for engine in ENGINES
    if (others := engine.precisions[1:])
)

FLAGS = {
    flag.name: flag
    for flag in (
        Flag("workers", "run.workers", int, "Worker processes; one a CPU by default."),
        Flag("ray-address", "run.ray_address", str, "Ray cluster to join; 'auto' finds it."),
        Flag("min-face", "detect.min_face", float, "Side of the smallest face to find, in pixels."),
        Flag(
            "device",
            "detect.device",
            str,
            f"What the networks run on: {_either(*DEVICE_NAMES)}.",
            also=("embed.device",),
        ),
        Flag(
            "engine",
            "detect.engine",
            str,
            f"What computes the networks: {_either(*ENGINE_NAMES)}.",
            also=("embed.engine",),
        ),
        Flag(
            "precision",
            "detect.precision",
            str,
            f"{EXACT}; {_FASTER}: faster.",
            also=("embed.precision",),
        ),
        Flag(
            "detector",
            "detect.detector",
            str,
            "mtcnn, or YuNet, SCRFD or an SSD model: .xml, .onnx, or the name of an imported one.",
            "NAME|FILE",
        ),
        Flag(
            "longest-side",
            "detect.longest_side",
            str,
            "What YuNet and SCRFD are shown: pixels of the longer side, or none.",
            "PIXELS|none",
        ),
        Flag(
            "changed",
            "run.changed",
            str,
            "Items that have changed since they were planned: report, or redo them.",
            "report|redo",
        ),
        Flag(
            "gone",
            "run.gone",
            str,
            "Items that are not in the input any more: report, keep, or drop their rows.",
            "report|keep|drop",
        ),
        Flag("stage", "samples.stage", str, "The network: P-Net, R-Net or O-Net.", "p|r|o"),
        Flag("weights", "detect.weights", str, "Imported weights; see `models list`.", "NAME"),
        Flag(
            "against",
            "curate.against",
            list[str],
            "Vectors of other faces, such as a benchmark's: persons in both are told; repeatable.",
            "VECTORS",
        ),
        Flag(
            "verdicts",
            "curate.verdicts",
            str,
            "For curate a CSV of your own, which come before all others: key, face_index, verdict, "
            "identity. For feed what curate has made.",
            "CSV|VERDICTS",
            also=("feed.verdicts",),
        ),
        Flag(
            "where",
            "feed.where",
            str,
            "Only faces of which that is true, such as 'score >= 0.95 and box_width >= 40'.",
            "SQL",
            also=("export.where",),
        ),
        Flag("margin", "triplets.margin", float, "Between the squared distances; 0.2 by default."),
        Flag("per-anchor", "triplets.per_anchor", int, "Triplets of each anchor; all by default."),
        Flag(
            "format",
            "export.format",
            str,
            "The files that are written.",
            "imagefolder|webdataset|huggingface|facenet",
        ),
        Flag(
            "group",
            "feed.group",
            str,
            "What comes to lie side by side: identities by name, or those that look alike.",
            "identity|neighbours",
        ),
        Flag("vectors", "feed.vectors", str, "What embed has made, for neighbours.", "VECTORS"),
        Flag(
            "split",
            "feed.split",
            str,
            "For feed shares of the identities; for triplets the split whose faces are compared.",
            "train=.9,val=.1|train",
            also=("triplets.split",),
        ),
        Flag("calibrate", "curate.calibrate", bool, "Choose the thresholds by planted errors."),
        Flag(
            "model",
            "embed.model",
            str,
            "dlib, an imported model, or a file: .onnx, .xml.",
            "NAME|FILE",
        ),
        Flag("dtype", "vectors.dtype", str, "Numbers of a vector.", "float32|float16"),
        Flag(
            "photos", "photos.input", str, "Where the photos are now, if they were moved.", "INPUT"
        ),
    )
}

# What commands that look for faces take.
DETECTING = ("min-face", "engine", "precision", "detector", "longest-side", "weights")


@dataclass(frozen=True)
class Given:
    """What was said of the settings.

    Attributes:
        file: YAML file or preset.
        flags: Setting -> value; None where the flag was not given.
        sets: What was said with `--set`.
    """

    file: str | None
    flags: Mapping[str, object]
    sets: Sequence[str] = ()

    def load(
        self, kind: JobKind[AnyConfig], unless_said: Mapping[str, object] | None = None
    ) -> AnyConfig:
        """The config of a job.

        Args:
            kind: The job.
            unless_said: Setting -> value of the command itself, over a file and below flags.

        Raises:
            jobs.messages.errors.UserError: Something that was said is wrong.
        """
        return self.load_config(kind.config, unless_said)

    def load_config(
        self, config: type[AnySettings], unless_said: Mapping[str, object] | None = None
    ) -> AnySettings:
        """The config of a command; as for a job."""
        from jobs.kind.loading import load
        from jobs.registry import sections_of_others

        flags = {**(unless_said or {}), **self.settings(config)}
        return load(config, self.file, flags, self.sets, others=sections_of_others(config))

    def shared(self) -> JobConfig:
        """The sections that all jobs have; those of single jobs are passed over.

        Raises:
            jobs.messages.errors.UserError: Something that was said is wrong.
        """
        from jobs.kind.loading import load
        from jobs.registry import sections_of_others

        own = JobConfig.model_fields
        others = sections_of_others(JobConfig)
        settings = self.settings(JobConfig)
        flags = {key: value for key, value in settings.items() if _section(key) in own}
        sets = [text for text in self.sets if _section(text.partition("=")[0]) in own]
        return load(JobConfig, self.file, flags, sets, others=others)

    def settings(self, config: type[Settings]) -> dict[str, object]:
        """Setting -> value, of the flags that were given to a job with these settings."""
        said = {key: value for key, value in self.flags.items() if value is not None}
        return {_own(key, config): value for key, value in said.items()}

    def output_options(self) -> dict[str, Any]:
        """Storage options of the output."""
        return self.shared().output.storage_options


def takes(
    *names: str | Flag,
    sets: bool = True,
    preset: str | None = None,
    inputs: Sequence[FurtherInput] = (),
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Gives a command `--config`, flags and `--set`.

    The command declares a parameter ``given``: :class:`Given`; in its place come the flags.

    Args:
        names: Names in :data:`FLAGS`, or flags that only this command has.
        sets: Whether it has `--set`.
        preset: Taken where no `--config` is given.
        inputs: Arguments that stand for settings too, before those of the command or after the
            first of them.
    """
    flags = [FLAGS[name] if isinstance(name, str) else name for name in names]

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def run(**values: Any) -> int:
            said = {flag.setting: _value(values.pop(_parameter(flag))) for flag in flags}
            said |= {each.setting: values.pop(_argument_name(each)) for each in inputs}
            given = Given(values.pop("config"), said, values.pop("sets", ()))
            return command(**values, given=given)

        parameters = [_argument(each) for each in inputs if not each.follows]
        following = [_argument(each) for each in inputs if each.follows]
        hints = get_type_hints(command, include_extras=True)
        for name, parameter in inspect.signature(command).parameters.items():
            if name == "given":
                parameters += [_config(preset), *map(_option, flags), *([_sets()] if sets else [])]
            else:
                kind = inspect.Parameter.KEYWORD_ONLY
                parameters.append(parameter.replace(annotation=hints[name], kind=kind))
                parameters += following
                following = []
        # What typer looks at.
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        del run.__wrapped__
        return run

    return decorate


def _own(setting: str, config: type[Settings]) -> str:
    """What a flag of some setting sets in a job."""
    also = (other for flag in FLAGS.values() if flag.setting == setting for other in flag.also)
    own = (name for name in (setting, *also) if _section(name) in config.model_fields)
    return next(own, setting)


def _section(key: str) -> str:
    return key.partition(".")[0].strip()


def _parameter(flag: Flag) -> str:
    return flag.name.replace("-", "_")


def _value(said: object) -> object:
    """What was said with a flag; None if nothing was, of one that can be repeated too."""
    return None if said == [] else said


def _argument_name(each: FurtherInput) -> str:
    return each.metavar.lower()


def _argument(each: FurtherInput) -> inspect.Parameter:
    argument = typer.Argument(metavar=each.metavar, help=each.help)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(_argument_name(each), kind, annotation=Annotated[str, argument])


def _option(flag: Flag) -> inspect.Parameter:
    option = typer.Option(f"--{flag.name}", metavar=flag.metavar, help=flag.help)
    return _keyword(_parameter(flag), Annotated[flag.type | None, option], None)


def _config(preset: str | None) -> inspect.Parameter:
    option = typer.Option(
        "--config", "--preset", metavar="FILE|PRESET", help="YAML file or preset name."
    )
    return _keyword("config", Annotated[str | None, option], preset)


def _sets() -> inspect.Parameter:
    option = typer.Option("--set", metavar="KEY=VALUE", help="Any setting, such as crop.size=112.")
    return _keyword("sets", Annotated[list[str], option], [])


def _keyword(name: str, annotation: Any, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
