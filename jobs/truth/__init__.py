"""What is known of photos: the files that benchmarks publish, read into arrays."""
