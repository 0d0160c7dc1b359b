"""Crops of photos for the networks of the cascade to learn from."""
