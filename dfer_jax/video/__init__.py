"""Video files: reading them."""
