"""Open files: read in ranges, or from front to back, compressed or not."""
