"""LPIPS against its authors' package, with their linear weights and a random VGG16."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import lpips as reference
import numpy as np
import pytest
import safetensors.torch
import torch

from s2c_jax.errors import UserError
from s2c_jax.pretrained import lpips, vgg16


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    # Their linear weights come with the package; "pnet_rand" is a VGG16 that is not downloaded.
    network = reference.LPIPS(net="vgg", version="0.1", pnet_rand=True, verbose=False)
    for layer in network.net.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.1)
    return network


@pytest.fixture(scope="module")
def vgg_file(theirs, tmp_path_factory):
    """Their VGG16, which is cut into slices, under torchvision's names."""
    tensors = {
        f"features.{name.split('.', 1)[1]}": tensor.clone()
        for name, tensor in theirs.net.state_dict().items()
    }
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    safetensors.torch.save_file(tensors, path)
    return str(path)


@pytest.fixture(scope="module")
def linear_file(vgg_file, tmp_path_factory):
    """Their own file, converted by the command in the refusal's message."""
    path = tmp_path_factory.mktemp("their files") / "vgg.pth"
    shutil.copy(Path(reference.__file__).parent / "weights" / "v0.1" / "vgg.pth", path)
    with pytest.raises(UserError, match="is a pickle") as raised:
        lpips.load(vgg16.load_torchvision(vgg_file), str(path))
    python, *arguments = shlex.split(str(raised.value).split("with: ")[1])
    assert python == "python"
    subprocess.run([sys.executable, *arguments], check=True)
    return str(path.with_suffix(".safetensors"))


def test_distances_agree(theirs, vgg_file, linear_file):
    rng = np.random.default_rng(0)
    a = rng.uniform(-1, 1, (4, 8, 8, 3)).repeat(8, axis=1).repeat(8, axis=2)
    # From the same picture with some grain to another one.
    b = a + rng.normal(0, 1, a.shape) * np.reshape([0.01, 0.1, 0.3, 0.3], (4, 1, 1, 1))
    b[3] = -a[3]
    b = np.clip(b, -1, 1)
    with torch.no_grad():
        nchw = [torch.from_numpy(x.transpose(0, 3, 1, 2)) for x in (a, b)]
        expected = theirs.double()(*nchw).numpy().ravel()
    assert 0 < 10 * expected[0] < expected[1] < expected[2] < expected[3]

    network = lpips.load(vgg16.load_torchvision(vgg_file), linear_file)
    pair = (jnp.asarray(x, jnp.float32) for x in (a, b))
    actual = np.asarray(jax.jit(lpips.distance)(network, *pair))
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
