"""The errors a run can end with."""

from __future__ import annotations

from jobs.engine.credentials import redacted


class UserError(Exception):
    """Something only the user can change; the message is one sentence that says what to do.

    Credentials are taken out of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class OutputError(UserError):
    """The output cannot be read or written, although storage was asked repeatedly."""


class JobError(Exception):
    """The job's own code broke its contract or failed to start; the message holds the traceback.

    Credentials are taken out of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM stopped the run; the same command resumes it.

    Not an `Exception`, so that no library between the signal and the driver swallows it.
    """
