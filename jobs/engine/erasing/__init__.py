"""What was forgotten leaves an output: where it stands, and every file written anew without it."""
