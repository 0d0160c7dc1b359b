"""Tar files as WebDataset streams them."""

from __future__ import annotations

import io
import json
import tarfile

from jobs.export.formats.face import Batch, Face, Packed
from jobs.storage.digest import digest
from jobs.storage.storage import Storage


class WebDataset:
    """`<split>/<number>.tar` with `<face>.jpg`, `.cls` and `.json` of each face."""

    is_numbered = False
    tells_classes = False
    has_boxes = False

    def folder(self, split: str) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return split

    def place(self, batch: Batch, face: Face) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return _path(batch)

    def write(self, storage: Storage, batch: Batch) -> Packed:
        """See :class:`~jobs.export.formats.face.Format`."""
        path = _path(batch)
        with storage.spool(path) as spool:
            with (
                storage.writing(),
                tarfile.open(spool, "w", format=tarfile.PAX_FORMAT) as tar,
            ):
                for face in batch.faces:
                    _add_sample(tar, face)
            with spool.open("rb") as written:
                sha256, size = digest(written)
            storage.publish_file(spool, path)
        return Packed(path, size, sha256)


def _path(batch: Batch) -> str:
    return f"{batch.split}/{batch.number}.tar"


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
