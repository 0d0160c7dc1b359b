"""The errors a run can end with."""

from __future__ import annotations

from typing import Any

from jobs.messages.credentials import redacted
from jobs.messages.plain_text import plain


class _Told(Exception):
    """An error that is the same after it came from another process, however it was made there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_message, (type(self), str(self))


def _with_message(kind: type[_Told], message: str) -> _Told:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    return error


class UserError(_Told):
    """Something only the user can change; the message is one sentence that says what to do.

    Credentials are taken out of it, and what a terminal would act on.

    Attributes:
        exit_code: What the command exits with.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(plain(redacted(message)))


class NotNowError(UserError):
    """The command is right, and what it needs is taken, full or out of reach now.

    The same command may succeed later, which schedulers are told by an exit code of its own.
    """

    exit_code = 3


class OutputError(UserError):
    """The output cannot be read or written, although storage was asked repeatedly."""


class OutputNotNowError(OutputError, NotNowError):
    """The output cannot be read or written now, and nothing is wrong with what was asked for."""


class LeaseLostError(NotNowError):
    """Another driver may be writing to the output; this one must not any more."""


class JobError(_Told):
    """The job's own code broke its contract or failed to start; the message holds the traceback.

    Credentials are taken out of it, and what a terminal would act on, but for the ends of lines.
    """

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(plain, redacted(message).split("\n"))))


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM stopped the run; the same command resumes it.

    Not an `Exception`, so that no library between the signal and the driver swallows it.
    """
