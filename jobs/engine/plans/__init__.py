"""What there is to do: the members of an input, cut into shards."""
