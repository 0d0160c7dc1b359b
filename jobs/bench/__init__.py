"""The command `bench`: where the time goes, what distribution costs, and what others need."""
