"""What the kernel lets a group of processes have: a container's share of its machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# File systems in which the kernel shows groups: of version 2, and of version 1.
_UNIFIED = "cgroup2"
_EACH = "cgroup"
_LIMITED = frozenset({"cpu", "memory"})
_MEMORY = ("memory.max", "memory.high", "memory.limit_in_bytes")


@dataclass(frozen=True)
class Share:
    """What this process may use; None is as much as there is.

    Attributes:
        cpus: Processors' worth of time, not always a whole number.
        memory: Bytes of memory.
    """

    cpus: float | None
    memory: int | None


def share(root: Path = Path("/")) -> Share:
    """The least that any of the groups this process is in lets it have.

    Groups lie in each other, and each has limits of its own. Where there are none, or the system
    does not show them, there is no limit.

    Args:
        root: Top of the file system.
    """
    cpus, memory = list[float | None](), list[int | None]()
    for controllers, folder in _groups(root):
        if "cpu" in controllers:
            cpus.append(_quota(folder))
        if "memory" in controllers:
            memory += [_number(folder / name) for name in _MEMORY]
    return Share(min(filter(None, cpus), default=None), min(filter(None, memory), default=None))


def _quota(folder: Path) -> float | None:
    """Processors' worth of time that a group may use."""
    both = _text(folder / "cpu.max").split()
    if len(both) == 2:
        quota, period = map(_as_number, both)
    else:
        quota = _number(folder / "cpu.cfs_quota_us")
        period = _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _groups(root: Path) -> Iterator[tuple[set[str], Path]]:
    """What is limited, and the folder, of each group that this process is in."""
    paths = dict(_own_paths(root))
    for kind, top, folder, options in _mounts(root):
        unified = kind == _UNIFIED
        controllers = set(_LIMITED if unified else _LIMITED & options)
        path = paths.get("" if unified else min(controllers, default="none"))
        if path is None:
            continue
        yield controllers, folder
        for name in _below(path, top):
            folder = folder / name
            yield controllers, folder


def _own_paths(root: Path) -> Iterator[tuple[str, str]]:
    """Controller, or nothing for version 2 -> the group of this process."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        yield from ((name, path) for name in controllers.split(","))


def _mounts(root: Path) -> Iterator[tuple[str, str, Path, set[str]]]:
    """Kind, group at the top, folder and options of each hierarchy that is mounted."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        top, mounted = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind in (_UNIFIED, _EACH):
            yield kind, _unescaped(top), root / _unescaped(mounted)[1:], set(options.split(","))


def _unescaped(name: str) -> str:
    """A path as mountinfo has it, with octal numbers for blanks and the like."""
    for character in " \t\n\\":
        name = name.replace(f"\\{ord(character):03o}", character)
    return name


def _below(path: str, top: str) -> list[str]:
    """Names from the group that is mounted down to that of this process."""
    inner = os.path.relpath(path, top).split("/")
    # In a container that shows the groups of the host, its own is what is mounted.
    return [] if inner[0] in (".", "..") else inner


def _number(file: Path) -> int | None:
    return _as_number(_text(file))


def _as_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:  # "max", or nothing
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
