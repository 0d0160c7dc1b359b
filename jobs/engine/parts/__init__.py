"""The Parquet files that shards become."""
