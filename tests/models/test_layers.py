"""All lowerings of the convolutions against their definition, and against each other."""

import functools
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.models import layers
from s2c_jax.models.convolution import direct, dispatch, winograd, xla


def conv_by_definition(x, kernel, stride, padding):
    size, _, _, features = kernel.shape
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = ((side - size) // stride + 1 for side in x.shape[1:3])
    y = np.zeros((len(x), height, width, features))
    for i in range(height):
        for j in range(width):
            window = x[:, i * stride : i * stride + size, j * stride : j * stride + size]
            y[:, i, j] = np.einsum("nabc,abco->no", window, kernel)
    return y


def conv_transpose_by_definition(x, kernel, stride, padding):
    size, _, _, features = kernel.shape
    batch, height, width, _ = x.shape
    y = np.zeros((batch, (height - 1) * stride + size, (width - 1) * stride + size, features))
    for i in range(height):
        for j in range(width):
            y[:, i * stride : i * stride + size, j * stride : j * stride + size] += np.einsum(
                "nc,abco->nabo", x[:, i, j], kernel
            )
    return y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding]


# Kernel, stride and padding of every convolution in the networks.
KINDS = [(4, 2, 1), (2, 1, 0), (3, 1, 1)]
WAYS = {
    "conv": [
        conv_by_definition,
        xla.conv_plain,
        xla.conv,
        direct.conv_direct,
        winograd.conv_winograd,
    ],
    "conv_transpose": [
        conv_transpose_by_definition,
        xla.conv_transpose_plain,
        xla.conv_transpose,
        direct.conv_transpose_direct,
        winograd.conv_transpose_winograd,
    ],
}


def operands(seed, batch, height, width, channels, features, size):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(batch, height, width, channels)).astype(np.float32),
        rng.normal(size=(size, size, channels, features)).astype(np.float32),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WAYS)
def test_convolutions_are_their_definition(name, kind):
    size, stride, padding = kind
    x, kernel = operands(0, 2, 6, 4, 3, 5, size)
    definition, *ways = WAYS[name]
    expected = definition(x, kernel, stride, padding)
    for way in ways:
        np.testing.assert_allclose(
            way(jnp.asarray(x), jnp.asarray(kernel), stride, padding), expected, atol=1e-5
        )


@pytest.mark.parametrize("name", WAYS)
@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.integers(1, 3),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    channels=st.integers(1, 4),
    features=st.sampled_from([1, 2, 64]),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=12, deadline=None)
def test_lowerings_agree_in_values_and_gradients(
    name, seed, batch, height, width, channels, features, kind
):
    size, stride, padding = kind
    # Even sides that every kernel fits into.
    x, kernel = operands(seed, batch, 2 * height, 2 * width, channels, features, size)
    _, *ways = WAYS[name]

    @functools.partial(jax.jit, static_argnums=0)
    def values_and_gradients(way, x, kernel):
        y, gradient = jax.vjp(lambda x, kernel: way(x, kernel, stride, padding), x, kernel)
        return y, *gradient(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))

    results = [values_and_gradients(way, x, kernel) for way in ways]
    for native, *others in zip(*results, strict=True):
        for other in others:
            np.testing.assert_allclose(other, native, rtol=1e-5, atol=1e-5 * np.abs(native).max())


@pytest.mark.parametrize(("name", "size", "stride"), [("conv", 96, 2), ("conv_transpose", 46, 2)])
def test_a_large_convolution_takes_less_arithmetic_and_gives_the_same(name, size, stride):
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, size, size, 32, 40, 4))
    way = functools.partial(getattr(layers, name), stride=stride, padding=1)
    native = getattr(xla, name)(x, kernel, stride, 1)
    np.testing.assert_allclose(way(x, kernel), native, atol=1e-5 * np.abs(native).max())
    products = functools.partial(getattr(direct, f"{name}_direct"), stride=stride, padding=1)
    flops = [jax.jit(each).lower(x, kernel).cost_analysis()["flops"] for each in (way, products)]
    assert flops[0] < 0.7 * flops[1]


