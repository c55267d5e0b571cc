"""Numbers about predictions: scores, intervals, ensemble weights, published rows. Pure NumPy."""
