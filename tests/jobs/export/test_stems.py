from jobs.export.stems import numbered_stems, stem_of, stems_of


def test_a_stem_is_the_key_without_its_ending() -> None:
    assert stem_of("a/b.c/d.tar.jpg", 0) == "a/b.c/d.tar"
    assert stem_of("a.jpg", 2) == "a-2"
    assert stem_of("none", 0) == "none"


def test_faces_whose_stems_meet_are_told_apart() -> None:
    keys = ["a.jpg", "a.png", "a-2.jpg", "a.jpg", "b.jpg"]
    stems = stems_of(keys, [0, 0, 0, 2, 0])
    assert len(set(stems)) == 5 and stems[-1] == "b"


def test_numbers_are_those_of_a_class() -> None:
    stems = numbered_stems(["Ann", "Bob", "Ann"], ["x.jpg", "y.jpg", "z.jpg"])
    assert stems == ["Ann_0001", "Bob_0001", "Ann_0002"]


def test_a_photo_of_lfw_keeps_its_number_where_one_before_it_has_no_face() -> None:
    keys = ["Ann/Ann_0001.jpg", "Ann/Ann_0003.jpg"]
    assert numbered_stems(["Ann", "Ann"], keys) == ["Ann_0001", "Ann_0003"]


def test_a_second_face_and_another_photo_get_free_numbers() -> None:
    keys = ["new.jpg", "Ann_0002.jpg", "Ann_0002.jpg", "Bob_0009.jpg"]
    stems = numbered_stems(["Ann"] * 4, keys)
    assert stems == ["Ann_0001", "Ann_0002", "Ann_0003", "Ann_0004"]


def test_there_is_no_number_zero() -> None:
    assert numbered_stems(["Ann"], ["Ann_0000.jpg"]) == ["Ann_0001"]
