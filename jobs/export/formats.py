"""The formats: how the faces of a shard become files, and are read back from them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.kind.schemas import with_features
from jobs.storage.storage import Storage

_PUBLISHED_AT_ONCE = 1000
_PNG = b"\x89PNG"
# Crops are compressed already, and none is like another.
_WRITTEN = {"compression": "none", "use_dictionary": False, "write_statistics": False}


@dataclass(frozen=True)
class Face:
    """A face that is exported.

    Attributes:
        key: Key of its photo.
        face_index: Number of the face in the photo.
        identity: Whose it is; None if nobody has said.
        class_id: Number of the class.
        split: Its split.
        class_name: Name of the class's folder.
        stem: Name of the file, without its ending.
        box: x1, y1, x2, y2 in pixels of the photo; None where that is not known.
        crop: Its file.
    """

    key: str
    face_index: int
    identity: str | None
    class_id: int
    split: str
    class_name: str
    stem: str
    box: Sequence[float] | None
    crop: bytes

    @property
    def ending(self) -> str:
        """The ending of its file, with the dot."""
        return ".png" if self.crop.startswith(_PNG) else ".jpg"


class Format(Protocol):
    """How faces become files.

    Attributes:
        numbers_in_class: Whether files are called by their class and a number.
        tells_classes: Whether each file holds the names of all classes.
    """

    numbers_in_class: bool
    tells_classes: bool

    def place(self, face: Face, shard: str) -> tuple[str, str | None]:
        """The path of the file that a face is in, and what it is called in that, if many are."""
        ...

    def write(
        self, storage: Storage, shard: str, faces: Sequence[Face], classes: Sequence[str]
    ) -> None:
        """Publishes all files of a shard."""
        ...

    def read(self, storage: Storage, path: str) -> Iterator[tuple[str | None, bytes]]:
        """Yields what is in a file: what each crop is called there, and the crop."""
        ...


class ImageFolder:
    """`<split>/<class>/<face>.jpg`, as torchvision and `datasets` read it."""

    numbers_in_class = False
    tells_classes = False

    def place(self, face: Face, shard: str) -> tuple[str, str | None]:
        """See :class:`Format`."""
        return f"{face.split}/{face.class_name}/{face.stem}{face.ending}", None

    def write(
        self, storage: Storage, shard: str, faces: Sequence[Face], classes: Sequence[str]
    ) -> None:
        """See :class:`Format`."""
        for start in range(0, len(faces), _PUBLISHED_AT_ONCE):
            some = faces[start : start + _PUBLISHED_AT_ONCE]
            storage.publish_many([(self.place(face, shard)[0], face.crop) for face in some])

    def read(self, storage: Storage, path: str) -> Iterator[tuple[str | None, bytes]]:
        """See :class:`Format`."""
        yield None, storage.read_bytes(path)


class FaceNet(ImageFolder):
    """The folders of davidsandberg/facenet: `<split>/<class>/<class>_0001.jpg`, and the boxes."""

    numbers_in_class = True

    def write(
        self, storage: Storage, shard: str, faces: Sequence[Face], classes: Sequence[str]
    ) -> None:
        """See :class:`Format`; boxes are whole numbers, as his `align_dataset_mtcnn` writes."""
        super().write(storage, shard, faces, classes)
        for split in dict.fromkeys(face.split for face in faces):
            lines = [
                f"{self.place(face, shard)[0]} {' '.join(str(int(side)) for side in face.box)}\n"
                for face in faces
                if face.split == split and face.box is not None
            ]
            if lines:
                text = "".join(lines).encode()
                storage.publish_bytes(text, boxes_path(split, shard))


def boxes_path(split: str, shard: str) -> str:
    """Where the boxes of a shard's faces are."""
    return f"{split}/bounding_boxes_{shard}.txt"


