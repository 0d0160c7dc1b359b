import io

from jobs.training.log import Stretch
from jobs.training.progress import TrainingProgress


def _row(step: int) -> Stretch:
    return Stretch(step, 0, 1.0, 1, 0.125, 1e-3)


def test_a_line_now_and_then() -> None:
    stream = io.StringIO()
    with TrainingProgress(100, line_every_s=1e-9, stream=stream) as progress:
        progress.show(_row(10), 400.0)
        progress.show(_row(20), 400.0)
    first, second = stream.getvalue().splitlines()
    assert first == "10 of 100 steps, loss 0.1250, 400 crops/s"
    assert second.startswith("20 of 100 steps, loss 0.1250, 400 crops/s, ")
    assert second.endswith(" s left")


def test_no_line_before_it_is_time() -> None:
    stream = io.StringIO()
    with TrainingProgress(100, line_every_s=3600, stream=stream) as progress:
        progress.show(_row(10), 400.0)
    assert stream.getvalue() == ""


def test_a_trial_is_always_told() -> None:
    stream = io.StringIO()
    with TrainingProgress(100, line_every_s=3600, stream=stream) as progress:
        progress.show(_row(10), 400.0, "0.812 of pairs held out told rightly")
    assert "0.812 of pairs held out told rightly" in stream.getvalue()
