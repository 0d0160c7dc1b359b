"""The formats: how faces become the files that other programs read."""
