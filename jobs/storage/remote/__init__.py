"""Storage behind fsspec, which may be slow, fail for a while, and say what is not so."""
