"""What is committed in an output, what took the place of what, and who may say so."""
