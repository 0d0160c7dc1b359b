"""The command line as its users meet it: output, one-sentence errors, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.sources.demo import demo_folder
from tests.command import SCRIPT, blocking, environment, mtcnn_ray


@pytest.fixture(scope="module")
def photo(cache_folder: Path) -> Path:
    pytest.importorskip("skimage")
    return demo_folder() / "faces" / "astronaut.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo in it."""
    (tmp_path / "in").mkdir()
    Image.new("RGB", (50, 50)).save(tmp_path / "in" / "a.png")
    return tmp_path


def _refused(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The sentence on stderr, after checking that it is all there is."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(r"mtcnn-ray: [^\n]+\n", done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("mtcnn-ray: ").rstrip()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["extract", "{}/nothing", "{}/out"], "no file or folder", id="no input"),
        pytest.param(["extract", "{}/empty", "{}/out"], "no files in", id="empty input"),
        pytest.param(["extract", "{}/in/*.jpg", "{}/out"], "no files match", id="empty glob"),
        pytest.param(
            ["extract", "{}/in", "{}/in/out"], "is inside the input", id="output in input"
        ),
        pytest.param(["extract", "{}/in", "{}"], "is inside the output", id="input in output"),
        pytest.param(["extract", "{}/in", "{}/in"], "another output", id="output is input"),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--workers", "0"], "run.workers", id="no workers"
        ),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--workers", "two"], "--workers", id="two workers"
        ),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--set", "crop.sise=112"],
            "did you mean 'crop.size'?",
            id="unknown key",
        ),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--config", "{}/bad.yaml"],
            "did you mean 'detect.min_face'?",
            id="unknown key in a file",
        ),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--config", "facenet161"], "facenet160", id="no preset"
        ),
        pytest.param(
            ["extract", "{}/in", "{}/out", "--min-face", "-3"], "detect.min_face", id="bad value"
        ),
        pytest.param(["extract", "nosuch://b/photos", "{}/out"], "nosuch://", id="unknown scheme"),
        pytest.param(["extract", "{}/in", "{}/file"], "file", id="output is a file"),
        pytest.param(["extract", "{}/in"], "OUTPUT", id="no output"),
        pytest.param(["extrakt", "{}/in", "{}/out"], "extrakt", id="unknown command"),
        pytest.param(["extract", "{}/in", "{}/out", "--wrokers", "2"], "--wrokers", id="no option"),
        pytest.param(["detect", "{}/nothing.jpg"], "no file or folder", id="no photo"),
        pytest.param(["detect", "{}/in/a.png", "--draw", "{}/a.what"], ".jpg", id="bad drawing"),
        pytest.param(["status", "{}/in"], "no job", id="no job"),
        pytest.param(["verify", "{}/nothing"], "no job", id="nothing to verify"),
    ],
)
def test_wrong_usage_is_one_sentence(folder: Path, arguments: list[str], says: str) -> None:
    (folder / "empty").mkdir()
    (folder / "file").write_text("not a folder")
    (folder / "bad.yaml").write_text("detect:\n  min_fase: 30\n")
    sentence = _refused(mtcnn_ray(*(each.replace("{}", str(folder)) for each in arguments)))
    assert says in sentence
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://bucket/photos", "s3fs", "mtcnn-ray[s3]"),
        ("gs://bucket/photos", "gcsfs", "mtcnn-ray[gcs]"),
        ("abfs://bucket/photos", "adlfs", "mtcnn-ray[azure]"),
        ("https://example.org/photos/", "aiohttp", "mtcnn-ray[http]"),
    ],
)
def test_a_missing_extra_is_named(tmp_path: Path, url: str, module: str, extra: str) -> None:
    done = mtcnn_ray("extract", url, tmp_path / "out", env=blocking(module, tmp_path))
    assert f"pip install '{extra}'" in _refused(done)


def test_a_missing_extra_of_the_output_is_named(folder: Path) -> None:
    done = mtcnn_ray("extract", folder / "in", "s3://bucket/out", env=blocking("s3fs", folder))
    assert "pip install 'mtcnn-ray[s3]'" in _refused(done)


