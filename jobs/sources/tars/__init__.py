"""What a tar archive is made of."""
