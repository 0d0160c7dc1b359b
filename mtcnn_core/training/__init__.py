"""How networks are trained, whatever they are for; needs PyTorch."""
