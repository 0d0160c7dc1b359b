"""From faces or a feed to the files that other trainers read."""
