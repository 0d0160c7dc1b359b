"""The distributed jobs: what runs on Ray, from the command line to the worker."""
