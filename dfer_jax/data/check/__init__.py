"""Says whether a download will build: python -m dfer_jax.data.check NAME --manual_dir D."""
