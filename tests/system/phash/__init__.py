"""The job `phash`: perceptual hashes of the crops of a dataset."""
