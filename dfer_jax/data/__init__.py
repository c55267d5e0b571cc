"""Clips on their way from disk to device: sampling, decoding, batching."""
