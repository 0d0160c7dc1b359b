"""The house rules: formatted, linted, typed, and imports that only go downwards."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.jobs.engine.retries import commit_all
from tests.jobs.engine.stand_in import make_folder

ROOT = Path(__file__).resolve().parents[1]

# Folder -> the floors of what lies in it, the ground first. What is on a floor may import what is
# on the floors below it, and nothing beside or above it.
FLOORS: Mapping[str, Sequence[Sequence[str]]] = {
    "": [
        ["mtcnn_core", "jobs.messages", "jobs.members", "jobs.keys"],
        ["jobs.storage", "jobs.models"],
        ["jobs.engine", "jobs.sources"],
        ["jobs.kind", "jobs.photos", "jobs.dataset", "jobs.upstream"],
        [
            *("jobs.finished", "jobs.loader", "jobs.placed", "jobs.sample_table"),
            *("jobs.training", "jobs.truth", "jobs.where"),
        ],
        [  # the jobs, beside each other
            *("jobs.curate", "jobs.embed", "jobs.export", "jobs.extract", "jobs.feed", "jobs.fit"),
            *("jobs.samples", "jobs.train", "jobs.triplets"),
        ],
        ["jobs.registry", "jobs.bench", "jobs.cascade", "jobs.evaluation", "jobs.detect"],
        ["jobs.alike"],
        ["jobs.cli"],
    ],
    "mtcnn_core": [
        ["cache", "faces", "stopwatch", "weights"],
        ["evaluation", "kernels"],
        ["curation", "engines"],
        ["settings"],
        ["cascade", "crops", "images", "training"],
        ["importing", "pictures", "samples", "ssd"],
        ["dense"],
        ["detectors", "embedding"],
        ["facenet", "fitting"],
    ],
    "mtcnn_core.dense": [
        ["families", "recognise"],
        ["grids"],
        ["session"],
        ["detector"],
    ],
    "mtcnn_core.samples": [
        ["samples", "shown", "truth", "drawing"],
        ["balance", "labels"],
        ["counting", "points", "survival"],
        ["sampler"],
    ],
    "mtcnn_core.fitting": [
        ["augmentation", "average", "calibration", "losses", "networks"],
        ["fitter", "trial"],
    ],
    "mtcnn_core.facenet": [
        ["cost", "nn2", "small", "triplet"],
        ["networks"],
        ["export", "losses"],
    ],
    "mtcnn_core.embedding": [
        ["errors", "model"],
        ["card", "quality", "record"],
        ["graph", "known", "normalise", "perceptual_hash", "places", "ports"],
        ["dlib_file", "feed", "inception"],
        ["dlib_graph"],
        ["files"],
        ["network"],
        ["exactness", "store"],
        ["embedder"],
    ],
    "mtcnn_core.curation": [
        ["errors", "packing"],
        ["columns"],
        ["neighbours", "verdicts"],
        ["likeness", "linkage", "triplets"],
        ["thresholds"],
        ["duplicates"],
        ["identities", "planting"],
        ["curate", "leaks"],
        ["calibration"],
    ],
    "jobs.storage": [
        ["digest", "entry", "faults", "names", "temporary"],
        ["filesystem", "output_fault", "patience", "read_error"],
        ["streams"],
        ["local"],
        ["remote"],
        ["place", "storage"],
        ["local_copy", "named_files", "room"],
    ],
    "jobs.engine": [
        ["cgroups", "interrupts", "job", "records", "reports", "settings"],
        ["forgotten", "identity", "lease", "settled", "shards", "staged", "usable"],
        ["blame", "parts", "plans"],
        ["ledger"],
        ["erasing"],
        ["checks", "workers"],
        ["driver"],
    ],
    "jobs.sources": [
        ["kinds", "overlap", "tars"],
        ["settings"],
        ["labels", "read_ahead", "tables"],
        ["containers", "demo", "folder", "manifest", "source"],
        ["inputs", "parquet", "tar"],
    ],
    "jobs.kind": [
        ["config", "figures", "layers", "schemas", "stretches"],
        ["compact", "job_kind", "loading"],
        ["continuing", "staging", "tables_job"],
        ["run"],
        ["forecast", "forget", "retry"],
    ],
    "jobs.photos": [
        ["ahead", "frames_file", "statuses"],
        ["read"],
        ["decode", "frames"],
        ["detect", "forgetting", "sample"],
    ],
    "jobs.curate": [
        ["config", "names"],
        ["kind"],
        ["faces", "schema"],
        ["own", "verdict_rows"],
        ["figures", "upstreams"],
        ["judging"],
        ["settling"],
        ["curation"],
        ["job"],
    ],
    "jobs.embed": [
        ["config", "found_faces", "statuses"],
        ["face_items", "kind", "photos", "schema"],
        ["vector_rows"],
        ["vectorizer"],
        ["job"],
    ],
    "jobs.extract": [
        ["config", "table_rows"],
        ["extractor", "kind"],
        ["schema"],
        ["job"],
        ["times"],
    ],
    "jobs.feed": [
        ["candidates", "splits"],
        ["classes", "config"],
        ["figures", "kind", "upstreams"],
        ["schema"],
        ["feeding"],
        ["job"],
    ],
    "jobs.triplets": [
        ["config", "pairs"],
        ["kind"],
        ["schema"],
        ["pieces"],
        ["mining"],
        ["job"],
    ],
    "jobs.export": [
        ["config", "formats", "names"],
        ["batches", "card", "kind", "rows", "stems", "written"],
        ["own", "schema"],
        ["exporting"],
        ["job"],
    ],
    "jobs.export.formats": [
        ["face"],
        ["folders", "hugging_face", "webdataset"],
        ["known"],
    ],
    "jobs.loader": [
        ["chance", "index"],
        ["crops", "draws", "shares"],
        ["division"],
        ["epoch"],
        ["face_feed", "split"],
    ],
    "jobs.training": [
        ["checkpoints", "curve", "log", "requirements", "settings", "threads"],
        ["progress", "summary"],
        ["driving"],
    ],
    "jobs.train": [
        ["config", "log", "ranks", "summary"],
        ["batches", "held_out"],
        ["exporting", "loop"],
        ["on_ray"],
        ["training"],
    ],
    "jobs.cascade": [
        ["config", "report", "summary"],
        ["held_out"],
        ["comparing"],
        ["rounds"],
        ["training"],
    ],
    "jobs.fit": [
        ["blocks", "config", "exporting", "log", "summary"],
        ["stream"],
        ["beginning"],
        ["loop"],
        ["fitting"],
    ],
    "jobs.samples": [
        ["config"],
        ["kind"],
        ["schema"],
        ["figures", "sampling"],
        ["job"],
    ],
    "jobs.bench": [
        ["bar", "machine", "rivals", "spread"],
        ["duel", "scaling", "stages"],
        ["benchmark"],
    ],
    "jobs.evaluation": [
        ["found_photos", "pictures", "plots", "results", "selection"],
        ["detection", "sheets", "submission"],
        ["landmarks", "mistakes", "pair_sheet"],
        ["scored_pairs", "wider_scores"],
        ["stored_vectors", "verification", "widerface"],
    ],
    "jobs.cli": [
        [
            *("flags", "show_bench", "show_evaluation", "show_job", "show_training"),
            "without_pandas",
        ],
        ["evaluate", "jobs", "models", "outputs", "photos", "train"],
        ["main"],
    ],
    "jobs.messages": [
        ["bar", "credentials", "plain_text"],
        ["errors"],
    ],
}
# Modules in a package -> what they must not import, whatever its floor.
FORBIDDEN: Mapping[str, Sequence[str]] = {
    "mtcnn_core": ("ray", "fsspec", "pyarrow", "jobs"),
    "jobs.engine": ("mtcnn_core", "cv2", "PIL", "onnxruntime"),
    "jobs.storage": ("mtcnn_core", "pyarrow", "ray"),
    "jobs.sources": ("ray",),
    "jobs.photos": ("ray", "pyarrow"),
    "jobs.curate": ("ray",),
    "jobs.embed": ("ray",),
    "jobs.export": ("ray",),
    "jobs.extract": ("ray",),
    "jobs.feed": ("ray",),
    "jobs.fit": ("ray",),
    "jobs.loader": ("ray",),
    "jobs.samples": ("ray",),
    "jobs.triplets": ("ray",),
    "jobs.cli": ("ray",),
}


@dataclass(frozen=True)
class Import:
    """A module that another one imports, and where."""

    importer: str
    imported: str
    where: str


def _modules() -> dict[str, Path]:
    found = {}
    for package in ("mtcnn_core", "jobs"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = _modules()


def _imports(name: str, file: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with the line."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, node.module or ""]) if node.level else node.module or ""
            # `from jobs import registry` imports jobs.registry.
            for alias in node.names:
                whole = f"{base.rstrip('.')}.{alias.name}"
                yield whole if whole in MODULES else base, node.lineno


def _all_imports() -> list[Import]:
    return [
        Import(name, imported, f"{file.relative_to(ROOT)}:{line}")
        for name, file in MODULES.items()
        for imported, line in _imports(name, file)
    ]


IMPORTS = _all_imports()


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _rooms(folder: str) -> dict[str, int]:
    """Whole name of each room of a folder -> its floor, from 1."""
    prefix = f"{folder}." if folder else ""
    return {
        f"{prefix}{room}": number
        for number, floor in enumerate(FLOORS[folder], 1)
        for room in floor
    }


def _room(name: str, rooms: Mapping[str, int]) -> str | None:
    found = [room for room in rooms if _is_in(name, room)]
    return max(found, key=len) if found else None


@pytest.mark.parametrize("folder", FLOORS)
def test_every_room_has_its_floor(folder: str) -> None:
    rooms = _rooms(folder)
    homeless = {}
    for name, file in MODULES.items():
        is_face = file.name == "__init__.py" and any(_is_in(room, name) for room in rooms)
        if not is_face and _is_in(name, folder or name) and _room(name, rooms) is None:
            below = {
                room
                for each in IMPORTS
                if each.importer == name and (room := _room(each.imported, rooms))
            }
            least = max((rooms[room] for room in below), default=0) + 1
            homeless[name] = f"{name} has no floor: add it in tests/test_house.py, on {least} or up"
    assert not homeless, "\n".join(homeless.values())
    gone = [room for room in rooms if not any(_is_in(name, room) for name in MODULES)]
    assert not gone, f"no such rooms any more: {', '.join(gone)}"


@pytest.mark.parametrize("folder", FLOORS)
def test_imports_go_down(folder: str) -> None:
    rooms = _rooms(folder)
    wrong = []
    for each in IMPORTS:
        room, other = _room(each.importer, rooms), _room(each.imported, rooms)
        if room is None or other is None or room == other or rooms[other] < rooms[room]:
            continue
        above = [name for name, floor in rooms.items() if floor > rooms[other]]
        wrong.append(
            f"{each.where}: {room} (floor {rooms[room]}) imports {each.imported} "
            f"(floor {rooms[other]}): the line belongs in {', '.join(above) or 'no room'}, "
            f"or what it needs belongs below floor {rooms[room]}"
        )
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle() -> None:
    below: dict[str, set[str]] = {name: set() for name in MODULES}
    for each in IMPORTS:
        if each.imported in MODULES and each.imported != each.importer:
            below[each.importer].add(each.imported)
    # Whatever imports nothing that is left is taken away, until only circles are left.
    while free := [name for name, others in below.items() if not others & below.keys()]:
        for name in free:
            del below[name]
    assert not below, f"in a circle, or above one: {', '.join(sorted(below))}"


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_does_not_know_its_neighbours(package: str) -> None:
    wrong = [
        f"{each.where}: {package} must not import {each.imported}"
        for each in IMPORTS
        if _is_in(each.importer, package)
        and any(_is_in(each.imported, other) for other in FORBIDDEN[package])
    ]
    assert not wrong, "\n".join(wrong)


def _loaded(code: str, *names: str) -> list[str]:
    """Which of some modules are loaded after some code has run in a Python of its own."""
    tail = f"\nimport sys\nprint(*sorted(set({names!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return done.stdout.splitlines()[-1].split()


def test_the_core_is_imported_without_ray_and_arrow() -> None:
    code = "import mtcnn_core\nmtcnn_core.FaceDetector, mtcnn_core.align, mtcnn_core.decode"
    assert not _loaded(code, "ray", "fsspec", "pyarrow", "jobs", "tensorflow")


def test_the_command_line_starts_without_what_single_commands_need() -> None:
    heavy = ("cv2", "PIL", "llvmlite", "onnxruntime", "onnx", "openvino", "ray")
    assert not _loaded("import jobs.cli", *heavy)


def test_status_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """PyArrow would load pandas, NumPy its masked arrays, and Arrow what reads many files."""
    commit_all(str(tmp_path / "out"), make_folder(tmp_path / "in", 4))
    code = (
        "import sys\nfrom jobs.cli import main\n"
        f"sys.argv = ['mtcnn-ray', 'status', {str(tmp_path / 'out')!r}, '--json']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    heavy = (
        "cv2",
        "PIL",
        "llvmlite",
        "onnxruntime",
        "ray",
        "pandas",
        "numpy.ma",
        "pyarrow.dataset",
    )
    assert not _loaded(code, *heavy)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["ruff", "format", "--check", "--diff", "."], id="ruff format"),
        pytest.param(["ruff", "check", "."], id="ruff check"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_checker_is_content(arguments: list[str]) -> None:
    pytest.importorskip(arguments[0])
    if arguments == ["mypy"] and int(importlib.metadata.version("numpy").split(".")[0]) < 2:
        pytest.skip("types are checked against the annotations of current releases")
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_else_lies_at_the_top() -> None:
    command = ["git", "ls-tree", "--name-only", "HEAD"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    shown = {name for name in listed.stdout.split() if not name.startswith(".")}
    folders = {"configs", "deploy", "jobs", "mtcnn_core", "tests"}
    assert shown == folders | {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"}
