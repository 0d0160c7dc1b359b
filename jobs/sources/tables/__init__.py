"""What a table tells of photos: those in a Parquet file, those a manifest names."""
