"""From crops of faces to vectors: models, what they are fed, and what computes them."""
