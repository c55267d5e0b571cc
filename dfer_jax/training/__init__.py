"""The loop and what it runs: one step, optimisers, losses, augmentation, noisy-label weights."""
