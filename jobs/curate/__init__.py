"""The job `curate`: vectors of faces -> a verdict on each."""
