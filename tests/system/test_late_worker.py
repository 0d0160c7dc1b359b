"""Workers that stand still at some storage call, and go on when others have changed the output."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jobs.engine.driver.merging import merge_all, regroupings
from jobs.engine.driver.status import take_stock
from jobs.engine.driver.summary import after_change
from jobs.engine.interrupts import Interrupts
from jobs.engine.lease.lease import Lease
from jobs.engine.ledger.heads import Heads
from jobs.engine.ledger.ledger import Ledger
from jobs.engine.plans.plan import Plan
from jobs.engine.reports import MergeReport, ShardReport
from jobs.engine.shards import Merge, Retry, ShardSpec
from jobs.messages.errors import LeaseLostError, UserError
from jobs.storage.storage import Storage
from tests.jobs.engine.stand_in import ChecksumJob
from tests.servers.object_store import ObjectStore
from tests.system.late import JOB, SETTINGS, UNREADABLE, Place, Stops, without_ray

_WHOLE = 2**20
_SEED = 20240607
_PAIRS = 6
_MANY_PAIRS = 1000
_FAR = 1
_LIMIT_S = 100  # a hang, not a slow machine
_MORE = 12  # moments that a worker has at most because it was disturbed


class _OtherLayout(ChecksumJob):
    """Its parts do not go together with those of the job."""

    def writer_options(self, name: str) -> dict[str, Any]:
        return {"compression": "snappy", "use_dictionary": False}


class _Held(Lease):
    """The lease of a driver that has begun, as long as no other one has."""

    def __init__(self, storage: Storage, epoch: int) -> None:
        super().__init__(storage, lock=False)
        self.epoch = self._last = epoch

    @property
    def held(self) -> bool:
        return not self._gone

    def check(self) -> None:
        if self._gone:
            raise LeaseLostError("another driver has begun")


@dataclass(frozen=True)
class Scene:
    """What a worker was given to do, and what it found.

    Attributes:
        content: Of the output: path -> bytes.
        count: Files of the input.
        spec: What the worker was given.
    """

    content: Mapping[str, bytes]
    count: int
    spec: ShardSpec


# Scenes: how an output is when the worker gets to work, and what it is to do.


def _planned(place: Place) -> Plan:
    """An output of which nothing is committed."""
    place.lose()
    place.find()
    plan = place.plan()
    place.lose()
    return plan


def _fresh(place: Place, index: int) -> Scene:
    """All shards but one are committed, which is to be."""
    plan = _planned(place)
    for number, spec in enumerate(plan.shards()):
        if number != index:
            place.worker().run(spec)
    return Scene(place.content(), place.count, plan.shard(index))


def fresh_first(place: Place) -> Scene:
    """The first shard is to be committed."""
    return _fresh(place, 0)


def fresh_other(place: Place) -> Scene:
    """Another one is, all items of which can be read."""
    return _fresh(place, 1)


def _retry_spec(place: Place, epoch: int) -> ShardSpec:
    [head] = Heads.read(place.storage).of(["000-000000"])
    again = Retry(UNREADABLE, head.parts, head.verdicts)
    return replace(Plan(place.storage).shard(0), members=None, epoch=epoch, retry=again)


def retried(place: Place) -> Scene:
    """An item is to be processed again."""
    for spec in _planned(place).shards():
        place.worker().run(spec)
    spec = _retry_spec(place, place.begun())
    return Scene(place.content(), place.count, spec)


def retried_in_shared_file(place: Place) -> Scene:
    """One is that has its row in a file of several shards."""
    for spec in _planned(place).shards():
        place.worker().run(spec)
    place.compact()
    spec = _retry_spec(place, place.begun())
    return Scene(place.content(), place.count, spec)


def _merge_spec(merge: Merge, epoch: int) -> ShardSpec:
    return ShardSpec(next(iter(merge.shards)), "", 0, None, 0, epoch=epoch, merge=merge)


def merged(place: Place) -> Scene:
    """Four parts are to be merged, which become two."""
    place = replace(place, count=8)
    for number, spec in enumerate(_planned(place).shards()):
        place.worker(JOB if number < 2 else _OtherLayout()).run(spec)
    parts = dict(Heads.read(place.storage).parts("files"))
    spec = _merge_spec(Merge("files", parts, _WHOLE), place.begun())
    return Scene(place.content(), place.count, spec)


def merged_after_retry(place: Place) -> Scene:
    """A file of several shards is to get back the rows of one that was retried."""
    scene = retried_in_shared_file(place)
    place.find()
    report = place.worker().run(scene.spec)
    assert isinstance(report, ShardReport)
    storage = place.storage
    Ledger(storage, _Held(storage, scene.spec.epoch), JOB.schemas).replace(retried=[report])
    stale = Heads.read(storage).stale()
    [shards] = [shards for (output, _), shards in stale.items() if output == "files"]
    spec = _merge_spec(Merge("files", shards, _WHOLE), place.begun())
    place.lose()
    return Scene(place.content(), place.count, spec)


SCENES = (
    fresh_first,
    fresh_other,
    retried,
    retried_in_shared_file,
    merged,
    merged_after_retry,
)
_BY_DEFAULT = (fresh_first, retried_in_shared_file)  # where a trial takes long

# The world: what others do while the worker stands still.


def commits(place: Place, spec: ShardSpec) -> None:
    """Another worker does the same, and the driver of both lives to end."""
    result = place.worker().run(spec)
    if not (spec.retry or spec.merge):
        return
    storage = place.storage
    ledger = Ledger(storage, _Held(storage, spec.epoch), JOB.schemas)
    if isinstance(result, ShardReport):
        ledger.replace(retried=[result])
    else:
        assert isinstance(result, MergeReport)
        ledger.replace(merged=result.merged)
    merge_all(storage, ledger, regroupings(JOB.row_group_bytes), SETTINGS, Interrupts())
    plan = Plan(storage)
    ledger.end(lambda heads: after_change(storage, take_stock(storage, plan, heads)))


def commits_better(place: Place, spec: ShardSpec) -> None:
    """The same, and an item that could not be read can be now."""
    place.find()
    commits(place, spec)


def retries(place: Place, spec: ShardSpec) -> None:
    """A driver retries the item, which can be read now."""
    place.find()
    place.retry()


def compacts(place: Place, spec: ShardSpec) -> None:
    """A driver compacts the output."""
    place.compact()


def grows(place: Place, spec: ShardSpec) -> None:
    """A driver plans new files and commits them, but does not get to the worker's shard."""
    place.add()
    with without_ray(skipping=spec.shard):
        place.run()


