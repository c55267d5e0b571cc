"""Commands that stand above the rooms: they choose between clips and frames, or look at all."""