@pytest.mark.parametrize(("name", "size"), [("conv", 96), ("conv_transpose", 46)])
def test_a_kernels_gradient_that_is_not_asked_for_is_not_computed(name, size):
    """As the discriminator's is not, through which the generator learns."""
    x, kernel = (jnp.asarray(each) for each in operands(0, 1, size, size, 32, 40, 4))

    def loss(x, kernel):
        return jnp.sin(getattr(layers, name)(x, kernel, stride=2, padding=1)).sum()

    found, flops = {}, {}
    for asked in (0, 1, (0, 1)):
        program = jax.jit(jax.grad(loss, argnums=asked)).lower(x, kernel).compile()
        found[asked], flops[asked] = program(x, kernel), program.cost_analysis()["flops"]
    assert flops[0] < 0.75 * flops[0, 1]
    for asked in (0, 1):
        np.testing.assert_allclose(found[asked], found[0, 1][asked], rtol=1e-4, atol=1e-4)


def test_cpu_runs_matrix_products_and_gpu_and_tpu_native_convolutions():
    x, kernel = jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5))
    convolve = jax.jit(lambda x, kernel: dispatch.conv(x, kernel, stride=2, padding=1))

    def program(platform):
        return jax.export.export(convolve, platforms=[platform])(x, kernel).mlir_module()

    assert "stablehlo.convolution" not in program("cpu")
    for platform in ("cuda", "tpu"):
        assert "stablehlo.convolution" in program(platform)
        assert "stablehlo.dot_general" not in program(platform)


def test_on_gpus_a_transposed_convolutions_kernel_gradient_is_a_convolutions():
    """As the gradient of a convolution of the spread out input it took most of a step."""
    x, kernel = jnp.ones((1, 8, 8, 20)), jnp.ones((4, 4, 20, 24))

    def total(x, kernel):
        return dispatch.conv_transpose(x, kernel, stride=2, padding=1).sum()

    gradients = jax.jit(jax.value_and_grad(total, (0, 1)))
    program = jax.export.export(gradients, platforms=["cuda"])(x, kernel).mlir_module()
    windows = re.findall(r"stablehlo\.convolution.*?window = \{(.*?)\}", program)
    # The values', the input's gradient, and the kernel's.
    forms = [re.findall("lhs_dilate|rhs_dilate|stride", window) for window in windows]
    assert sorted(forms) == [["lhs_dilate"], ["rhs_dilate"], ["stride"]]


@pytest.mark.parametrize("features", [3, 20])
def test_a_bias_is_added_to_every_pixel(features):
    rng = np.random.default_rng(0)
    x, dy = (jnp.asarray(rng.normal(size=(2, 3, 5, features)), jnp.float32) for _ in range(2))
    bias = jnp.asarray(rng.normal(size=features), jnp.float32)
    y, gradient = jax.vjp(dispatch.add_bias, x, bias)
    np.testing.assert_allclose(y, np.asarray(x) + np.asarray(bias), rtol=1e-6)
    dx, dbias = gradient(dy)
    np.testing.assert_array_equal(dx, dy)
    np.testing.assert_allclose(dbias, np.asarray(dy).sum(axis=(0, 1, 2)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_batch_norm_is_flaxs_on_two_devices(dtype):
    """In values, running averages, and all gradients, of which Flax leaves those to JAX."""
    keys = jax.random.split(jax.random.key(0), 5)
    x, weight = (3 * jax.random.normal(key, (2, 3, 4, 5, 6)) + 1 for key in keys[:2])
    x = x.astype(dtype)
    params, stats = (
        {name: jax.random.uniform(key, (6,)) for name, key in zip(names, (a, b), strict=True)}
        for names, a, b in (
            (("scale", "bias"), keys[2], keys[3]),
            (("mean", "var"), keys[3], keys[4]),
        )
    )

    def run(module, x, params, weight):
        def loss(x, params):
            y, changed = module.apply(
                {"params": params, "batch_stats": stats}, x, mutable=["batch_stats"]
            )
            assert y.dtype == dtype
            return (y.astype(jnp.float32) ** 2 * weight).sum(), (y, changed["batch_stats"])

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(x, params)

    ours, flaxs = (
        jax.pmap(functools.partial(run, module), "batch", in_axes=(0, None, 0))(x, params, weight)
        for module in (
            layers.BatchNorm(train=True),
            nn.BatchNorm(False, momentum=0.99, axis_name="batch", dtype=dtype),
        )
    )
    tolerance = 1e-5 if dtype == jnp.float32 else 2e-2
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a.astype(jnp.float32), b.astype(jnp.float32), tolerance, 10 * tolerance
        ),
        ours,
        flaxs,
    )
    infer = {"params": params, "batch_stats": stats}
    np.testing.assert_allclose(
        layers.BatchNorm(train=False).apply(infer, x[0]).astype(jnp.float32),
        nn.BatchNorm(True, dtype=dtype).apply(infer, x[0]).astype(jnp.float32),
        tolerance,
        tolerance,
    )