def runs(place: Place, spec: ShardSpec) -> None:
    """A driver runs the job to its end."""
    place.run()


Act = Callable[[Place, ShardSpec], None]
ACTS: tuple[Act, ...] = (commits, commits_better, retries, compacts, grows, runs)
# What is the same as another act: no item of the shard is lost, or nothing is left to run.
_SAME: Mapping[Callable[[Place], Scene], tuple[Act, ...]] = {
    fresh_other: (commits_better,),
    retried: (runs,),
    retried_in_shared_file: (runs,),
    merged: (commits_better, runs),
    merged_after_retry: (commits_better, runs),
}


# Trials: what is wrong afterwards.

Acts = Sequence[tuple[int, Act]]  # moment -> what others do then


def tried(
    place: Place, scene: Scene, acts: Acts, *, requests: bool = False
) -> tuple[list[str], list[str]]:
    """What is wrong after others did things at some moments of a worker, and its moments."""
    place.lose()
    place.planted(scene.content)
    fine: set[str] = set()
    problems: list[str] = []

    def happens(moment: int, act: Act) -> None:
        with contextlib.suppress(UserError):  # what comes too late is refused
            act(place, scene.spec)
        fine.update(place.fine())
        # Afterwards it may have a part there, as long as it takes to see that it is late.
        if moment == acts[0][0] and place.is_marked():
            problems.extend(f"meanwhile: {each}" for each in place.wrong_rows(fine))

    def all_at(moment: int) -> None:
        for when, act in acts:
            if when == moment:
                happens(moment, act)

    worker = place.worker()
    stops = Stops({moment: partial(all_at, moment) for moment, _ in acts})
    stops.of_worker(worker, requests=requests)
    outcome = "ended"
    try:
        worker.run(scene.spec)
    except UserError as error:
        outcome = f"{type(error).__name__}: {error}"
        # Else what it was to read may be gone, or others have swept what it was writing.
        if not (place.storage.local or scene.spec.retry or scene.spec.merge):
            problems.append("a worker with a new shard failed")
    stops.end()
    if not place.is_marked():
        place.run()
    problems += place.problems(fine)
    told = [f"{moment} {stops.calls[moment:][:1]}: {act.__name__}" for moment, act in acts]
    return [f"{told}, {outcome}: {problem}" for problem in problems], stops.calls


