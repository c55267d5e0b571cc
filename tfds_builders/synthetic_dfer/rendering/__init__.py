"""Rendered faces: shape, skin, expression, motion, camera; where every picture's truth is known."""
