"""The job `extract`: photos -> faces, as tables."""