def singles(moments: int, acts: Sequence[Act]) -> list[Acts]:
    """Each thing at each moment."""
    return [[(moment, act)] for moment in range(moments) for act in acts]


def pairs(moments: int, acts: Sequence[Act]) -> list[Acts]:
    """Two things in order, at the same moment or at two; a worker has more if it is disturbed."""
    return [
        [(first, act), (second, other)]
        for first, second in itertools.combinations_with_replacement(range(moments + _MORE), 2)
        if first < moments
        for act, other in itertools.product(acts, acts)
    ]


def all_problems(
    place: Place,
    build: Callable[[Place], Scene],
    trials: Callable[[int, Sequence[Act]], list[Acts]],
    sample: int | None = None,
    *,
    requests: bool = False,
) -> str:
    """What is wrong after any of some trials, or a sample of them, in places beside one."""
    with without_ray():
        scene = build(replace(place, url=f"memory://{uuid.uuid4().hex}/out", options={}))
        place = replace(place, count=scene.count)
        problems, calls = tried(place.elsewhere(), scene, [], requests=requests)
        chosen = trials(len(calls), [act for act in ACTS if act not in _SAME.get(build, ())])
        if sample is not None:
            chosen = random.Random(_SEED).sample(chosen, min(sample, len(chosen)))
        for acts in chosen:
            here = place.elsewhere()
            problems += tried(here, scene, acts, requests=requests)[0]
            here.remove()
    return "\n".join(problems)


@pytest.fixture
def disk(tmp_path: Path) -> Place:
    """A place on this machine."""
    return Place(str(tmp_path / "out"), {}, tmp_path / "in")


@pytest.fixture
def memory(tmp_path: Path) -> Place:
    """An object store in this process."""
    return Place(f"memory://{uuid.uuid4().hex}/out", {}, tmp_path / "in")


