"""What the driver does with an output: run, retry, compact, look at it."""
