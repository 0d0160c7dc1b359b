"""Peak memory of a worker over one photo: `python -m tests.system.memory PHOTO`."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

from jobs.extract.config import load_config
from jobs.extract.job import ExtractJob
from jobs.members import Member
from jobs.photos.read import Read
from jobs.sources.source import open_source
from mtcnn_core.weights.original import load_default

_STATUS = Path("/proc/self/status")


def peak_mb() -> int:
    """Most memory that this process ever had; `ru_maxrss` counts what its parent had, too."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    found = re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text())
    assert found
    return int(found[1]) // 1024


if __name__ == "__main__":
    photo = Path(sys.argv[1])
    config = load_config(None)
    source = open_source(str(photo), config.input)
    extractor = ExtractJob(source, config, dict(load_default().digests)).start()
    member = Member(photo.name, str(photo), photo.stat().st_size, "", None)
    rows = dict(extractor.rows(iter([Read(member, photo.read_bytes())])))
    print(rows["images"].column("status")[0].as_py())
    print(peak_mb())
