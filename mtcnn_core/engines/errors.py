"""What is wrong with an engine or a device."""

from __future__ import annotations


class DeviceError(RuntimeError):
    """The device or the engine asked for is not there."""
