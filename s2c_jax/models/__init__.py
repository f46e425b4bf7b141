"""The networks: generator, discriminator and the frozen VGG16 of the feature loss."""
