"""The command line."""

from jobs.cli.main import main

__all__ = ["main"]
