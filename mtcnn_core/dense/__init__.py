"""YuNet and SCRFD: detectors that say of each cell of a few grids whether a face is there."""
