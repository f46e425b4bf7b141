"""Times the same training step and inference in TensorFlow. See README.md for the work."""

from experiments.benchmarks import measure

# Before TensorFlow: importing is part of the time to the first step.
import tensorflow as tf  # isort: skip

keras = tf.keras


def convolution(features: int, size: int, stride: int, padding: str = "same") -> keras.Layer:
    """A convolution with the recipe's initial weights."""
    return keras.layers.Conv2D(
        features, size, stride, padding, kernel_initializer=keras.initializers.RandomNormal(0, 0.02)
    )


def upsampling(features: int) -> keras.Layer:
    """A transposed convolution with the recipe's initial weights."""
    return keras.layers.Conv2DTranspose(
        features, 4, 2, "same", kernel_initializer=keras.initializers.RandomNormal(0, 0.02)
    )


def norm() -> keras.Layer:
    """Batch norm with the recipe's settings."""
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-5)


def make_generator(size: int) -> keras.Model:
    """The U-Net."""
    sketch = x = keras.Input((size, size, 3))
    encoded = []
    for i, features in enumerate(measure.GENERATOR):
        x = convolution(features, 4, 2)(x)
        if 0 < i < len(measure.GENERATOR) - 1:
            x = norm()(x)
        is_bottleneck = i == len(measure.GENERATOR) - 1
        x = keras.layers.ReLU(negative_slope=0.0 if is_bottleneck else 0.2)(x)
        encoded.append(x)
    for i, skip in enumerate(encoded[-2::-1]):
        x = norm()(upsampling(skip.shape[-1])(x))
        if i < 3:
            x = keras.layers.Dropout(0.5)(x)
        x = keras.layers.ReLU()(keras.layers.Concatenate()([x, skip]))
    # Back in float32, whatever the convolutions compute in.
    return keras.Model(sketch, keras.layers.Activation("tanh", dtype="float32")(upsampling(3)(x)))


def make_discriminator(size: int) -> keras.Model:
    """The PatchGAN, which returns one probability a pair."""
    sketch, color = keras.Input((size, size, 3)), keras.Input((size, size, 3))
    x = keras.layers.Concatenate()([sketch, color])
    for i, features in enumerate(measure.DISCRIMINATOR):
        x = convolution(features, 4, 2)(x)
        x = keras.layers.ReLU(negative_slope=0.2)(norm()(x) if i else x)
    x = norm()(convolution(measure.DISCRIMINATOR[-1], 2, 1, "valid")(x))
    x = convolution(1, 2, 1, "valid")(keras.layers.ReLU(negative_slope=0.2)(x))
    probability = keras.layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model([sketch, color], keras.layers.GlobalAveragePooling2D()(probability))


def total_variation(pictures: tf.Tensor) -> tf.Tensor:
    """One root an image, averaged."""
    down = tf.square(pictures[:, 1:] - pictures[:, :-1])
    right = tf.square(pictures[:, :, 1:] - pictures[:, :, :-1])
    axes = (1, 2, 3)
    return tf.reduce_mean(tf.sqrt(tf.reduce_sum(down, axes) + tf.reduce_sum(right, axes)))


def main() -> None:
    """Times it."""
    options = measure.arguments(__doc__)
    if options.precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    generator, discriminator = make_generator(options.size), make_discriminator(options.size)
    optimizer_g, optimizer_d = keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
    optimizer_g.build(generator.trainable_variables)
    optimizer_d.build(discriminator.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy()
    shape = (options.batch, options.size, options.size, 3)
    sketch, color = tf.random.uniform(shape, -1, 1), tf.random.uniform(shape, -1, 1)

    @tf.function
    def train() -> tf.Tensor:
        with tf.GradientTape() as tape_g:
            generated = generator(sketch, training=True)
            with tf.GradientTape() as tape_d:
                real = discriminator([sketch, color], training=True)
                fake = discriminator([sketch, tf.stop_gradient(generated)], training=True)
                loss_d = 0.5 * (
                    cross_entropy(0.9 * tf.ones_like(real), real)
                    + cross_entropy(tf.zeros_like(fake), fake)
                )
            weights = discriminator.trainable_variables
            optimizer_d.apply(tape_d.gradient(loss_d, weights), weights)
            fake = discriminator([sketch, generated], training=True)
            loss_g = (
                cross_entropy(tf.ones_like(fake), fake)
                + 100 * tf.reduce_mean(tf.abs(generated - color))
                + 1e-4 * total_variation(generated)
            )
        weights = generator.trainable_variables
        optimizer_g.apply(tape_g.gradient(loss_g, weights), weights)
        return loss_g

    @tf.function
    def infer() -> tf.Tensor:
        return generator(sketch, training=False)

    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    work = measure.Work(
        train,
        infer,
        wait=lambda result: result.numpy(),
        device_memory=(lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"])
        if on_gpu
        else None,
    )
    device = "GPU" if on_gpu else "cpu"
    measure.report(f"TensorFlow {tf.__version__}", device, options, work)


if __name__ == "__main__":
    main()
