"""How `curate` grows: `python -m tests.jobs.curate.scale FACES IDENTITIES [FOLDER]`.

Made-up faces and vectors are committed as `extract` and `embed` do it, many rows a photo's worth at
a time; then the driver judges and stages them. Told are seconds and peak memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from jobs.curate.job import open_job
from jobs.curate.kind import CURATE
from jobs.engine.driver import working
from jobs.engine.driver.run import run
from jobs.engine.identity import Identity
from jobs.kind.continuing import going_on
from jobs.kind.loading import load
from jobs.members import Member, Origin
from jobs.sources.inputs import recorded
from jobs.upstream import Upstream
from tests.jobs.curate.made_up import SETTINGS, MadeUpFaces, MadeUpVectors
from tests.jobs.engine.retries import run_here

BLOCK = 5000  # faces a shard, one a photo
WIDTH = 128


@dataclass(frozen=True)
class Block:
    """A row of a block of faces."""

    member: Member
    start: int


@dataclass(frozen=True)
class ManyFaces(MadeUpFaces):
    """Faces in blocks; of each identity they lie next to each other."""

    identities: int = 0
    faces: int = 0

    def read(self, members: Sequence[Member]) -> Iterator[Block]:  # type: ignore[override]
        for member in members:
            start = int(member.key) * BLOCK
            for row in range(member.items or 0):
                yield Block(replace(member, key=f"{start + row:09d}.jpg"), start)

    def rows(self, items: Iterator[Block]) -> Iterator[tuple[str, pa.RecordBatch]]:  # type: ignore[override]
        rows = np.array([int(item.member.key[:9]) for item in items])
        keys = [f"{row:09d}.jpg" for row in rows.tolist()]
        labels = [f"person-{row * self.identities // self.faces:07d}" for row in rows.tolist()]
        count = len(rows)
        same = {"key": keys, "uri": keys, "label": labels}
        images = {
            **same,
            "sha256": [f"{row:016x}" * 4 for row in rows.tolist()],
            "bytes": [1] * count,
            "width": [200] * count,
            "height": [200] * count,
            "orientation": [1] * count,
            "status": ["ok"] * count,
            "error": [None] * count,
            "num_faces": [1] * count,
            "frames": [1] * count,
        }
        faces = {
            **same,
            "face_index": [0] * count,
            "box": [[80.0, 80.0, 120.0, 120.0]] * count,
            "score": [1.0] * count,
            "landmarks": [[0.0] * 10] * count,
            "kept": [True] * count,
            "matrix": [[0.0] * 6] * count,
            "sharpness": [1.0] * count,
            "crop": [None] * count,
            "image_width": [200] * count,
            "image_height": [200] * count,
        }
        for name, columns in (("images", images), ("faces", faces)):
            yield name, pa.RecordBatch.from_pydict(columns, schema=self.schemas[name])


@dataclass(frozen=True)
class ManyVectors(MadeUpVectors):
    """Vectors of those, 5 % of them under another label than that of their person."""

    identities: int = 0
    faces: int = 0
    width: int = WIDTH

    def read(self, members: Sequence[Member]) -> Iterator[Block]:  # type: ignore[override]
        for member in members:
            for batch in self.upstream.rows(member, "faces", ["key", "face_index"]):
                for key in batch.column("key").to_pylist():
                    yield Block(replace(member, key=f"{key}#0"), 0)

    def rows(self, items: Iterator[Block]) -> Iterator[tuple[str, pa.RecordBatch]]:  # type: ignore[override]
        keys = [item.member.key[:-2] for item in items]
        rows = np.array([int(key[:9]) for key in keys])
        person = rows * self.identities // self.faces
        labels = [f"person-{number:07d}" for number in person.tolist()]
        rng = np.random.default_rng(int(rows[0]))
        flipped = rng.random(len(rows)) < 0.05
        person = np.where(flipped, rng.integers(self.identities, size=len(rows)), person)
        noise = _unit(rng.normal(size=(len(rows), WIDTH)))
        # So alike are faces of two persons, and of one, of dlib's network: .84 and .945.
        own = 0.915 * _COMMON + 0.329 * _centres(self.identities)[person]
        vectors = _unit(own + 0.2345 * noise).astype(np.float32)
        columns = {
            "key": keys,
            "face_index": np.zeros(len(rows), np.int16),
            "label": labels,
            "status": ["ok"] * len(rows),
            "error": [None] * len(rows),
            "embedding": list(vectors),
            "norm": np.ones(len(rows), np.float32),
            "quality": rng.random(len(rows)).astype(np.float32),
            "phash": [rng.bytes(32) for _ in keys],
        }
        schema = self.schemas["embeddings"]
        arrays = [
            pa.array(columns[field.name], type=field.type, from_pandas=False) for field in schema
        ]
        yield "embeddings", pa.RecordBatch.from_arrays(arrays, schema=schema)


_COMMON = np.full(WIDTH, WIDTH**-0.5)  # vectors of all faces have much in common


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _centres(count: int) -> np.ndarray:
    if count not in _MADE:
        _MADE[count] = _unit(np.random.default_rng(7).normal(size=(count, WIDTH)))
    return _MADE[count]


_MADE: dict[int, np.ndarray] = {}


def make(folder: Path, faces: int, identities: int) -> Mapping[str, str]:
    """Commits the inputs; gives where they are."""
    working.dispatched = run_here  # type: ignore[assignment]
    settings = SETTINGS.model_copy(
        update={"shards": SETTINGS.shards.model_copy(update={"max_members": BLOCK})}
    )
    blocks = -(-faces // BLOCK)
    sizes = [min(BLOCK, faces - block * BLOCK) for block in range(blocks)]
    members = [
        Member(f"{block}", f"{block}", 1, "1", None, items=size, stop=size)
        for block, size in enumerate(sizes)
    ]
    identity = Identity({}, "faces", {"mtcnn": "m"}, input="photos", job="extract", schema=2)
    job = ManyFaces({}, row_group_bytes=32 << 20, identities=identities, faces=faces)
    run(job, lambda: members, str(folder / "faces"), settings, identity)
    upstream = Upstream(recorded(str(folder / "faces")), {}, "extract")
    vectors = ManyVectors(
        upstream, {}, row_group_bytes=32 << 20, identities=identities, faces=faces
    )
    identity = Identity(
        {},
        "vectors",
        {"embedding": "d" * 64},
        input=upstream.url,
        job="embed",
        upstream={"faces": upstream.digest},
    )
    listed = list(upstream.members("faces"))
    inputs = [Origin(upstream.url)]
    run(vectors, lambda: listed, str(folder / "vectors"), settings, identity, inputs=inputs)
    return {"faces": str(folder / "faces"), "vectors": str(folder / "vectors")}


def measure(inputs: Mapping[str, str], output: Path) -> dict[str, float]:
    """Judges and stages; seconds, and peak memory in GB."""
    config = load(CURATE.config, None, {"curate.faces": inputs["faces"]}, [])
    began = time.monotonic()
    opened = open_job(inputs["vectors"], going_on(CURATE, config, str(output)))
    assert opened.decide is not None
    opened.decide(print, True)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    for figures in opened.conclude():
        print(*figures.rows, sep="\n")
    return {"seconds": round(seconds, 1), "peak GB": round(peak, 2)}


def main() -> None:
    """Makes the inputs unless they are there, and measures."""
    faces, identities = int(sys.argv[1]), int(sys.argv[2])
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
    if not (folder / "vectors" / "_SUCCESS").exists():
        make(folder, faces, identities)
        print(f"inputs are in {folder}: measure with the same command, in a new process")
        return
    with tempfile.TemporaryDirectory() as output:
        print(measure({n: str(folder / n) for n in ("faces", "vectors")}, Path(output) / "out"))


if __name__ == "__main__":
    main()
