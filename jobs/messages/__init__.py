"""What is said to people: errors, text without control characters or credentials, a bar."""
