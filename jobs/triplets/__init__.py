"""From a feed and its vectors to triplets that a network has yet to learn."""
