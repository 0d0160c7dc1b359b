"""Image files in, upright RGB pixels or one typed error out."""
