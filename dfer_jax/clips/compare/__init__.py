"""Several experiments under one protocol, and one page that compares what came of them.

`comparison` reads the list and plans the runs, `costs` measures the networks, `rows` sums the runs
up and `page` shows them beside the published rows. `dfer compare` is its command.
"""
