"""Labels: the folder, the pattern, and what is refused."""

from pathlib import Path

import pytest

from jobs.messages.errors import UserError
from jobs.sources.labels import check_label_pattern, label_of
from jobs.sources.settings import InputSettings
from jobs.sources.source import open_source


def settings_of(**settings: object) -> InputSettings:
    return InputSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("name", "label"), [("a/b/1.jpg", "b"), ("a/1.jpg", "a"), ("1.jpg", None), ("/1.jpg", None)]
)
def test_the_label_is_the_last_folder(name: str, label: str | None) -> None:
    assert label_of(name, settings_of()) == label


def test_no_labels_on_request() -> None:
    assert label_of("a/1.jpg", settings_of(label="none")) is None


@pytest.mark.parametrize(
    ("pattern", "label"),
    [
        (r"id\d+", "id7"),
        (r"id(\d+)", "7"),
        (r"(x)?id(\d+)", None),
        (r"(y)|id7", None),
        (r"zzz", None),
        (r"^a/(?P<who>[^/]+)", "id7"),
    ],
)
def test_a_pattern_takes_the_place_of_the_folder(pattern: str, label: str | None) -> None:
    assert label_of("a/id7/1.jpg", settings_of(label_pattern=pattern)) == label


def test_a_pattern_works_without_folder_labels() -> None:
    assert label_of("a/1.jpg", settings_of(label="none", label_pattern="^.")) == "a"


def test_a_pattern_is_searched_in_the_key_and_the_folder_is_that_of_the_name() -> None:
    key = "shards/000.tar/1.jpg"
    assert label_of("1.jpg", settings_of(label_pattern=r"(\d+)\.tar"), key=key) == "000"
    assert label_of("1.jpg", settings_of(), key=key) is None


@pytest.mark.parametrize("pattern", ["(", "*", "a{99999999999}", "(?P<a>x)(?P<a>y)"])
def test_a_pattern_that_is_not_valid_is_refused(pattern: str) -> None:
    with pytest.raises(UserError) as caught:
        check_label_pattern(settings_of(label_pattern=pattern))
    message = str(caught.value)
    assert message.startswith(f"input.label_pattern '{pattern}' is not a valid regular expression")
    assert message.endswith(": correct it")
    assert "\n" not in message


@pytest.mark.parametrize("settings", [{}, {"label_pattern": r"id(\d+)"}])
def test_settings_that_are_valid_pass(settings: dict[str, object]) -> None:
    check_label_pattern(settings_of(**settings))


def test_the_pattern_labels_the_photos_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/id7_1.jpg").touch()
    source = open_source(str(tmp_path), settings_of(label_pattern="id([0-9]+)_"))
    assert [member.label for member in source.list()] == ["7"]


def test_the_pattern_labels_the_demo_photos() -> None:
    pytest.importorskip("skimage", reason="needs the extra 'demo'")
    source = open_source("demo:", settings_of(label_pattern=r"scenes/(\w+)"))
    labels = {member.label for member in source.list()}
    assert labels == {None, "cat", "coffee", "coins", "galaxies", "grass", "rocket"}


@pytest.mark.parametrize("url", ["demo:", "."])
def test_an_invalid_pattern_is_refused_before_a_photo_is_listed(url: str) -> None:
    with pytest.raises(UserError, match="not a valid regular expression"):
        next(open_source(url, settings_of(label_pattern="(")).list())


@pytest.mark.parametrize("name", ["photos", "photos.tar", "photos.csv", "photos/*.jpg"])
def test_a_wrong_pattern_is_refused_when_an_input_is_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a valid regular expression"):
        open_source(str(tmp_path / name), settings_of(label_pattern="("))
