"""How good detections, landmarks and embeddings are: arrays in, figures out; knows no files."""
