"""FID's InceptionV3 and the Fréchet distance against the package pytorch-fid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.torch
import scipy.linalg
import torch
import torchvision
from pytorch_fid import fid_score
from pytorch_fid import inception as reference

from s2c_jax.evaluation import frechet
from s2c_jax.pretrained import inception


def random_weights():
    """Returns tensors with the published file's names and its 1008 classes."""
    model = torchvision.models.inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False
    )
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.7, 1.3)
            torch.nn.init.uniform_(layer.bias, -0.3, 0.3)
            torch.nn.init.uniform_(layer.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(layer.running_var, 0.3, 1.7)
    return model.state_dict()


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Our network and pytorch-fid's, which gets the same weights instead of downloading some."""
    state = random_weights()
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    safetensors.torch.save_file(state, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "load_state_dict_from_url", lambda *_, **__: state)
        theirs = reference.InceptionV3().eval().double()
    return inception.load(str(path)), theirs


# Pictures that are enlarged, kept and made smaller.
@pytest.mark.parametrize("side", [64, 299, 400])
def test_features_agree(networks, side):
    ours, theirs = networks
    rng = np.random.default_rng(side)
    shares = rng.uniform(0, 1, (2, 8, 8, 3)).repeat(50, axis=1).repeat(50, axis=2)
    shares = np.clip(shares + rng.normal(0, 0.1, shares.shape), 0, 1)[:, :side, :side]
    with torch.no_grad():
        (expected,) = theirs(torch.from_numpy(shares.transpose(0, 3, 1, 2)))
    expected = expected.numpy()[..., 0, 0]

    pictures = jnp.asarray(2 * shares - 1, jnp.float32)
    actual = np.asarray(jax.jit(inception.features)(ours, pictures))
    # The error is relative to the difference between the two pictures.
    error = np.abs(actual - expected).max() / np.abs(expected[0] - expected[1]).max()
    assert error < 1e-4, f"{error:.2e}"


def frechet_of_theirs(monkeypatch, x, y):
    original = scipy.linalg.sqrtm

    def sqrtm(matrix, disp=True):
        # pytorch-fid passes disp=False to get an estimated error, too. SciPy 1.18 has no "disp".
        root = original(matrix)
        return root if disp else (root, 0.0)

    monkeypatch.setattr(fid_score.linalg, "sqrtm", sqrtm)
    statistics = [(z.mean(axis=0), np.cov(z, rowvar=False)) for z in (x, y)]
    return fid_score.calculate_frechet_distance(*statistics[0], *statistics[1])


# With fewer vectors than dimensions, pytorch-fid takes the root of a singular matrix.
@pytest.mark.parametrize(("number", "tolerance"), [(500, 1e-9), (32, 1e-6)])
def test_frechet_distances_agree(monkeypatch, number, tolerance):
    rng = np.random.default_rng(0)
    mixing = rng.normal(0, 1, (2, 64, 64)) / 8
    x, y = (np.maximum(rng.normal(0.2, 1, (number, 64)) @ mix, 0) for mix in mixing)
    expected = frechet_of_theirs(monkeypatch, x, y)
    a, b = (frechet.gaussian(frechet.add(frechet.empty_sums(64), z)) for z in (x, y))
    actual = frechet.distance(a, b)
    np.testing.assert_allclose(actual, expected, rtol=tolerance)
