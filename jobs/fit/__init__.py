"""A network of the cascade is fitted to samples."""
