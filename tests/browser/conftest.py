"""Fixtures of the tests in Chromium; they need playwright, which only `make browser` installs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2c_jax.training.loop import train_and_evaluate
from tests.support.configs import make_small_config
from tests.support.screenshots import SCREENSHOTS

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="make browser installs playwright and runs these"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on the PATH")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    # Chromium refuses its sandbox to root. Canvases need WebGL, which SwiftShader computes on CPUs.
    arguments = ["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def trained_workdir(tmp_path_factory: pytest.TempPathFactory, data_dir: str) -> Path:
    """A run that has learned to colour circles and to follow hints; tests only read it."""
    config = make_small_config(data_dir)
    config.num_epochs = 80
    config.generator.update(hints=True, palette=True, channels=(16, 32, 64, 64), dropout_layers=0)
    config.loss.adversarial = 0.0
    config.optimizer.update(learning_rate=0.003, ema_decay=0.9)
    config.validation.every_epochs = config.checkpoint.every_epochs = config.num_epochs
    path = tmp_path_factory.mktemp("trained")
    train_and_evaluate(config, path)
    return path
