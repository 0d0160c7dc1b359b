"""A folder a class, a file a face."""

from __future__ import annotations

from jobs.export.formats.face import Batch, Face
from jobs.storage.storage import Storage


class ImageFolder:
    """`<split>/<class>/<face>.jpg`, as torchvision and `datasets` read it."""

    is_numbered = False
    tells_classes = False
    has_boxes = False

    def folder(self, split: str) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return split

    def place(self, batch: Batch, face: Face) -> str:
        """See :class:`~jobs.export.formats.face.Format`."""
        return f"{batch.split}/{face.class_name}/{face.file_name}"

    def write(self, storage: Storage, batch: Batch) -> None:
        """See :class:`~jobs.export.formats.face.Format`."""
        storage.publish_many((self.place(batch, face), face.crop) for face in batch.faces)


class FaceNet(ImageFolder):
    """The folders of davidsandberg/facenet: `<split>/<class>/<class>_0001.jpg`, and the boxes."""

    is_numbered = True
    has_boxes = True
