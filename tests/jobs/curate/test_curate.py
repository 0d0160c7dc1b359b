"""The job `curate` from its inputs to its rows, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import jobs.curate.curation
from jobs.curate.kind import CURATE
from jobs.engine.driver import working
from jobs.engine.driver.compact import compact
from jobs.engine.driver.verify import verify
from jobs.engine.settled import read_settled
from jobs.engine.staged import STAGED
from jobs.kind.retry import retry
from jobs.messages.errors import UserError
from jobs.registry import FAILED_STATUSES
from jobs.storage.storage import Storage
from mtcnn_core.curation.thresholds import THRESHOLDS
from tests.jobs.curate.made_up import Curated, Face, Photo, make_faces, make_vectors, people
from tests.jobs.engine.outputs import part_digests
from tests.jobs.engine.retries import run_here

PHOTOS = [
    *people(12, 5),
    Photo("two.jpg", "p000", (Face("p0", 7), Face("x", 1, offset=40.0))),
    Photo("copy.jpg", "p002", (Face("p2", 1),), content="p002/1.jpg"),
    Photo("flipped.jpg", "p003", (Face("p5", 9),)),
    Photo("lost.jpg", "p003", (Face("p3", 9, status="unreadable"),)),
    Photo("empty.jpg", "p003", ()),
    *(replace(photo, label=None) for photo in people(2, 3, "u")),
]
FACES = sum(len(photo.faces) for photo in PHOTOS)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    """Verdicts on faces of which some are not what their labels say; to be left as they are."""
    for name in ("faiss", "scipy", "threadpoolctl"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("curated")
    calm = Curated(folder, folder / "out")
    calm.make(PHOTOS)
    calm.run()
    return calm


@pytest.fixture
def fresh(calm: Curated, tmp_path: Path) -> Curated:
    """The same faces and vectors, to be left as they are, without verdicts."""
    return Curated(calm.folder, tmp_path / "out")


@pytest.fixture
def curated(calm: Curated, tmp_path: Path) -> Curated:
    """The same again, with a copy of the verdicts."""
    shutil.copytree(calm.output, tmp_path / "out")
    return Curated(calm.folder, tmp_path / "out")


@pytest.fixture
def own(made: Curated) -> Curated:
    """The same with faces and vectors of its own."""
    made.make(PHOTOS)
    made.run()
    return made


def digests(made: Curated) -> list[str]:
    """Digests of the parts, in the order of the shards."""
    return list(part_digests(made.output).values())


def is_whole(made: Curated) -> bool:
    return verify(str(made.output), failed_statuses=FAILED_STATUSES) == []


def test_every_face_has_its_verdict(calm: Curated) -> None:
    rows = calm.rows()
    assert len(rows) == FACES
    found = calm.verdicts()
    unnamed = {name: found.pop(name) for name in list(found) if name.startswith("u")}
    assert found == {
        "two.jpg#1": ("drop other_face", None),
        "copy.jpg#0": ("drop duplicate", "p002"),
        "flipped.jpg#0": ("move not_like_identity", "p005"),
        "lost.jpg#0": ("drop quality", None),
    }
    assert len(unnamed) == 6
    assert len({identity for _, identity in unnamed.values()}) == 2


def test_a_verdict_names_the_faces_that_speak_for_it(calm: Curated) -> None:
    row = calm.rows()["flipped.jpg#0"]
    assert (row["verdict"], row["reason"], row["label"]) == ("move", "not_like_identity", "p003")
    assert {each["key"].partition("/")[0] for each in row["evidence"]} == {"p005"}


def test_a_face_without_a_vector_has_no_score(calm: Curated) -> None:
    row = calm.rows()["lost.jpg#0"]
    assert (row["score"], row["evidence"], row["leaks"]) == (None, [], [])


def test_figures_count_the_rows(calm: Curated) -> None:
    counts = {str(row[0]).strip(): row[1] for row in calm.shown["verdicts"].rows}
    assert counts["faces"] == FACES
    assert (counts["drop"], counts["drop duplicate"], counts["move"]) == (3, 1, 1)
    assert (counts["identities before"], counts["identities after"]) == (12, 14)


def test_verify_finds_it_whole(calm: Curated) -> None:
    assert is_whole(calm)


def test_what_was_staged_is_gone_at_the_end(calm: Curated) -> None:
    assert [path.name for path in (calm.output / STAGED).iterdir()] == ["index.json"]


def test_the_same_again_computes_nothing(curated: Curated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.curate.curation, "read_faces", lambda upstreams: pytest.fail("read"))
    assert curated.run().processed == 0


def test_what_changes_upstream_is_done_again_and_no_more(own: Curated) -> None:
    before = part_digests(own.output)
    last = len(PHOTOS) - 1
    changed = [*PHOTOS[:last], replace(PHOTOS[last], faces=(Face("alone"),))]
    own.make(changed)
    summary = own.run()
    after = part_digests(own.output)
    assert 0 < summary.processed < FACES
    assert sum(before[name] != after[name] for name in before) == 1
    assert own.rows()[f"{PHOTOS[last].key}#0"]["identity"] is None
    assert is_whole(own)


def test_new_photos_are_added(own: Curated) -> None:
    own.make([*PHOTOS, *people(1, 5, "new")])
    own.run()
    rows = own.rows()
    assert len(rows) == FACES + 5
    assert rows["new000/0.jpg#0"]["identity"] == "new000"


def dying(after: int) -> Callable[..., Iterator[Any]]:
    """Workers that are killed with their driver after so many shards."""

    def run(*arguments: Any) -> Iterator[Any]:
        for number, result in enumerate(run_here(*arguments)):
            if number == after:
                raise KeyboardInterrupt
            yield result

    return run


@pytest.mark.parametrize("after", [0, 3])
def test_killed_and_resumed_it_is_the_same(
    calm: Curated, fresh: Curated, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(working, "dispatched", dying(after))
    with pytest.raises(KeyboardInterrupt):
        fresh.run()
    monkeypatch.setattr(working, "dispatched", run_here)
    with monkeypatch.context() as patched:  # what was staged is used
        patched.setattr(jobs.curate.curation, "read_faces", lambda upstreams: pytest.fail("read"))
        fresh.run()
    assert digests(fresh) == digests(calm)
    assert is_whole(fresh)


def test_lost_part_comes_back_as_it_was(curated: Curated) -> None:
    before = digests(curated)
    next((curated.output / "verdicts").iterdir()).unlink()
    assert curated.run().processed
    assert digests(curated) == before
    assert is_whole(curated)


def test_a_row_that_killed_its_worker_is_told_and_retried(
    fresh: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_verdict(job: Any, storage: Any, packages: Any, settings: Any, work: Any, *more: Any):  # type: ignore[no-untyped-def]
        specs, count = work()
        convicted = (replace(spec, verdicts={1: "crashed"}) for spec in specs)
        return run_here(job, storage, packages, settings, lambda: (convicted, count), *more)

    monkeypatch.setattr(working, "dispatched", with_verdict)
    fresh.run("run.max_failed_fraction=1")
    crashed = [name for name, row in fresh.rows().items() if row["status"] == "crashed"]
    assert "p000/1.jpg#0" in crashed
    monkeypatch.setattr(working, "dispatched", run_here)
    done = retry(CURATE, str(fresh.output))
    assert done.summary.processed == len(crashed)
    assert fresh.rows()["p000/1.jpg#0"]["status"] == "keep"
    assert is_whole(fresh)


def test_compacted_it_has_the_same_rows_and_nothing_is_left_to_do(curated: Curated) -> None:
    before = curated.rows()
    compact(str(curated.output))
    assert curated.rows() == before
    assert is_whole(curated)
    assert curated.run().processed == 0


def test_upstream_that_was_compacted_is_no_change(own: Curated) -> None:
    compact(str(own.faces))
    compact(str(own.vectors))
    assert own.run().processed == 0


def test_the_number_of_threads_changes_no_byte(calm: Curated, fresh: Curated) -> None:
    fresh.run(threads=2)
    assert digests(fresh) == digests(calm)
    assert calm.run(threads=2).processed == 0


# --- one's own verdicts and other vectors ---------------------------------------------------------


def csv(made: Curated, *lines: str) -> str:
    file = made.output.parent / "own.csv"
    file.write_text("\n".join(["key,face_index,verdict,identity", *lines]) + "\n")
    return str(file)


def test_own_verdicts_come_first(curated: Curated) -> None:
    own = csv(
        curated,
        "flipped.jpg,0,keep,",
        "p000/0.jpg,,drop,",
        "p001/0.jpg,,move,somebody",
        "p001/1.jpg,,merge,p001",
    )
    curated.run(verdicts=own)
    found = curated.rows()
    told = {
        key: (found[f"{key}#0"]["status"], found[f"{key}#0"]["identity"])
        for key in ("flipped.jpg", "p000/0.jpg", "p001/0.jpg", "p001/1.jpg")
    }
    assert told == {
        "flipped.jpg": ("keep own", "p003"),
        "p000/0.jpg": ("drop own", None),
        "p001/0.jpg": ("move own", "somebody"),
        "p001/1.jpg": ("merge own", "p001"),
    }
    assert found["p000/0.jpg#0"]["reason"] == "own"


def test_what_is_dropped_by_hand_speaks_for_no_other_face(curated: Curated) -> None:
    """Else the copy of a photo that was dropped would go with it."""
    curated.run(verdicts=csv(curated, "p002/1.jpg,0,drop,"))
    assert curated.rows()["copy.jpg#0"]["status"] == "keep"


def test_own_verdicts_can_be_changed_and_taken_back(curated: Curated) -> None:
    before = digests(curated)
    curated.run(verdicts=csv(curated, "p000/0.jpg,,drop,"))
    assert digests(curated) != before
    curated.run(verdicts=csv(curated, "p000/0.jpg,,keep,"))
    assert curated.rows()["p000/0.jpg#0"]["status"] == "keep own"
    curated.run()
    assert digests(curated) == before


def test_persons_in_other_vectors_are_told_by_face(curated: Curated) -> None:
    other = curated.other(
        "benchmark",
        [
            *(Photo(f"b{n}.jpg", "nobody", (Face("p4", 50 + n),)) for n in range(3)),
            *(Photo(f"c{n}.jpg", "p005", (Face("stranger", n),)) for n in range(3)),
        ],
    )
    curated.run(against=[str(other)])
    leaked = {name: row["leaks"] for name, row in curated.rows().items() if row["leaks"]}
    assert set(leaked) == {f"p004/{n}.jpg#0" for n in range(5)}
    [leak] = leaked["p004/0.jpg#0"]
    assert (leak["against"], leak["key"][0]) == (str(other), "b")
    assert leak["score"] >= THRESHOLDS["dlib"].leak
    assert list(curated.shown["leaks"].rows) == [(str(other), 5, 1)]
    assert is_whole(curated)


# --- calibration ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    """Verdicts by thresholds that were chosen, of a model that none are known for."""
    for name in ("faiss", "scipy", "threadpoolctl"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("calibrated")
    made = Curated(folder, folder / "out")
    photos = people(24, 6)
    make_faces(made.faces, photos)
    make_vectors(made.vectors, made.faces, photos, model="mine")
    made.run(calibrate=True, claim=0.5)
    return made


def test_every_threshold_that_was_tried_is_shown(calibrated: Curated) -> None:
    rows = calibrated.shown["calibration"].rows
    tried = {row[1] for row in rows}
    assert {"margin", "person", "same_person", "two_persons", "duplicate_bits", "leak"} <= tried
    assert sum(row[-1] == "chosen" for row in rows) == len(tried)
    assert all(0 <= cell <= 1 for row in rows for cell in row[4:6])


def test_what_was_chosen_stands_in_the_output_and_what_was_set_before_it(
    calibrated: Curated,
) -> None:
    settled = read_settled(Storage(str(calibrated.output)))
    assert settled is not None
    chosen = {row[1]: row[2] for row in calibrated.shown["calibration"].rows if row[-1]}
    assert settled.values["claim"] == 0.5 != chosen["claim"]
    assert settled.values["margin"] == chosen["margin"]
    assert settled.figures["calibration"]["name"] == "calibration"


def test_thresholds_stay_when_it_is_run_again(
    calibrated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.curate.curation, "read_faces", lambda upstreams: pytest.fail("read"))
    assert calibrated.run(calibrate=True, claim=0.5).processed == 0
    assert is_whole(calibrated)


def test_too_few_labels_to_calibrate_with(fresh: Curated) -> None:
    assert "too few to calibrate with" in refused(fresh, calibrate=True)


# --- what does not go together --------------------------------------------------------------------


def refused(made: Curated, **settings: Any) -> str:
    with pytest.raises(UserError) as error:
        made.run(**settings)
    assert error.value.exit_code == 2
    return str(error.value)


def test_vectors_of_other_faces(curated: Curated) -> None:
    make_faces(curated.folder / "others", people(2, 3))
    assert "are not those of the faces in" in refused(curated, faces=str(curated.folder / "others"))


def test_vectors_of_the_same_shards_and_other_photos(curated: Curated) -> None:
    """All that outputs say of themselves is the same; the keys are not."""
    others = [replace(photo, key=f"z{photo.key}") for photo in PHOTOS]
    make_faces(curated.folder / "others", others)
    assert "are not those of the faces in" in refused(curated, faces=str(curated.folder / "others"))


def test_stale_vectors(own: Curated) -> None:
    make_faces(own.faces, [replace(PHOTOS[0], faces=(Face("else"),)), *PHOTOS[1:]])
    assert "run 'mtcnn-ray embed' again" in refused(own)


def test_new_faces_without_vectors(own: Curated) -> None:
    make_faces(own.faces, [*PHOTOS, *people(1, 3, "new")])
    assert "run 'mtcnn-ray embed' again" in refused(own)


def test_another_model_than_the_output_was_begun_with(own: Curated) -> None:
    make_vectors(own.folder / "others", own.faces, PHOTOS, digest="e" * 64)
    own.name = "others"
    assert "was begun with vectors of 'dlib' (32 numbers, dlib150, dddddddd)" in refused(own)


def test_other_vectors_of_another_model(curated: Curated) -> None:
    other = curated.other("again", people(2, 2), model="facenet", digest="f" * 64)
    assert "embed both with one model" in refused(curated, against=[str(other)])


def test_a_model_without_thresholds(made: Curated) -> None:
    make_faces(made.faces, PHOTOS)
    make_vectors(made.vectors, made.faces, PHOTOS, model="mine")
    assert "give --calibrate" in refused(made)


@pytest.mark.parametrize("which", ["faces", "vectors"])
def test_an_input_that_is_not_finished(own: Curated, which: str) -> None:
    (own.folder / which / "_SUCCESS").unlink()
    job = {"faces": "extract", "vectors": "embed"}[which]
    assert f"is not finished: run 'mtcnn-ray {job}' again" in refused(own)


def test_inputs_in_the_wrong_order(curated: Curated) -> None:
    assert "is an output of 'embed', and one of 'extract' is wanted" in refused(
        curated, faces=str(curated.vectors)
    )


def test_no_faces_named(curated: Curated) -> None:
    assert "set curate.faces" in refused(curated, faces=None)


def test_another_threshold_needs_another_output(curated: Curated) -> None:
    assert "curate.claim (was None, is 0.5)" in refused(curated, claim=0.5)


def test_an_output_inside_an_input(made: Curated) -> None:
    made.make(PHOTOS)
    assert "choose another output folder" in refused(made, faces=str(made.folder))
