"""What can be read: each kind of input lists its members for the plan and streams a shard."""