@pytest.fixture(params=["s3", "azure"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place in an object store."""
    store = request.getfixturevalue(request.param)
    assert isinstance(store, ObjectStore)
    return Place(f"{store.folder()}/out", store.options, tmp_path / "in")


every_scene = pytest.mark.parametrize("build", SCENES)
# Of the others, what they write is in memory the same in the default run.
some_scenes = pytest.mark.parametrize(
    "build",
    [
        scene if scene in _BY_DEFAULT else pytest.param(scene, marks=pytest.mark.slow)
        for scene in SCENES
    ],
)


@every_scene
def test_late_worker_hurts_no_output_at_whichever_call_it_stood_still(
    memory: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(memory, build, singles)
    assert not problems, problems


@some_scenes
def test_late_worker_hurts_no_output_on_a_disk_at_whichever_call_it_stood_still(
    disk: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(disk, build, singles)
    assert not problems, problems


@every_scene
def test_late_worker_hurts_no_output_that_was_changed_twice(
    memory: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(memory, build, pairs, _PAIRS)
    assert not problems, problems


@some_scenes
def test_late_worker_hurts_no_output_in_an_object_store(
    far: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(far, build, singles, _FAR)
    assert not problems, problems


@pytest.mark.slow
@pytest.mark.timeout(3600)
@every_scene
def test_late_worker_hurts_no_output_that_was_changed_twice_at_any_calls(
    memory: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(memory, build, pairs, _MANY_PAIRS)
    assert not problems, problems


@pytest.mark.slow
@pytest.mark.timeout(3600)
@every_scene
def test_late_worker_hurts_no_output_in_an_object_store_at_whichever_request_it_stood_still(
    far: Place, build: Callable[[Place], Scene]
) -> None:
    problems = all_problems(far, build, singles, requests=True)
    assert not problems, problems


# The other way round: the worker goes on in the middle of what its driver does to end.


def _first_part(place: Place, scene: Scene) -> int:
    """The moment of a worker before it makes its first part."""
    _, calls = tried(place.elsewhere(), scene, [])
    is_part = [call.startswith("before create ") and "/part-" in call for call in calls]
    return is_part.index(True)


def _goes_on(place: Place, scene: Scene, still: int, moment: int) -> tuple[list[str], list[str]]:
    """What is wrong after a worker that stood still went on at a moment of its driver's writes."""
    place.lose()
    place.planted(scene.content)
    halted, released = threading.Event(), threading.Event()

    def stands_still() -> None:
        halted.set()
        assert released.wait(_LIMIT_S)

    def works() -> None:
        with contextlib.suppress(UserError):  # what it was to read may be gone
            worker.run(scene.spec)

    def goes_on() -> None:
        released.set()
        thread.join(_LIMIT_S)

    worker = place.worker()
    Stops({still: stands_still}).of_worker(worker)
    thread = threading.Thread(target=works)
    thread.start()
    try:
        assert halted.wait(_LIMIT_S)
        stops = Stops({moment: goes_on})
        with stops.of_this_thread():
            commits_better(place, scene.spec)
    finally:
        goes_on()
    told = f"{moment} {stops.calls[moment:][:1]}: "
    return [told + problem for problem in place.problems()], stops.calls


@pytest.mark.parametrize(
    "build",
    [
        retried_in_shared_file,
        pytest.param(retried, marks=pytest.mark.slow),
        pytest.param(merged, marks=pytest.mark.slow),
        pytest.param(merged_after_retry, marks=pytest.mark.slow),
    ],
)
def test_late_worker_hurts_no_output_that_its_driver_is_about_to_end(
    memory: Place, build: Callable[[Place], Scene]
) -> None:
    with without_ray():
        scene = build(memory)
        place = replace(memory, count=scene.count)
        still = _first_part(place, scene)
        problems, calls = _goes_on(place.elsewhere(), scene, still, -1)
        for moment in range(len(calls)):
            here = place.elsewhere()
            problems += _goes_on(here, scene, still, moment)[0]
            here.remove()
    assert not problems, "\n".join(problems)


# Three of them by name.


def _late(place: Place, build: Callable[[Place], Scene], *acts: Act) -> Place:
    """A place where others did things while a worker was between its look for a commit and its
    first part."""
    with without_ray():
        scene = build(place)
        moment = _first_part(place, scene)
        place.remove()
        problems, _ = tried(place, scene, [(moment, act) for act in acts])
    assert not problems
    return place


def _statuses(place: Place) -> dict[str, str]:
    return {row["key"]: row["status"] for row in place.rows("files")}


def test_late_first_shard_leaves_a_compacted_output_as_it_is(memory: Place) -> None:
    place = _late(memory, fresh_first, commits, compacts)
    assert len(place.rows("files")) == place.count


def test_late_other_shard_leaves_a_compacted_output_as_it_is(memory: Place) -> None:
    place = _late(memory, fresh_other, commits, compacts)
    assert len(place.rows("files")) == place.count


def test_late_shard_does_not_undo_a_retry(memory: Place) -> None:
    place = _late(memory, fresh_first, commits, retries)
    assert _statuses(place)[place.lost] == "ok"
