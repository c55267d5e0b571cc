"""FERV39k: seven expressions in 38,935 video clips of 22 scenes, one official split."""
