"""Weights from files of any format: read, recognised, proven on a photo, kept under a name."""
