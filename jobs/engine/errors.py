"""The errors a run can end with."""

from __future__ import annotations


class UserError(Exception):
    """Something only the user can change; the message is one sentence that says what to do."""


class OutputError(UserError):
    """The output cannot be read or written, although storage was asked repeatedly."""


class JobError(Exception):
    """The job's own code broke its contract or failed to start; the message holds the traceback."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM stopped the run; the same command resumes it.

    Not an `Exception`, so that no library between the signal and the driver swallows it.
    """
