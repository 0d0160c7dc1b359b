"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jobs.engine.identity import package_versions
from jobs.engine.usable import usable_cpus, usable_memory
from jobs.extract.kind import EXTRACT

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """The machine, its software and the date, as JSON values."""
    return {
        "cpu": _cpu(),
        "cores": usable_cpus(),
        "cores_of_the_machine": os.cpu_count(),
        "memory_bytes": usable_memory(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(EXTRACT.packages),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _cpu() -> str:
    """The processor's name, as far as the system tells."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
