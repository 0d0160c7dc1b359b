"""Arrays in pickles, read without running what the pickles name."""
