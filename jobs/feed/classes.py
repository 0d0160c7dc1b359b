"""The classes: an id for each identity, which it keeps as long as the output is added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.dataset import open_dataset
from jobs.engine.identity import read_identity
from jobs.storage.storage import Storage
from jobs.upstream import Upstream


@dataclass(frozen=True)
class Begun:
    """What an output holds already.

    Attributes:
        ids: Identity -> its class id.
        firsts: First class id of each member that was planned, rising.
        following: The class id after all that were given.
    """

    ids: Mapping[str, int]
    firsts: Sequence[int]
    following: int


_NOTHING = Begun({}, (), 0)


def read_begun(output: Storage, options: Mapping[str, Any], named: pa.Table) -> Begun:
    """What is committed in an output; nothing if there is none yet.

    Args:
        output: The output.
        options: Keyword arguments of its file system.
        named: Key, face_index and identity of the faces that are fed now: a class whose first face
            was forgotten has no name of its own, and is known by its other faces.
    """
    if read_identity(output) is None:
        return _NOTHING
    dataset = open_dataset(output.url, options)
    if "classes" not in dataset.parts:
        return _NOTHING
    rows = dataset.read("classes", ["class_id", "identity"])
    ids = dict(zip(rows["identity"].to_pylist(), rows["class_id"].to_pylist(), strict=True))
    faces = dataset.read("feed", ["key", "face_index", "class_id"])
    nameless = faces.filter(pc.invert(pc.is_in(faces["class_id"], rows["class_id"])))
    if nameless.num_rows:
        known = nameless.join(named, ["key", "face_index"], join_type="inner")
        found = zip(known["identity"].to_pylist(), known["class_id"].to_pylist(), strict=True)
        for identity, class_id in found:
            if class_id >= 0:  # of one that killed a worker the class is not known
                ids.setdefault(identity, class_id)
    own = Upstream(output.url, options, "feed")
    planned = [member.key for shard in own.members("feed") for member in own.planned(shard.key)]
    highest = pc.max(faces["class_id"]).as_py()
    following = 1 + max(-1 if highest is None else highest, *ids.values(), -1)
    return Begun(ids, sorted(map(first_of, planned)), following)


def member_key(first: int) -> str:
    """The name of a member: that of its first class."""
    return f"classes-{first:010d}"


def first_of(key: str) -> int:
    """The first class of a member."""
    return int(key.rpartition("-")[2])


def give_ids(identities: list[str], order: NDArray[np.intp], begun: Begun) -> NDArray[np.int64]:
    """Gives each identity its class id: the one that it has, or the next one.

    Args:
        identities: Names.
        order: Indices of them, in the order in which new ones get theirs.
        begun: What there is already.

    Returns:
        int64 ``(n,)``: the class id of each.
    """
    ids = np.full(len(identities), -1, np.int64)
    following = begun.following
    for index in order.tolist():
        known = begun.ids.get(identities[index])
        if known is None:
            known, following = following, following + 1
        ids[index] = known
    return ids


def cut(
    class_ids: NDArray[np.int64], faces: NDArray[np.int64], begun: Begun, limit: float
) -> list[int]:
    """Cuts classes into members: those there are stay, new classes are cut by their faces.

    Args:
        class_ids: Ids of the classes, rising.
        faces: How many each class has.
        begun: What there is already.
        limit: Faces of a member, unless a single class has more.

    Returns:
        The first class id of each member, rising.
    """
    firsts = list(begun.firsts)
    taken = 0
    for class_id, count in zip(class_ids.tolist(), faces.tolist(), strict=True):
        if class_id < begun.following:
            continue
        if not taken or taken + count > limit:
            firsts.append(class_id)
            taken = 0
        taken += count
    return firsts
