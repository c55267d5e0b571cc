"""What is done to training clips at random, the same to all frames of a clip."""
