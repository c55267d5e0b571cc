"""CREMA-D: six expressions in 7,442 clips of 91 actors, in five folds by actor."""
