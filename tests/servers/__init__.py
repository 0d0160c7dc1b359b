"""Real storage servers on this machine, for tests."""
