"""One label per clip: from a config to data, training, evaluation, reports, protocols."""
