"""Curation: which faces a dataset should keep, and under which name, from vectors and hashes.

Arrays in, arrays out: README.md beside this file says what is decided and how.
"""
