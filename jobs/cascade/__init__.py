"""The whole cascade is trained: samples, fits and comparisons, round after round."""
