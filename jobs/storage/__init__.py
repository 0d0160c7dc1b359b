"""Everything that knows file systems: outputs are written here, and inputs are read."""
