"""What `deploy/` promises fits the project: files, extras, commands, presets, versions, users."""

import importlib
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from jobs.cli.main import app
from jobs.extract.config import load_config

# On Python 3.10 pytest brings tomli along.
tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
ROOT_IDS = {"0", "root"}


def instructions() -> Iterator[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, comments and continuations resolved."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            yield name.upper(), arguments.strip()


def arguments_of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


def build_argument(name: str) -> str:
    (value,) = [a.partition("=")[2] for a in arguments_of("ARG") if a.startswith(f"{name}=")]
    return value


def copied_from_context() -> list[str]:
    copies = [shlex.split(arguments) for arguments in arguments_of("COPY")]
    return [path for copy in copies if not copy[0].startswith("--from") for path in copy[:-1]]


def parse_command(words: list[str]) -> dict[str, Any]:
    """Parses `mtcnn-ray` and its arguments with the real command line; runs nothing."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert words[0] in commands, f"there is no command '{words[0]}'"
    parameters: dict[str, Any] = commands[words[0]].make_context(words[0], words[1:]).params
    return parameters


def rayjob() -> dict[str, Any]:
    spec: dict[str, Any] = yaml.safe_load((DEPLOY / "rayjob.yaml").read_text())["spec"]
    return spec


def pods() -> dict[str, dict[str, Any]]:
    spec = rayjob()
    cluster = spec["rayClusterSpec"]
    workers = {group["groupName"]: group["template"] for group in cluster["workerGroupSpecs"]}
    head = cluster["headGroupSpec"]["template"]
    templates = {"submitter": spec["submitterPodTemplate"], "head": head, **workers}
    return {name: template["spec"] for name, template in templates.items()}


def readme_commands() -> list[str]:
    """Lines of the README's code blocks, continuations joined."""
    blocks = re.findall(r"```\w*\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def own_commands() -> list[list[str]]:
    """Arguments of `mtcnn-ray`, or of its image, in the README."""
    found = []
    for line in readme_commands():
        words = shlex.split(line, comments=True)
        if words[:2] == ["docker", "build"]:
            continue
        for place, word in enumerate(words):
            if re.fullmatch(r"(\S+/)?mtcnn-ray(:\S+)?", word):
                found.append(words[place + 1 :])
                break
    return found


def test_dockerfile_copies_files_that_exist() -> None:
    missing = [path for path in copied_from_context() if not (REPOSITORY / path).exists()]
    assert copied_from_context() and not missing


def test_build_context_holds_exactly_what_is_copied() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied_from_context())


def test_everything_the_wheel_is_built_from_is_copied() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"]}
    assert needed <= set(copied_from_context())


def test_image_installs_extras_that_exist() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(build_argument("EXTRAS").split(",")) <= set(project["optional-dependencies"])


def test_image_runs_as_a_user_whose_number_is_known_not_to_be_roots() -> None:
    user = arguments_of("USER")[-1].partition(":")[0]
    assert user.isdigit() and user not in ROOT_IDS


def test_image_and_rayjob_name_the_same_ray() -> None:
    assert rayjob()["rayClusterSpec"]["rayVersion"] == build_argument("RAY_VERSION")


def test_rayjob_entrypoint_is_a_command_with_a_known_config() -> None:
    program, *words = shlex.split(rayjob()["entrypoint"])
    parameters = parse_command(words)
    assert program == "mtcnn-ray"
    assert words[0] == "extract"
    assert parameters["ray_address"] == "auto"
    load_config(parameters["config"], sets=parameters["sets"])


def test_rayjob_head_does_no_work() -> None:
    assert rayjob()["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_rayjob_asks_for_a_token() -> None:
    assert rayjob()["rayClusterSpec"]["authOptions"] == {"mode": "token"}


def test_rayjob_retries_and_cleans_up() -> None:
    spec = rayjob()
    assert spec["backoffLimit"] > 0
    assert spec["shutdownAfterJobFinishes"] is True


@pytest.mark.parametrize("pod", ["submitter", "head", "workers"])
def test_rayjob_pod_does_not_run_as_root(pod: str) -> None:
    security = pods()[pod]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert str(security["runAsUser"]) not in ROOT_IDS


def test_rayjob_pods_run_the_same_image() -> None:
    images = {container["image"] for pod in pods().values() for container in pod["containers"]}
    assert len(images) == 1


def test_rayjob_head_and_workers_have_the_same_credentials() -> None:
    head, workers = pods()["head"]["containers"][0], pods()["workers"]["containers"][0]
    assert head["envFrom"] and head["envFrom"] == workers["envFrom"]


@pytest.mark.parametrize("words", own_commands(), ids=" ".join)
def test_readme_command_parses(words: list[str]) -> None:
    parameters = parse_command(words)
    load_config(parameters.get("config"), sets=parameters.get("sets", ()))


def test_readme_shows_commands() -> None:
    assert len(own_commands()) >= 4
