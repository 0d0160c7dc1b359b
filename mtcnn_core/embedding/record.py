"""What is noted of an imported embedding model, beside its files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mtcnn_core.embedding.errors import EmbeddingError
from mtcnn_core.embedding.model import Feeding
from mtcnn_core.weights.errors import reason

RECORD = "embedding.json"


@dataclass(frozen=True)
class Record:
    """What is noted of an imported embedding model.

    Attributes:
        name: Name under which it was imported.
        digest: Digest of what its vectors depend on: of the files that it was imported from.
        files: Digest of the files that are kept, which may have been made of those.
        width: Numbers a face.
        licence: Under which its weights may be used.
        feeding: How it wants its crops, as far as that is known.
        known: Its name among the models that are known; empty if it is none of them.
        sources: File that it was imported from -> its SHA-256.
        imported: Date, ISO 8601.
    """

    name: str
    digest: str
    files: str
    width: int
    licence: str
    feeding: Feeding
    known: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    imported: str = ""

    def write(self, folder: Path) -> None:
        """Writes it into the model's folder."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")


def read_record(folder: Path) -> Record:
    """Reads what is noted of the model in a folder.

    Raises:
        EmbeddingError: There is no embedding model, or what is noted is damaged.
    """
    file = folder / RECORD
    if not file.is_file():
        raise EmbeddingError(
            f"there is no embedding model '{folder.name}': `mtcnn-ray models list` shows those "
            "there are, `mtcnn-ray models import` adds others"
        )
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        feeding = {key: _frozen(value) for key, value in values.pop("feeding").items()}
        return Record(**values, feeding=Feeding(**feeding))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise damaged(folder.name, reason(error)) from error


def damaged(name: str, why: str) -> EmbeddingError:
    """Returns what to say of an imported model that cannot be used."""
    return EmbeddingError(f"the model '{name}' is damaged ({why}): import it again with --replace")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
