"""Pictures to look at: photos with their faces drawn, and sheets of crops."""
