"""A hunt from the command line: `python -m tests.fuzz.decode COUNT [SEED [FIRST]]`."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.fuzz.watch import Finding


class Hunt(Protocol):
    """Yields what is wrong with the inputs `first` to `first + count - 1` of a seed."""

    def __call__(self, count: int, *, seed: int, first: int = 0) -> Iterator[Finding]: ...


def run(name: str, hunt: Hunt) -> int:
    """Hunts as the arguments say, prints what is found and keeps it in files; the exit code.

    Args:
        name: Of the module, as in "decode".
        hunt: What it does.
    """
    count, *chosen = (int(each) for each in sys.argv[1:])
    seed, first = [*chosen, *(secrets.randbits(32), 0)[len(chosen) :]]
    print(f"{count} inputs, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    found, began = 0, time.monotonic()
    for finding in hunt(count, seed=seed, first=first):
        found += 1
        index = first + finding.index
        file = folder / f"{seed}-{index}"
        file.write_bytes(finding.data)
        print(f"{finding.kind}: {finding.text} ({finding.name}, in {file}, repeat with")
        print(f"  python -m tests.fuzz.{name} 1 {seed} {index})", flush=True)
    print(f"{found} findings in {time.monotonic() - began:.0f} s")
    return 1 if found else 0