def test_a_bias_before_a_batch_norm_has_no_gradient():
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
    for make in (
        lambda normalized: layers.Conv(5, 4, 2, 1, normalized=normalized),
        lambda normalized: layers.Upsample(5, "resize", normalized=normalized),
    ):
        variables = make(False).init(jax.random.key(1), x)

        def gradients(normalized, make=make, variables=variables):
            return jax.grad(lambda v: make(normalized).apply(v, x).sum())(variables)["params"]

        learning, normalized = gradients(False), gradients(True)
        assert (learning["bias"] > 0).all()
        assert (normalized["bias"] == 0).all()
        np.testing.assert_array_equal(learning["kernel"], normalized["kernel"])


def test_gradients_keep_activations_and_not_patches():
    """A patch of 3x3 pixels is nine times as large as what it is of."""
    x = jax.ShapeDtypeStruct((4, 64, 64, 8), jnp.float32)

    def memory(layers):
        def loss(x, kernels):
            for kernel in kernels:
                x = jnp.sin(direct.conv_direct(x, kernel, 1, 1))
            return x.sum()

        kernels = [jax.ShapeDtypeStruct((3, 3, 8, 8), jnp.float32)] * layers
        program = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(x, kernels).compile()
        return program.memory_analysis().temp_size_in_bytes / (x.size * x.dtype.itemsize)

    # Each of five more layers has two more activations at most.
    assert memory(10) - memory(5) <= 5 * 2


def test_resizing_is_repeating_pixels_and_convolving():
    x = jnp.asarray(operands(0, 2, 3, 5, 4, 6, 3)[0])
    layer = layers.Upsample(6, "resize")
    variables = layer.init(jax.random.key(0), x)
    kernel = np.asarray(variables["params"]["kernel"])
    assert kernel.shape == (3, 3, 4, 6)
    repeated = x.repeat(2, axis=1).repeat(2, axis=2)
    # The kernel of a transposed convolution is laid on turned by half a turn.
    expected = xla.conv_plain(repeated, jnp.asarray(kernel[::-1, ::-1]), 1, 1)
    np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)


def test_dropout_keeps_the_mean_and_is_a_pictures_own():
    keys = jax.random.split(jax.random.key(3), 1000)
    x = jnp.ones((1000, 2, 2, 3))
    dropped = layers.dropout(x, 0.75, keys)
    assert set(np.unique(dropped)) == {0.0, 4.0}
    np.testing.assert_allclose(dropped.mean(), 1.0, atol=0.05)
    np.testing.assert_array_equal(layers.dropout(x[5:6], 0.75, keys[5:6])[0], dropped[5])
