"""What is an export's own in its output: folders that hold its files and nothing else, its card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from jobs.engine.identity import read_identity, require_identity
from jobs.engine.ledger.heads import Heads
from jobs.engine.settled import Settled, read_settled, write_settled
from jobs.export.card import CARD, card
from jobs.export.config import FormatName
from jobs.export.formats.known import FORMATS
from jobs.export.written import Written
from jobs.messages.errors import UserError
from jobs.storage.storage import Storage

_FOLDERS, _CARD = "folders", "card"
# Names in an export that no split can have, small.
_TAKEN = frozenset({"files", "_job"})


def open_written(storage: Storage, format_: FormatName) -> Written:
    """What is committed of an export, with the folders that are its own."""
    settled = read_settled(storage)
    folders = settled.values.get(_FOLDERS, []) if settled else []
    return Written(storage, Heads.read(storage), FORMATS[format_], folders)


def claim(storage: Storage, format_: FormatName, splits: Sequence[str], digest: str) -> None:
    """Makes the folders of some splits the export's own, and writes its card.

    A card that was there before, or was changed since, is the user's and stays.

    Args:
        storage: The output.
        format_: Its format.
        splits: Those that are written now.
        digest: Digest of the config, which the record of it goes with.

    Raises:
        UserError: There is something in them that no export has written.
    """
    settled = read_settled(storage)
    values = dict(settled.values) if settled else {}
    owned = set(values.get(_FOLDERS, []))
    if read_identity(storage) is not None:  # also when the record was lost
        owned |= set(open_written(storage, format_).folders)
    for split in splits:
        folder = FORMATS[format_].folder(split)
        if folder.casefold() in _TAKEN:
            raise UserError(
                f"a split cannot be called '{split}' in this format: call it otherwise in the feed"
            )
        if folder not in owned and _is_used(storage, folder):
            raise UserError(
                f"'{storage.url}' has a folder '{folder}' that is not empty, and export would "
                "write there: choose another folder"
            )
        owned.add(folder)
    text = card(format_, splits)
    is_own = not storage.exists(CARD) or values.get(_CARD) == _sha256(storage.read_bytes(CARD))
    values |= {_FOLDERS: sorted(owned), **({_CARD: _sha256(text)} if is_own else {})}
    if settled is None or dict(settled.values) != values:
        write_settled(storage, Settled(digest, values))
    if is_own:
        storage.publish_bytes(text, CARD)


def problems(output: str, options: dict[str, object]) -> list[str]:
    """What is wrong with the files of an export, a sentence each.

    Args:
        output: Local path or fsspec URL.
        options: Keyword arguments of the fsspec file system.
    """
    storage = Storage(output, options)
    return open_written(storage, require_identity(storage).config["export"]["format"]).problems()


def _is_used(storage: Storage, folder: str) -> bool:
    return bool(storage.names(folder) or storage.folders(folder))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
