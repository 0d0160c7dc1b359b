"""Labels and identities as numbers and as names."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.curate.names import identity_names, numbered

KEYS = pa.array(["a", "b", "b", "c"], pa.large_string())
INDEX = np.array([0, 0, 1, 0], np.int16)


def names_of(labels: list[str], split_from: list[int], identity: list[int]) -> list[str]:
    split = np.array(split_from, np.int32)
    return identity_names(labels, split, np.array(identity, np.int32), KEYS, INDEX)


def test_labels_are_numbered_in_their_order() -> None:
    labels = pa.chunked_array([["zoe", None], ["anna", "zoe"]])
    names, numbers = numbered(labels, ["mia"])
    assert names == ["anna", "mia", "zoe"]
    assert numbers.tolist() == [2, -1, 0, 2]


def test_no_labels_are_no_numbers() -> None:
    names, numbers = numbered(pa.chunked_array([[None, None]], pa.string()), ())
    assert (names, numbers.tolist()) == ([], [-1, -1])


def test_halves_of_a_label_are_called_by_it_and_no_name_is_taken_twice() -> None:
    found = names_of(["anna", "anna~2"], [0, 0, 1], [0, 2, 3, 4])
    assert found[2:] == ["anna~3", "anna~4", "anna~2~2"]


def test_a_cluster_keeps_its_name_when_others_come_before_it() -> None:
    alone = names_of([], [-1], [-1, 0, 0, -1])
    later = names_of(["x"], [-1, -1], [1, 2, 2, 1])
    assert later[2] == alone[0]
    assert later[1] not in alone


def test_a_name_does_not_show_the_key_of_a_photo() -> None:
    [name] = identity_names(
        [], np.array([-1], np.int32), np.array([0], np.int32), pa.array(["secret.jpg"]), INDEX[:1]
    )
    assert name.startswith("unnamed-")
    assert "secret" not in name
