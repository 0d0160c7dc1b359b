from __future__ import annotations

from jobs.keys import KeySet


def key_set(*keys: str) -> KeySet:
    result = KeySet()
    result.add(keys)
    return result


def test_contains_what_was_added_in_any_call() -> None:
    keys = key_set("b", "a")
    keys.add(["c"])
    assert keys.contains(["a", "x", "c", "b"]).tolist() == [True, False, True, True]


def test_empty_set_contains_nothing() -> None:
    assert KeySet().contains(["a"]).tolist() == [False]


def test_nothing_to_look_up() -> None:
    assert key_set("a").contains([]).tolist() == []


def test_repeated_keys_are_found_across_calls() -> None:
    keys = key_set("a", "b", "c")
    keys.add(["b"])
    assert keys.repeated().contains(["a", "b", "c"]).tolist() == [False, True, False]


def test_many_keys_are_told_apart() -> None:
    keys = KeySet()
    keys.add(f"photo-{number}" for number in range(0, 20_000, 2))
    found = keys.contains(f"photo-{number}" for number in range(20_000))
    assert found.tolist() == [number % 2 == 0 for number in range(20_000)]
    assert len(keys.repeated()) == 0
