"""What networks are made of, where the framework's own is slow or wrong."""
