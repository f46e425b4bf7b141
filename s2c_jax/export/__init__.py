"""Exports a run's generator for use without s2c_jax: ONNX, StableHLO, or a single HTML file."""
