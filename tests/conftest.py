"""Fixtures for all tests: shared data, a cache of their own, repeatable random numbers.

Also which tests the quick check, `.ci/check`, leaves out.
"""

import os
import secrets
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

DATA_VARIABLE = "MTCNN_RAY_TEST_DATA"
SEED_VARIABLE = "MTCNN_RAY_TEST_SEED"
_SEED = 1
WITHOUT_RAY_VARIABLE = "MTCNN_RAY_TESTS_WITHOUT_RAY"

TESTS = Path(__file__).resolve().parent

# Folders, files and single tests that start Ray or the installed command: marked `ray`. The quick
# check leaves them out, and there any other test that does so fails and says to name it here.
NEED_RAY = (
    "deploy/",
    "system/",
    "jobs/bench/test_benchmark.py",
    "jobs/bench/test_scaling.py",
    "jobs/cli/test_main.py",
    "jobs/cli/test_models.py",
    "jobs/engine/driver/test_compact.py::test_large_merges_are_done_on_ray",
    "jobs/engine/driver/test_compact.py::test_run_goes_on_after_a_compaction",
    "jobs/engine/driver/test_kill.py",
    "jobs/engine/driver/test_retry.py::test_on_ray",
    "jobs/engine/driver/test_run.py",
    "jobs/engine/workers/test_cluster.py",
    "jobs/engine/workers/test_pool.py",
    "jobs/engine/workers/test_ray_canary.py",
    "jobs/kind/test_forecast.py::test_a_stored_plan_is_followed_by_extract",
    "jobs/kind/test_forecast.py::test_json_says_what_the_table_says",
)
# Names of tests that take many seconds: marked `long`, and left out of the quick check.
LONG = (
    "test_20000_damaged_files_are_pixels_or_errors",
    "test_a_compressed_bomb_takes_little_memory",
    "test_a_page_is_asked_for_when_it_is_wanted",
    "test_a_planted_bug_is_found",
    "test_a_server_that_always_stalls_is_a_row",
    "test_a_value_in_all_rows_is_in_memory_for_one",
    "test_agrees_on_a_crowd_in_all_views",
    "test_agrees_on_crowds",
    "test_agrees_on_crowds_of_small_faces",
    "test_agrees_with_a_plain_loop",
    "test_agrees_with_other_settings",
    "test_agrees_with_the_plain_cascade",
    "test_an_engine_is_one_file_and_one_line",
    "test_bilinear",
    "test_compiles_for_processors_that_are_not_here",
    "test_damaged_archives_end_as_rows",
    "test_damaged_tables_end_as_rows_or_a_sentence",
    "test_each_item_has_its_own_time",
    "test_every_row_is_there_once_wherever_an_object_store_fails",
    "test_every_row_is_there_once_wherever_the_process_is_killed",
    "test_finds_what_the_reference_is_sure_of",
    "test_landmarks_are_in_place",
    "test_large_faces_are_found_as_published",
    "test_lease_lasts_longer_than_its_expiry",
    "test_many_shards_fill_several_files",
    "test_memory_is_bounded",
    "test_no_clock_of_another_machine_matters",
    "test_no_flipped_bit_gets_through",
    "test_random_answers_by_brute_force",
    "test_reader_that_works_is_not_ended",
    "test_several_at_once_never_hold_together",
    "test_the_same_faces_are_found_with_one_warning",
    "test_what_is_read_is_what_good_storage_gives",
    "test_wider_average_precision",
    "test_worker_that_takes_too_much_is_ended",
)
# What is started by `ray.init` and `ray start`, and by whoever runs the command.
_PROGRAMS = frozenset({"gcs_server", "raylet", "ray", "mtcnn-ray"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that the quick check leaves out."""
    for item in items:
        place = item.nodeid.removeprefix(f"{TESTS.name}/")
        if place.startswith(NEED_RAY):
            item.add_marker(pytest.mark.ray)
        if getattr(item, "originalname", item.name) in LONG:
            item.add_marker(pytest.mark.long)


def refuse_ray(event: str, arguments: tuple[object, ...]) -> None:
    """A hook of Python's audits: refuses to start a process of Ray's, or the installed command."""
    if event != "subprocess.Popen":
        return
    command = arguments[1]  # one string, or a list of words, of which a shell splits the last
    text = command if isinstance(command, str) else " ".join(map(str, command))  # type: ignore[call-overload]
    if found := _PROGRAMS & {os.path.basename(word) for word in text.split()}:
        raise AssertionError(
            f"this test starts {min(found)}: name it in NEED_RAY in tests/conftest.py, so that "
            "the quick check leaves it out"
        )


if os.environ.get(WITHOUT_RAY_VARIABLE):
    sys.addaudithook(refuse_ray)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keeps the tests, and the processes they start, out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTCNN_RAY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of shared test photographs; tests that need it are skipped without it."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(DATA_VARIABLE, default))
    if not folder.is_dir():
        pytest.skip(f"no test photographs in {folder}: set {DATA_VARIABLE} to their folder")
    return folder


def seed_of(*, is_slow: bool) -> int:
    """The same in every run, so that a change fails for its own faults; new in the slow run."""
    return int(os.environ.get(SEED_VARIABLE) or (secrets.randbits(32) if is_slow else _SEED))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers; the seed is printed with a failure."""
    seed = seed_of(is_slow=request.node.get_closest_marker("slow") is not None)
    print(f"random numbers: repeat them with {SEED_VARIABLE}={seed}")
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])
