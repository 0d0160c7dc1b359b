"""The disks of this machine: an output that survives a power failure, a tree that is read."""
