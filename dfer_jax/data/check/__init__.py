"""Says whether a download will build: dfer check NAME --manual_dir D."""
