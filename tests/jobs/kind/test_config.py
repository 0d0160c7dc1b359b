"""Config: precedence, error sentences, identity and digest, presets."""

import pickle
from pathlib import Path

import pytest

from jobs.extract.config import Config, load_config
from jobs.kind.loading import load, presets
from jobs.messages.errors import UserError
from jobs.registry import sections_of_others
from mtcnn_core.settings.crops import PRESETS


def written(folder: Path, text: str) -> str:
    """A config file with this text."""
    file = folder / "job.yaml"
    file.write_text(text)
    return str(file)


def refusal(
    path: str | None = None,
    flags: dict[str, object] | None = None,
    sets: tuple[str, ...] = (),
) -> str:
    """The sentence with which a config is refused."""
    with pytest.raises(UserError) as caught:
        load_config(path, flags, sets)
    return str(caught.value)


def test_without_anything_the_defaults_hold() -> None:
    assert load_config(None) == Config()


def test_the_file_overrides_the_defaults(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "crop: {size: 96}\ndetect:\n  min_face: 30"))
    assert (config.crop.size, config.detect.min_face, config.crop.mode) == (96, 30.0, "margin")


def test_a_flag_overrides_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {size: 96, keep: best}")
    config = load_config(file, {"crop.size": 97})
    assert (config.crop.size, config.crop.keep) == (97, "best")


def test_a_flag_that_was_not_given_overrides_nothing(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "crop: {size: 96}"), {"crop.size": None}).crop.size == 96


def test_set_overrides_a_flag() -> None:
    assert load_config(None, {"crop.size": 97}, ["crop.size=98"]).crop.size == 98


def test_the_last_set_wins() -> None:
    assert load_config(None, {}, ["crop.size=98", "crop.size=99"]).crop.size == 99


def test_set_takes_yaml() -> None:
    config = load_config(None, {}, ["detect.thresholds=[0.5, 0.6, 0.8]", "run.workers=null"])
    assert (config.detect.thresholds, config.run.workers) == ((0.5, 0.6, 0.8), None)


def test_set_reaches_nested_sections() -> None:
    assert load_config(None, {}, ["run.shards.first=3"]).run.shards.first == 3


def test_storage_options_are_merged_in_depth(tmp_path: Path) -> None:
    file = written(tmp_path, "input: {storage_options: {client_kwargs: {region_name: eu}, key: a}}")
    config = load_config(
        file, {}, ["input.storage_options.client_kwargs.endpoint_url=http://s", "input.label=none"]
    )
    assert config.input.storage_options == {
        "client_kwargs": {"region_name": "eu", "endpoint_url": "http://s"},
        "key": "a",
    }


def test_an_empty_file_and_empty_sections_are_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "crop:\n  # size: 160\n")) == Config()
    assert load_config(written(tmp_path, "# nothing\n")) == Config()


def test_an_unknown_key_is_named_with_its_nearest(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {szie: 160}")
    assert refusal(file) == f"unknown key 'crop.szie' in {file}: did you mean 'crop.size'?"


def test_an_unknown_key_of_a_flag_or_set_says_where_it_was_given() -> None:
    hint = "did you mean 'detect.min_face'?"
    assert refusal(None, {"detect.minface": 3}) == (
        f"unknown key 'detect.minface' on the command line: {hint}"
    )
    assert refusal(None, {}, ("detect.minface=3",)) == (
        f"unknown key 'detect.minface' in --set: {hint}"
    )


def test_a_key_in_the_wrong_section_is_found() -> None:
    assert refusal(None, {}, ("min_face=3",)) == (
        "unknown key 'min_face' in --set: did you mean 'detect.min_face'?"
    )


def test_a_key_like_no_other_lists_those_of_its_section() -> None:
    assert refusal(None, {}, ("input.q=1",)) == (
        "unknown key 'input.q' in --set: known are "
        "input.kind, input.label, input.label_pattern, input.image_column, input.key_column, "
        "input.label_column, input.key_prefix, input.moved_from, input.frames, "
        "input.split_bytes, input.threads, input.read_ahead_bytes, input.timeout_s, "
        "input.private_networks, input.storage_options"
    )


def test_a_wrong_type_names_key_rule_and_value(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {size: big}")
    assert refusal(file) == (
        f"bad value for 'crop.size' in {file}: it should be a valid integer, "
        "unable to parse string as an integer, not 'big'"
    )


def test_a_wrong_choice_lists_the_allowed_ones() -> None:
    assert refusal(None, {"input.label": "parent"}) == (
        "bad value for 'input.label' on the command line: "
        "it should be 'folder' or 'none', not 'parent'"
    )


def test_a_wrong_element_names_its_list() -> None:
    sentence = refusal(None, {}, ("detect.thresholds=[0.5, 0.6, 7]",))
    assert sentence.startswith("bad value for 'detect.thresholds' in --set: it should be less than")


@pytest.mark.parametrize("value", ["1e400", ".inf", ".nan"])
def test_numbers_are_finite(value: str) -> None:
    assert refusal(None, {}, (f"crop.margin={value}",)).startswith("bad value for 'crop.margin'")


def test_a_section_with_a_plain_value_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: 160")
    assert refusal(file) == (
        f"'crop' in {file} is a section: set a key below it, such as 'crop.size'"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "absent.yaml"
    assert refusal(str(file)) == f"cannot read the config file {file}: no such file or directory"


def test_a_file_that_is_not_yaml_names_the_line(tmp_path: Path) -> None:
    file = written(tmp_path, "crop:\n  size: [1\n")
    assert refusal(file) == (
        f"{file} is not valid YAML: line 3: expected ',' or ']', but got '<stream end>'"
    )


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {size: 2026-13-01}")
    assert refusal(file).startswith(f"{file} is not valid YAML: month must be in 1..12")


def test_a_folder_named_like_a_preset_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "facenet160").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_config("facenet160") == load_config(str(presets()["facenet160"]))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "photo.yaml"
    file.write_bytes(b"\xff\xd8\xff\xe0\x00")
    assert refusal(str(file)) == f"{file} is not valid YAML: it is not text"


def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "- crop")
    assert refusal(file) == (
        f"{file} must hold sections such as 'crop:' with keys below them, but it holds a list"
    )


def test_a_key_given_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "crop: {size: 1}\ncrop: {keep: best}\n")
    assert refusal(file) == f"{file} is not valid YAML: line 2: the key 'crop' is there twice"


