"""Networks that join frames, or short clips, by attention."""
