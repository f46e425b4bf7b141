"""Times the same training step and inference in TensorFlow. README.md describes the work."""

import argparse
from collections.abc import Callable

from experiments.benchmarks import measure

# After measure: the time to the first step includes the import.
import tensorflow as tf  # isort: skip

keras = tf.keras


def convolution(features: int, size: int, stride: int, padding: str = "same") -> keras.Layer:
    """Returns a convolution with the recipe's initial weights."""
    return keras.layers.Conv2D(
        features, size, stride, padding, kernel_initializer=keras.initializers.RandomNormal(0, 0.02)
    )


def upsampling(features: int) -> keras.Layer:
    """Returns a transposed convolution with the recipe's initial weights."""
    return keras.layers.Conv2DTranspose(
        features, 4, 2, "same", kernel_initializer=keras.initializers.RandomNormal(0, 0.02)
    )


def norm() -> keras.Layer:
    """Returns a batch norm with the recipe's settings."""
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-5)


def make_generator(size: int) -> keras.Model:
    """Returns the U-Net."""
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
    # The output is float32 at any precision.
    return keras.Model(sketch, keras.layers.Activation("tanh", dtype="float32")(upsampling(3)(x)))


def make_discriminator(size: int) -> keras.Model:
    """Returns the PatchGAN, which gives one probability for each pair."""
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
    """Returns the mean over pictures of the root of each picture's squared differences."""
    down = tf.square(pictures[:, 1:] - pictures[:, :-1])
    right = tf.square(pictures[:, :, 1:] - pictures[:, :, :-1])
    axes = (1, 2, 3)
    return tf.reduce_mean(tf.sqrt(tf.reduce_sum(down, axes) + tf.reduce_sum(right, axes)))


def make_train(
    generator: keras.Model, discriminator: keras.Model, sketch: tf.Tensor, color: tf.Tensor
) -> Callable[[], tf.Tensor]:
    """Returns a step: the discriminator's update, then the generator's through the updated one."""
    optimizer_g, optimizer_d = keras.optimizers.Adam(2e-4, 0.5), keras.optimizers.Adam(2e-4, 0.5)
    optimizer_g.build(generator.trainable_variables)
    optimizer_d.build(discriminator.trainable_variables)
    cross_entropy = keras.losses.BinaryCrossentropy()

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

    return train


def prepare(options: argparse.Namespace) -> measure.Work:
    """Makes networks and a batch."""
    generator, discriminator = make_generator(options.size), make_discriminator(options.size)
    shape = (options.batch, options.size, options.size, 3)
    sketch, color = tf.random.uniform(shape, -1, 1), tf.random.uniform(shape, -1, 1)
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    return measure.Work(
        make_train(generator, discriminator, sketch, color),
        infer=tf.function(lambda: generator(sketch, training=False)),
        wait=lambda result: result.numpy(),
        device_memory=(lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"])
        if on_gpu
        else None,
    )


def main() -> None:
    """Prints one line of JSON."""
    options = measure.parse_options(__doc__)
    if options.precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    device = "GPU" if tf.config.list_physical_devices("GPU") else "cpu"
    measure.report(f"TensorFlow {tf.__version__}", device, options, prepare(options))


if __name__ == "__main__":
    main()
