"""The job `evaluate`: an extraction, and how good what it found is."""
