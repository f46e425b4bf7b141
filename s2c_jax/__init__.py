"""Sketch2Color in JAX and Flax: a conditional GAN that colours anime sketches."""
