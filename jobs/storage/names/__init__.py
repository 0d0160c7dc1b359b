"""What the file names of an input may be: globs, braces, names that are no text."""
