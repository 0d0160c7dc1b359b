"""What computes networks: one file a library, all behind :mod:`mtcnn_core.engines.registry`."""
