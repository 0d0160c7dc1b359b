"""The files of an output, here or elsewhere: written whole, asked for again, kept secret."""
