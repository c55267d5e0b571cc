"""A page of one's own machine that takes videos and shows what `dfer predict` finds in them."""
