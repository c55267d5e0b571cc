"""Networks that read the features of one frame after the other."""
