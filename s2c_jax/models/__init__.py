"""The networks that are trained: generator and discriminator, as Flax modules."""
