"""Photos on their way: read, decoded, and with the faces that were found."""