class WebDataset:
    """`<split>/<shard>.tar` with `<face>.jpg`, `.cls` and `.json` of each face."""

    numbers_in_class = False
    tells_classes = False

    def place(self, face: Face, shard: str) -> tuple[str, str | None]:
        """See :class:`Format`."""
        return f"{face.split}/{shard}.tar", f"{face.stem}{face.ending}"

    def write(
        self, storage: Storage, shard: str, faces: Sequence[Face], classes: Sequence[str]
    ) -> None:
        """See :class:`Format`."""
        for split in dict.fromkeys(face.split for face in faces):
            path = f"{split}/{shard}.tar"
            with storage.spool(path) as spool:
                with (
                    storage.writing(),
                    tarfile.open(spool, "w", format=tarfile.PAX_FORMAT) as tar,
                ):
                    for face in faces:
                        if face.split == split:
                            _add_sample(tar, face)
                storage.publish_file(spool, path)

    def read(self, storage: Storage, path: str) -> Iterator[tuple[str | None, bytes]]:
        """See :class:`Format`."""
        with storage.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for info in tar:
                file = tar.extractfile(info)
                if file is not None:
                    yield info.name, file.read()


def _add_sample(tar: tarfile.TarFile, face: Face) -> None:
    about = {
        "key": face.key,
        "face_index": face.face_index,
        "identity": face.identity,
        "class_id": face.class_id,
        **({"box": list(face.box)} if face.box is not None else {}),
    }
    for ending, data in (
        (face.ending, face.crop),
        (".cls", str(face.class_id).encode()),
        (".json", json.dumps(about, ensure_ascii=False).encode()),
    ):
        info = tarfile.TarInfo(face.stem + ending)  # times and owners stay zero
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


class HuggingFace:
    """`data/<split>-<shard>.parquet` with a column `image` and one `label`, and a card."""

    numbers_in_class = False
    tells_classes = True

    def place(self, face: Face, shard: str) -> tuple[str, str | None]:
        """See :class:`Format`."""
        return f"data/{face.split}-{shard}.parquet", f"{face.stem}{face.ending}"

    def write(
        self, storage: Storage, shard: str, faces: Sequence[Face], classes: Sequence[str]
    ) -> None:
        """See :class:`Format`."""
        schema = _hugging_face_schema(classes)
        for split in dict.fromkeys(face.split for face in faces):
            own = [face for face in faces if face.split == split]
            rows = pa.Table.from_pylist(
                [
                    {
                        "image": {"bytes": face.crop, "path": f"{face.stem}{face.ending}"},
                        "label": face.class_id,
                        "key": face.key,
                        "face_index": face.face_index,
                    }
                    for face in own
                ],
                schema=schema,
            )
            path = f"data/{split}-{shard}.parquet"
            with storage.spool(path) as spool:
                with storage.writing():
                    pq.write_table(rows, spool, row_group_size=1000, **_WRITTEN)
                storage.publish_file(spool, path)

    def read(self, storage: Storage, path: str) -> Iterator[tuple[str | None, bytes]]:
        """See :class:`Format`."""
        with storage.open(path) as stream, pq.ParquetFile(stream) as file:
            for batch in file.iter_batches(1000, columns=["image"]):
                for image in batch.column("image").to_pylist():
                    yield image["path"], image["bytes"]


def _hugging_face_schema(classes: Sequence[str]) -> pa.Schema:
    fields = [
        pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        pa.field("label", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("face_index", pa.int16()),
    ]
    schema = with_features(fields, {}, images=["image"])
    told = json.loads(schema.metadata[b"huggingface"])
    told["info"]["features"]["label"] = {"names": list(classes), "_type": "ClassLabel"}
    return schema.with_metadata({"huggingface": json.dumps(told)})


FORMATS: Mapping[str, Format] = {
    "imagefolder": ImageFolder(),
    "webdataset": WebDataset(),
    "huggingface": HuggingFace(),
    "facenet": FaceNet(),
}
