"""Training: from a feed to a network that makes vectors of faces."""
