"""The networks: generator, discriminator, and the frozen ones of the feature loss and metrics."""
