"""The command line."""

import os

# Looking for plugins of pydantic takes a tenth of the time that `status` does, and there are none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from jobs.cli.main import main

__all__ = ["main"]
