from hypothesis import given
from hypothesis import strategies as st

from jobs.export.names import names_of, safe, stem_of


@given(st.lists(st.text(max_size=200), unique=True, max_size=12))
def test_no_two_names_are_the_same_on_any_file_system(texts: list[str]) -> None:
    names = names_of(texts)
    assert len({name.casefold() for name in names}) == len(texts)


@given(st.text(max_size=300))
def test_a_name_is_one_on_every_file_system(text: str) -> None:
    name = safe(text)
    assert name and len(name.encode()) <= 121
    assert not set(name) & set('./\\:*?"<>|\0 \n')


def test_ordinary_names_stay() -> None:
    assert names_of(["Ann_Lee", "José", "李明"]) == ["Ann_Lee", "José", "李明"]


def test_names_that_differ_in_case_get_a_digest() -> None:
    one, other, third = names_of(["ann", "Ann", "bob"])
    assert one.startswith("ann-") and other.startswith("Ann-") and third == "bob"


def test_what_windows_keeps_for_itself_is_changed() -> None:
    assert safe("CON") == "_CON"


def test_a_stem_is_the_key_without_its_ending() -> None:
    assert stem_of("a/b.c/d.tar.jpg", 0) == "a/b.c/d.tar"
    assert stem_of("a.jpg", 2) == "a-2"
    assert stem_of("none", 0) == "none"
