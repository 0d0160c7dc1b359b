"""The job `curate` from its inputs to its rows, in this process."""

from __future__ import annotations

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
from jobs.engine.staged import STAGED
from jobs.kind.retry import retry
from jobs.messages.errors import UserError
from jobs.registry import FAILED_STATUSES
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


@pytest.fixture
def curated(made: Curated) -> Curated:
    """Verdicts on faces of which some are not what their labels say."""
    made.make(PHOTOS)
    made.run()
    return made


def digests(made: Curated) -> list[str]:
    """Digests of the parts, in the order of the shards."""
    return list(part_digests(made.output).values())


def is_whole(made: Curated) -> bool:
    return verify(str(made.output), failed_statuses=FAILED_STATUSES) == []


def test_every_face_has_its_verdict(curated: Curated) -> None:
    rows = curated.rows()
    assert len(rows) == FACES
    found = curated.verdicts()
    unnamed = {name: found.pop(name) for name in list(found) if name.startswith("u")}
    assert found == {
        "two.jpg#1": ("drop other_face", None),
        "copy.jpg#0": ("drop duplicate", "p002"),
        "flipped.jpg#0": ("move not_like_identity", "p005"),
        "lost.jpg#0": ("drop quality", None),
    }
    assert len(unnamed) == 6
    assert len({identity for _, identity in unnamed.values()}) == 2


def test_a_verdict_names_the_faces_that_speak_for_it(curated: Curated) -> None:
    row = curated.rows()["flipped.jpg#0"]
    assert (row["verdict"], row["reason"], row["label"]) == ("move", "not_like_identity", "p003")
    assert {each["key"].partition("/")[0] for each in row["evidence"]} == {"p005"}


def test_a_face_without_a_vector_has_no_score(curated: Curated) -> None:
    row = curated.rows()["lost.jpg#0"]
    assert (row["score"], row["evidence"], row["leaks"]) == (None, [], [])


def test_figures_count_the_rows(curated: Curated) -> None:
    counts = {str(row[0]).strip(): row[1] for row in curated.shown["verdicts"].rows}
    assert counts["faces"] == FACES
    assert (counts["drop"], counts["drop duplicate"], counts["move"]) == (3, 1, 1)
    assert (counts["identities before"], counts["identities after"]) == (12, 14)


def test_verify_finds_it_whole(curated: Curated) -> None:
    assert is_whole(curated)


def test_what_was_staged_is_gone_at_the_end(curated: Curated) -> None:
    assert [path.name for path in (curated.output / STAGED).iterdir()] == ["index.json"]


def test_the_same_again_computes_nothing(curated: Curated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.curate.curation, "read_faces", lambda upstreams: pytest.fail("read"))
    before = curated.shown
    assert curated.run().processed == 0
    assert curated.shown["verdicts"].as_record()["rows"] == [
        list(row) for row in before["verdicts"].rows
    ]


def test_what_changes_upstream_is_done_again_and_no_more(curated: Curated) -> None:
    before = part_digests(curated.output)
    last = len(PHOTOS) - 1
    changed = [*PHOTOS[:last], replace(PHOTOS[last], faces=(Face("alone"),))]
    curated.make(changed)
    summary = curated.run()
    after = part_digests(curated.output)
    assert 0 < summary.processed < FACES
    assert sum(before[name] != after[name] for name in before) == 1
    assert curated.rows()[f"{PHOTOS[last].key}#0"]["identity"] is None
    assert is_whole(curated)


def test_new_photos_are_added(curated: Curated) -> None:
    curated.make([*PHOTOS, *people(1, 5, "new")])
    curated.run()
    rows = curated.rows()
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
    made: Curated, monkeypatch: pytest.MonkeyPatch, after: int, tmp_path: Path
) -> None:
    made.make(PHOTOS)
    monkeypatch.setattr(working, "dispatched", dying(after))
    with pytest.raises(KeyboardInterrupt):
        made.run()
    monkeypatch.setattr(working, "dispatched", run_here)
    with monkeypatch.context() as patched:  # what was staged is used
        patched.setattr(jobs.curate.curation, "read_faces", lambda upstreams: pytest.fail("read"))
        made.run()
    killed = digests(made)
    assert is_whole(made)
    calm = Curated(tmp_path / "calm")
    calm.make(PHOTOS)
    calm.run()
    assert killed == digests(calm)


