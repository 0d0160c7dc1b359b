"""A kind of job, as the registry lists it: all that commands need to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, Generic, TypeVar

from jobs.engine.job import Job, Labels
from jobs.engine.settings import RunSettings
from jobs.kind.config import JobConfig
from jobs.kind.figures import Figures
from jobs.members import Member, Origin

AnyConfig = TypeVar("AnyConfig", bound=JobConfig)

# Shows figures to whoever runs the job.
Show = Callable[[Figures], None]

# What the engine makes of items that it takes away from a job, in a few words.
LOST: Mapping[str, str] = {"timeout": "took too long", "crashed": "killed a worker"}


@dataclass(frozen=True)
class Continued(Generic[AnyConfig]):
    """With what an output goes on.

    Attributes:
        config: The settings.
        digest: Digest of what was recorded of them when the output was begun.
        schema: Version of its tables.
        recorded: The settings as they were recorded.
        origins: The inputs that the output was planned from so far.
        is_recorded: Whether those are all: plans of earlier versions tell only of the first.
        is_moved: Whether all that was planned is in the input that is opened, wherever it was.
        output: Local path or fsspec URL of the output; empty where there is none yet.
    """

    config: AnyConfig
    digest: str
    schema: int
    recorded: Mapping[str, Any]
    origins: tuple[Origin, ...] = ()
    is_recorded: bool = True
    is_moved: bool = False
    output: str = ""


@dataclass(frozen=True)
class Meaning:
    """What a setting means now, if it once meant something else for the same value.

    Attributes:
        version: From 2; to be raised when rows change for the same value.
        before: What it meant before, in one clause.
        unless: Value with which it has always meant what it means now, as JSON has it.
    """

    version: int
    before: str
    unless: Any = None


@dataclass(frozen=True)
class FurtherInput:
    """An input besides the one whose members are listed: its address is a setting of the job.

    Attributes:
        setting: Dotted name, as in "curate.faces".
        metavar: What it is called on the command line.
        help: What it can be, one line for the command line.
        follows: Whether it stands after the input that is listed there, and not before.
    """

    setting: str
    metavar: str
    help: str
    follows: bool = False


@dataclass(frozen=True)
class Opened:
    """A job on its input, ready to run.

    Attributes:
        job: What the workers do.
        list_members: Lists the whole input, each time in the same order.
        settings: How it is to be run.
        models: Model -> digest, of all that determine the rows.
        upstream: What the rows were made from -> what identifies it, of outputs of other jobs.
        prepare: Called before anything is done; raises a `UserError` where nothing can be.
        check_input: Raises a `UserError` if the input that a member was planned from is not there;
            by default looked for is the one that is listed.
        decide: What the driver does before it lists the input, told where to show figures, and
            whether it may write to the output; None is nothing.
        conclude: What there is to show when all is done.
        lost: Parts of tables whose rows tell of other files that are not there any more: what is
            in them is done once more.
    """

    job: Job
    list_members: Callable[[], Iterable[Member]]
    settings: RunSettings
    models: Mapping[str, str] = field(default_factory=dict)
    upstream: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    check_input: Callable[[Member], None] | None = None
    decide: Callable[[Show, bool], None] | None = None
    conclude: Callable[[], Sequence[Figures]] = tuple
    lost: Callable[[], Sequence[str]] = tuple

    def check(self, member: Member) -> None:
        """Raises a `UserError` if the input that a member was planned from is not there."""
        if self.check_input:
            self.check_input(member)
        else:
            next(iter(self.list_members()))


@dataclass(frozen=True)
class SampleTimes:
    """What one worker needs, from a few items.

    Attributes:
        seconds: Seconds an item.
        bytes: Bytes an item; None if that is not known.
    """

    seconds: float
    bytes: float | None


@dataclass(frozen=True, kw_only=True)
class JobKind(Generic[AnyConfig]):
    """A kind of job.

    It is imported by every command, so what it names must not bring networks or Ray with it. What
    does is given as the name of a function, as in ``jobs.extract.job:open_job``.

    Attributes:
        name: In the registry, in `job.json` and on the command line.
        about: What it does, one sentence for the command line.
        input_help: What its input can be, one line for the command line.
        config: Its settings.
        labels: What it calls things.
        tables: Its outputs, the primary one first.
        statuses: All that an item can have, :data:`LOST` among them, with what each means in a few
            words.
        failed_statuses: Those that tell of the run rather than of the item; `retry` tries them.
        packages: Packages whose versions take part in the rows.
        opener: Function behind :meth:`open`.
        timer: Function behind :meth:`time`; empty if there is none.
        flags: Names of its own flags of the command line; see :mod:`jobs.cli.flags`.
        inputs: Inputs besides the one whose members are listed.
        metavar: What the command line calls that one.
        group: The command of which its own is a part, as in `train samples`; empty if of none.
        has_figures: Whether it has figures to show.
        checker: Function that tells what is wrong with files besides its tables; empty if there are
            none.
        unforgetting: Why nothing is forgotten in its outputs, and what to do instead; empty where
            it can be.
        schema_version: Version of its tables' schemas.
        meanings: Setting -> what it once meant, of those whose meaning has changed.
        before: Setting -> the value with which all is as it was before there was the setting, where
            that is another one than its default.
    """

    name: str
    about: str
    input_help: str
    config: type[AnyConfig]
    labels: Labels
    tables: tuple[str, ...]
    statuses: Mapping[str, str]
    failed_statuses: frozenset[str]
    packages: tuple[str, ...]
    opener: str
    timer: str = ""
    flags: tuple[str, ...] = ()
    inputs: tuple[FurtherInput, ...] = ()
    metavar: str = "INPUT"
    group: str = ""
    has_figures: bool = False
    checker: str = ""
    unforgetting: str = ""
    schema_version: int = 1
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)

    def open(self, source_url: str, going: Continued[AnyConfig]) -> Opened:
        """Opens an input; what fails, fails here and not in a worker.

        Args:
            source_url: Where the input is.
            going: Settings that the output goes on with.
        """
        opened: Opened = resolve_name(self.opener)(source_url, going)
        return opened

    def problems(self, output: str, options: Mapping[str, Any]) -> list[str]:
        """What is wrong with files of an output besides its tables, a sentence each."""
        found: list[str] = resolve_name(self.checker)(output, options) if self.checker else []
        return found

    def time(self, job: Job, members: Sequence[Member]) -> SampleTimes | None:
        """Times a worker on some items, for `plan`; None if that cannot be told."""
        if not self.timer:
            return None
        times: SampleTimes | None = resolve_name(self.timer)(job, members)
        return times
