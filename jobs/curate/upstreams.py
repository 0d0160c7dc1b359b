"""What `curate` reads: faces, their vectors, vectors of others, and whether they go together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.curate.config import CurateSettings
from jobs.curate.faces import other_faces
from jobs.curate.own import OwnVerdict, read_own
from jobs.finished import Finished, open_finished
from jobs.kind.schemas import EMBEDDING_MODEL
from jobs.messages.errors import UserError
from jobs.sources.inputs import recorded

# To be raised when the same input comes to be judged otherwise.
_VERSION = 1
# What is said of a model, and changes no vector.
_SAID = frozenset({"licence", "thresholds"})
_SHOWN = ("template",)


@dataclass(frozen=True)
class Upstreams:
    """All that verdicts are computed from.

    Attributes:
        faces: The dataset of faces.
        vectors: Their vectors.
        others: Address -> vectors of other faces, for the leak check.
        own: Verdicts of one's own.
        own_address: Where those are.
    """

    faces: Finished
    vectors: Finished
    others: Mapping[str, Finished]
    own: Sequence[OwnVerdict] = ()
    own_address: str = ""

    @property
    def models(self) -> dict[str, str]:
        """Model -> digest, of the vectors."""
        return dict(self.vectors.identity.models)

    @property
    def digests(self) -> dict[str, str]:
        """What the verdicts are made from -> what identifies it."""
        found = {"faces": self.faces, "vectors": self.vectors}
        return {name: each.upstream.digest for name, each in found.items()}

    @property
    def model(self) -> dict[str, Any]:
        """What the vectors depend on: the model, and how faces were shown to it."""
        return _model(self.vectors)

    def state(self, values: Mapping[str, Any]) -> str:
        """Hexadecimal digest of all that verdicts depend on.

        Args:
            values: What was settled besides, as JSON has it.
        """
        own = [(each.key, each.face_index, each.verdict, each.identity) for each in self.own]
        others = [(address, other.state) for address, other in self.others.items()]
        parts = [_VERSION, self.faces.state, self.vectors.state, others, own, dict(values)]
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def open_upstreams(
    source_url: str, settings: CurateSettings, options: Mapping[str, Any]
) -> Upstreams:
    """Opens all that verdicts are computed from.

    Args:
        source_url: Where the vectors are.
        settings: Where the rest is.
        options: Keyword arguments of the fsspec file system.

    Raises:
        UserError: Something is not there, not finished, or does not go together.
    """
    if settings.faces is None:
        raise UserError("the dataset of faces is not named: set curate.faces")
    faces = open_finished(settings.faces, "extract", options)
    vectors = open_finished(source_url, "embed", options)
    _check_pair(faces, vectors)
    others = {}
    for address in settings.against:
        other = open_finished(address, "embed", options)
        _check_model(vectors, other)
        others[recorded(address)] = other
    own = read_own(settings.verdicts, options) if settings.verdicts else []
    return Upstreams(faces, vectors, others, own, settings.verdicts or "")


def _check_pair(faces: Finished, vectors: Finished) -> None:
    """Raises unless the vectors are those of the faces as they are now."""
    there, made_of = faces.shards("faces"), vectors.planned()
    # A shard without faces may have been passed over.
    needed = {shard for shard, rows in faces.rows_by_shard("faces") if rows} | made_of.keys()
    is_same = vectors.identity.upstream.get("faces") == faces.upstream.digest
    if is_same and all(there.get(shard) == made_of.get(shard) for shard in needed):
        return
    if not is_same or vectors.identity.input != recorded(faces.address):
        raise other_faces(faces.address)
    raise UserError(
        f"the faces in '{faces.address}' have changed since '{vectors.address}' was made of them: "
        "run 'mtcnn-ray embed' again"
    )


def _check_model(vectors: Finished, other: Finished) -> None:
    there, here = _model(other), _model(vectors)
    if there != here:
        raise UserError(
            f"the vectors in '{other.address}' are of {named(there)}, and those in "
            f"'{vectors.address}' of {named(here)}: embed both with one model, in one way"
        )


def named(model: Mapping[str, Any]) -> str:
    """A model as a sentence has it."""
    shown = [f"{model.get('width')} numbers", *map(str, filter(None, map(model.get, _SHOWN)))]
    return f"'{model.get('name')}' ({', '.join(shown)}, {str(model.get('digest'))[:8]})"


def _model(vectors: Finished) -> dict[str, Any]:
    """What vectors depend on, without what is only said of the model.

    Raises:
        UserError: They do not tell.
    """
    schema = vectors.dataset.schema("embeddings")
    about = (schema.metadata or {}).get(EMBEDDING_MODEL.encode())
    if about is None:
        raise UserError(f"'{vectors.address}' does not tell its model: run 'mtcnn-ray embed' anew")
    return {name: value for name, value in json.loads(about).items() if name not in _SAID}
