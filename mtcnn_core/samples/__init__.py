"""Crops that the networks of the cascade learn from, and how they are made of photos."""
