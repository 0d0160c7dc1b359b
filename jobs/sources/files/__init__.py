"""Files, wherever they are: found, opened and read."""
