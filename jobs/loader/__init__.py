"""Reading a feed: batches for training, and plain crops; without Ray."""