def test_lost_part_comes_back_as_it_was(curated: Curated) -> None:
    before = digests(curated)
    next((curated.output / "verdicts").iterdir()).unlink()
    assert curated.run().processed
    assert digests(curated) == before
    assert is_whole(curated)


def test_a_row_that_killed_its_worker_is_told_and_retried(
    made: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.make(PHOTOS)

    def with_verdict(job: Any, storage: Any, packages: Any, settings: Any, work: Any, *more: Any):  # type: ignore[no-untyped-def]
        specs, count = work()
        convicted = (replace(spec, verdicts={1: "crashed"}) for spec in specs)
        return run_here(job, storage, packages, settings, lambda: (convicted, count), *more)

    monkeypatch.setattr(working, "dispatched", with_verdict)
    made.run("run.max_failed_fraction=1")
    crashed = [name for name, row in made.rows().items() if row["status"] == "crashed"]
    assert "p000/1.jpg#0" in crashed
    monkeypatch.setattr(working, "dispatched", run_here)
    done = retry(CURATE, str(made.output))
    assert done.summary.processed == len(crashed)
    assert made.rows()["p000/1.jpg#0"]["status"] == "keep"
    assert is_whole(made)


def test_compacted_it_has_the_same_rows_and_nothing_is_left_to_do(curated: Curated) -> None:
    before = curated.rows()
    compact(str(curated.output))
    assert curated.rows() == before
    assert is_whole(curated)
    assert curated.run().processed == 0


def test_upstream_that_was_compacted_is_no_change(curated: Curated) -> None:
    compact(str(curated.faces))
    compact(str(curated.vectors))
    assert curated.run().processed == 0


def test_the_number_of_threads_changes_no_byte(curated: Curated, tmp_path: Path) -> None:
    other = Curated(tmp_path / "other")
    other.make(PHOTOS)
    other.run(threads=2)
    assert digests(other) == digests(curated)
    assert curated.run(threads=2).processed == 0


# --- one's own verdicts and other vectors ---------------------------------------------------------


def csv(made: Curated, *lines: str) -> str:
    file = made.folder / "own.csv"
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
    assert leak["score"] > 0.93
    assert list(curated.shown["leaks"].rows) == [(str(other), 5, 1)]
    assert is_whole(curated)


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


def test_stale_vectors(curated: Curated) -> None:
    make_faces(curated.faces, [replace(PHOTOS[0], faces=(Face("else"),)), *PHOTOS[1:]])
    assert "run 'mtcnn-ray embed' again" in refused(curated)


def test_new_faces_without_vectors(curated: Curated) -> None:
    make_faces(curated.faces, [*PHOTOS, *people(1, 3, "new")])
    assert "run 'mtcnn-ray embed' again" in refused(curated)


def test_another_model_than_the_output_was_begun_with(curated: Curated) -> None:
    make_vectors(curated.folder / "others", curated.faces, PHOTOS, digest="e" * 64)
    curated.name = "others"
    assert "was begun with vectors of 'dlib' (32 numbers, dlib150, dddddddd)" in refused(curated)


def test_other_vectors_of_another_model(curated: Curated) -> None:
    other = curated.other("again", people(2, 2), model="facenet", digest="f" * 64)
    assert "embed both with one model" in refused(curated, against=[str(other)])


def test_a_model_without_thresholds(made: Curated) -> None:
    make_faces(made.faces, PHOTOS)
    make_vectors(made.vectors, made.faces, PHOTOS, model="mine")
    assert "give --calibrate" in refused(made)


@pytest.mark.parametrize("which", ["faces", "vectors"])
def test_an_input_that_is_not_finished(curated: Curated, which: str) -> None:
    (curated.folder / which / "_SUCCESS").unlink()
    job = {"faces": "extract", "vectors": "embed"}[which]
    assert f"is not finished: run 'mtcnn-ray {job}' again" in refused(curated)


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
