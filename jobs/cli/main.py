"""The command line: its commands, and the codes that it exits with."""

from __future__ import annotations

import logging
import os
import sys

import typer

from jobs.cli.evaluate import app as evaluate_app
from jobs.cli.jobs import add_jobs
from jobs.cli.models import app as models_app
from jobs.cli.outputs import add_outputs
from jobs.cli.photos import add_photos
from jobs.cli.train import app as train_app
from jobs.messages.credentials import redacted
from jobs.messages.errors import Interrupted, JobError, NotNowError, UserError
from jobs.messages.plain_text import plain
from mtcnn_core.engines.errors import DeviceError
from mtcnn_core.images.errors import ImageError
from mtcnn_core.weights.errors import WeightsError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Turns collections of photos into a Parquet dataset of aligned faces.",
)
add_jobs(app, {"train": train_app})
add_outputs(app)
add_photos(app)
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(models_app, name="models")
app.add_typer(train_app, name="train")
# click's class for everything that is wrong with a command line; newer typer carries its own copy.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main() -> None:
    """Runs the command line; exits with the code that the README lists."""
    logging.basicConfig(format="mtcnn-ray: %(message)s", level=logging.WARNING)
    try:
        code = typer.main.get_command(app).main(prog_name="mtcnn-ray", standalone_mode=False)
    except _UsageError as error:
        message = _sentence(error)  # empty where the help was all there is to say
        code = _fail(f"{message} Try 'mtcnn-ray --help'.", 2) if message else 2
    except UserError as error:
        code = _fail(str(error), error.exit_code)
    except (WeightsError, DeviceError) as error:
        code = _fail(plain(str(error)), _code(error.__cause__))
    except OSError as error:  # of this machine, and nobody has known it for anything else
        code = _fail(plain(redacted(_of_system(error))), _code(error))
    except (JobError, ImageError) as error:
        code = _fail(str(error), 1)
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # newer typer turns an interrupt into this code itself
        _fail("interrupted; run the same command again to resume", code)
        sys.stdout.flush()
        os._exit(code)  # without waiting for threads that may be asking storage in vain
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    print(f"mtcnn-ray: {message}", file=sys.stderr)
    return code


def _code(error: BaseException | None) -> int:
    """The code for what a system has said, or nobody has."""
    # Imported here: `--help` does without storage.
    from jobs.storage.faults import is_condition, is_denied

    later = error is not None and (is_condition(error) or is_denied(error))
    return NotNowError.exit_code if later else UserError.exit_code


def _of_system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the working folder is gone: change to another one and run the same command again"
    what = "go on" if error.filename is None else f"use '{error.filename}'"
    why = error.strerror or str(error) or type(error).__name__
    return f"cannot {what} ({why}): correct that and run the same command again"


def _sentence(error: Exception) -> str:
    return str(error.format_message())  # type: ignore[attr-defined]
