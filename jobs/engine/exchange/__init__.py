"""Parts of committed shards give way to others: compaction, and items that are processed again."""