def test_set_without_equals_is_refused() -> None:
    assert refusal(None, {}, ("crop.size",)) == (
        "--set needs key=value, such as --set crop.size=160, not 'crop.size'"
    )


def test_set_with_broken_yaml_is_refused() -> None:
    assert refusal(None, {}, ("crop.size=[1",)) == (
        "the value of --set crop.size is not valid YAML: quote it"
    )


def test_credentials_are_never_shown(tmp_path: Path) -> None:
    file = written(tmp_path, "input: {storage_options: {secret: hunter2}}")
    config = load_config(file, {}, ["output.storage_options.secret=hunter2"])
    shown = f"{config!r} {config} {config.input!r} {config.model_dump()} {config.identity()}"
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "input: {storage_options: hunter2}",
        "input: hunter2-is-a-section",
        "input: {storage_options: {secret: 'hunter2}}",
    ],
)
def test_error_sentences_do_not_show_credentials(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in refusal(written(tmp_path, text))


def test_errors_do_not_chain_what_was_given(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_config(written(tmp_path, "input: {storage_options: hunter2}"))
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "change",
    [
        "crop.size=161",
        "detect.min_face=21",
        "detect.detector=another",
        "detect.ssd.threshold=0.3",
        "limits.max_pixels=5000",
        "input.label=none",
        "output.row_group_bytes=7777",
        "output.compression=snappy",
        "run.shards.first=17",
    ],
)
def test_what_determines_the_output_changes_the_digest(change: str) -> None:
    assert load_config(None, {}, [change]).digest() != Config().digest()


@pytest.mark.parametrize(
    "change",
    [
        "run.workers=3",
        "run.ray_address=auto",
        "input.threads=9",
        "input.storage_options.secret=x",
        "output.storage_options.secret=x",
    ],
)
def test_what_does_not_determine_the_output_keeps_the_digest(change: str) -> None:
    assert load_config(None, {}, [change]).digest() == Config().digest()


def test_the_digest_does_not_depend_on_how_a_value_is_written() -> None:
    written_apart = load_config(None, {}, ["detect.min_face=20", "crop.size='160'"])
    assert written_apart.digest() == Config().digest()


def test_a_detector_is_the_same_wherever_its_file_lies() -> None:
    files = ("/a/faces.xml", "/b/faces.xml", "b/faces.onnx", "c/faces", "faces")
    assert len({load_config(None, {"detect.detector": file}).digest() for file in files}) == 1


def test_the_path_of_a_detector_is_stored_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = load_config(None, {"detect.detector": "a/faces.xml"}).identity()
    assert stored["detect"]["detector"] == str(tmp_path / "a" / "faces.xml")


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Config(), "crop", Config().crop)  # noqa: B010


def test_a_config_travels_with_its_credentials() -> None:
    config = load_config(None, {}, ["input.storage_options.secret=hunter2"])
    assert pickle.loads(pickle.dumps(config)).input.storage_options == {"secret": "hunter2"}


def test_facenet160_is_the_default() -> None:
    assert load_config("facenet160").digest() == Config().digest()


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_crops_as_the_library_preset_of_its_name(name: str) -> None:
    assert load_config(name).crop == PRESETS[name]


def test_every_preset_loads() -> None:
    assert {"arcface112", "facenet", "facenet160", "widerface"} <= set(presets())
    for name, file in presets().items():
        others = sections_of_others(Config)
        assert load(Config, name, others=others) == load(Config, str(file), others=others)


def test_an_unknown_preset_lists_the_known() -> None:
    assert refusal("facenet161").startswith(
        "there is no config file or preset 'facenet161': give a YAML file or one of arcface112, "
    )
