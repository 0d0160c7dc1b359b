"""Processes that work on shards: on Ray, watched, lost and replaced."""
