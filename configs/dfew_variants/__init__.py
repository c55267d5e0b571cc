"""Experiments of Optimized IAL on DFEW: other losses, decays and pre-training."""
