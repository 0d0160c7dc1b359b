import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.export.names import names_of, safe


def folded(name: str) -> str:
    """As a file system that ignores case and composition takes it."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@given(st.lists(st.text(max_size=200), unique=True, max_size=12))
def test_no_two_names_are_the_same_on_any_file_system(texts: list[str]) -> None:
    names = names_of(texts)
    assert len({folded(name) for name in names}) == len(texts)


@given(st.lists(st.sampled_from(["a", "A", "á", "a\u0301", "\uff41", "a/", "a."]), unique=True))
def test_names_that_are_nearly_the_same_are_told_apart(texts: list[str]) -> None:
    assert len({folded(name) for name in names_of(texts)}) == len(texts)


def test_a_text_that_looks_like_a_name_with_a_digest_does_not_meet_it() -> None:
    first, _ = names_of(["ann", "Ann"])
    assert len({folded(name) for name in names_of(["ann", "Ann", first])}) == 3


@given(st.text(max_size=300))
def test_a_name_is_one_on_every_file_system(text: str) -> None:
    name = safe(text)
    assert name and len(name.encode()) <= 121
    assert not set(name) & set('./\\:*?"<>|\0 \n')


@pytest.mark.parametrize("text", ["__x", "-rf", "/@x", "../../x", ".hidden"])
def test_a_name_does_not_begin_as_what_readers_pass_over(text: str) -> None:
    assert safe(text)[0].isalnum()


def test_ordinary_names_stay() -> None:
    names = ["Ann_Lee", "José", "李明", "नरेन्द्र_मोदी"]
    assert names_of(names) == names


def test_names_that_differ_in_case_get_a_digest() -> None:
    one, other, third = names_of(["ann", "Ann", "bob"])
    assert one.startswith("ann-") and other.startswith("Ann-") and third == "bob"


def test_things_called_alike_get_a_digest_of_themselves() -> None:
    one, other = names_of(["a", "a"], ["a.jpg", "a.png"])
    assert one != other


@pytest.mark.parametrize("text", ["CON", "com1", "COM¹", "lpt0"])
def test_what_windows_keeps_for_itself_is_changed(text: str) -> None:
    assert safe(text) == f"{text}_"
