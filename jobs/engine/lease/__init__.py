"""At most one driver writes to an output at any time."""
