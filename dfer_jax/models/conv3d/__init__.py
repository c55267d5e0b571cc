"""3D convolutional networks, one file per published family."""
