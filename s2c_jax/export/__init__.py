"""Carries a run's generator to where s2c_jax is not: ONNX, StableHLO, a single HTML file."""
