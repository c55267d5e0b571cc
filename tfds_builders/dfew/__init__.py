"""DFEW: seven expressions in 11,697 film clips, five official folds."""