def test_the_demo_without_its_pictures_names_the_extra(tmp_path: Path) -> None:
    env = {**blocking("skimage", tmp_path), "MTCNN_RAY_CACHE": str(tmp_path / "cache")}
    # find_spec asks the blocker too, and gets its ModuleNotFoundError as an answer.
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, importlib.util; real = importlib.util.find_spec\n"
            "importlib.util.find_spec = lambda n, p=None: None if n == 'skimage' else real(n, p)\n"
            "from jobs.cli import main; sys.argv = ['mtcnn-ray', 'extract', 'demo:', sys.argv[1]]\n"
            "main()",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        env=environment(env),
        timeout=120,
        check=False,
    )
    assert "pip install 'mtcnn-ray[demo]'" in _refused(done)


def test_a_cluster_that_is_not_there_is_refused(folder: Path) -> None:
    done = mtcnn_ray("extract", folder / "in", folder / "out", "--ray-address", "127.0.0.1:1")
    assert "no Ray cluster at '127.0.0.1:1'" in _refused(done, code=3)


@pytest.mark.parametrize("name", ["photo.jpg", "notes.txt", "small.png"])
def test_a_photo_that_cannot_be_used_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (tmp_path / "notes.txt").write_text("not a photo")
    Image.new("RGB", (5, 5)).save(tmp_path / "small.png")
    _refused(mtcnn_ray("detect", tmp_path / name), code=1)


def test_detect_prints_json_and_draws(tmp_path: Path, photo: Path) -> None:
    done = mtcnn_ray("detect", photo, "--draw", tmp_path / "out.jpg", "--min-face", "60")
    assert (done.returncode, done.stderr) == (0, "")
    values = json.loads(done.stdout)
    (face,) = values["faces"]
    assert (values["width"], values["height"]) == (512, 512)
    # By eye, from the photograph: the left and the right eye of the astronaut.
    np.testing.assert_allclose(face["landmarks"]["left_eye"], [204, 101], atol=5)
    np.testing.assert_allclose(face["landmarks"]["right_eye"], [246, 103], atol=5)
    assert face["score"] > 0.99
    drawn = np.asarray(Image.open(tmp_path / "out.jpg"))
    assert (drawn != np.asarray(Image.open(photo))).any()


def test_detect_writes_names_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "Müller \N{GRINNING FACE}.png"
    Image.new("RGB", (50, 50)).save(file)
    done = mtcnn_ray("detect", file, env={"PYTHONIOENCODING": "utf-8"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["photo"].endswith("Müller \N{GRINNING FACE}.png")
    assert json.loads(done.stdout)["faces"] == []


@pytest.mark.parametrize("arguments", [["--help"], ["extract", "--help"], ["verify", "--help"]])
def test_help_is_help(arguments: list[str]) -> None:
    done = mtcnn_ray(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout
    assert done.stderr == ""


def test_no_command_is_wrong_usage_that_shows_the_help() -> None:
    done = mtcnn_ray()
    assert done.returncode in (0, 2)
    assert "extract" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def _in_full_device(*arguments: object) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "w") as full:
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_what_is_printed_is_one_sentence() -> None:
    done = _in_full_device("--help")
    assert done.returncode == 3
    assert done.stderr.startswith("mtcnn-ray: cannot go on (No space left on device): ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("extract", "in", "file/out"), 2, "Not a directory"),
        (("status", "x" * 300), 2, "File name too long"),
        (("detect", "in/a.png", "--weights", "/" + "x" * 300), 2, "File name too long"),
        (("detect", "in/a.png", "--weights", "~nobody-here/x.npz"), 2, "is no imported model"),
        (("extract", "in", "out", "--config", "~nobody-here/x.yaml"), 2, "cannot read the config"),
        (("detect", "http://127.0.0.1:1/a.jpg"), 3, "Cannot connect to host"),
        (("detect", "in/a.png", "--draw", "/dev/full/a.jpg"), 2, "name a file that can be written"),
    ],
)
def test_what_is_wrong_and_what_only_is_so_now(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, said: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "file").touch()
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert said in _refused(mtcnn_ray(*arguments), code)


def test_a_working_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", f"cd {tmp_path}/gone && rmdir {tmp_path}/gone && exec {SCRIPT} status out"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert "the working folder is gone: change to another one" in _refused(done)
