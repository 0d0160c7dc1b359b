"""The job `embed`: faces -> vectors, as a table."""
