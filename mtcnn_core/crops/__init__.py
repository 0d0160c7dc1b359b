"""Faces in, square crops out: where each lies, and its pixels."""
