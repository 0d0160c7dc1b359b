"""How the networks of the cascade learn from samples; needs PyTorch."""
