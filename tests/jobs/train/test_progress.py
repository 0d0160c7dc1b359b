import io

from jobs.train.log import LogRow
from jobs.train.progress import TrainingProgress


def _row(step: int, accuracy: float | None = None) -> LogRow:
    return LogRow(step, 0, 1.0, 1, 0.125, 1e-3, accuracy=accuracy)


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
        progress.show(_row(10, accuracy=0.81234), 400.0)
    assert "0.812 of pairs held out told rightly" in stream.getvalue()
