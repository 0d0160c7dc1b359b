"""The cascade of Zhang et al. (2016): P-Net, R-Net and O-Net on a pyramid of the photo."""
