"""Whose fault it is when a worker dies: traces, the watchdog, verdicts."""
