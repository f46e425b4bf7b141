"""Two processes of four devices each, over loopback, train like one process of eight devices."""

import pathlib
import signal
import socket
import subprocess
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from s2c_jax import checkpoint, distributed
from s2c_jax.errors import UserError
from s2c_jax.training import build, loop
from tests.support.interruptions import checksums, command

ROOT = pathlib.Path(__file__).parent.parent


def start(train_command):
    """Starts both processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    joined = [*train_command, "--coordinator", coordinator, "--num_processes", "2"]
    return [subprocess.Popen([*joined, "--process_id", str(i)], cwd=ROOT) for i in range(2)]


def run(train_command):
    both = start(train_command)
    assert [process.wait(timeout=300) for process in both] == [0, 0]


def first_moments(workdir, config, step):
    """Adam's after one step are the gradients' multiples."""
    shapes = jax.tree.map(ocp.tree.to_shape_dtype_struct, build.init_state(config))
    with checkpoint.open_manager(workdir, keep=3) as manager:
        state = manager.restore(
            step, args=ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
        ).state
    return {
        network: np.concatenate(
            [
                np.ravel(leaf)
                for leaf in jax.tree.leaves(getattr(state, network).opt_state.inner_state[0].mu)
            ]
        )
        for network in ("generator", "discriminator")
    }


# Each start of two processes takes ten seconds or more on two cores.
def test_two_processes_train_like_one_also_when_killed(
    tmp_path, small_config, data_dir, monkeypatch
):
    one, two, killed = (tmp_path / name for name in ("one", "two", "killed"))
    small_config.max_steps = 1
    small_config.discriminator.update_every = 1
    loop.train_and_evaluate(small_config, one)

    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    settings = [
        f"--config.{key}={value}"
        for key, value in {
            "batch_size": 8,
            "num_epochs": 4,
            "generator.channels": "(4, 8, 8)",
            "generator.dropout_layers": small_config.generator.dropout_layers,
            "discriminator.channels": "(4, 8)",
            "discriminator.update_every": 1,
            "dataset.data_dir": data_dir,
            "validation.num_pairs": 4,
        }.items()
    ]
    run(command(killed, *settings, "--config.max_steps=1"))
    expected, actual = (first_moments(workdir, small_config, 1) for workdir in (one, killed))
    for network, moments in expected.items():
        distance = np.linalg.norm(actual[network] - moments) / np.linalg.norm(moments)
        assert distance < 1e-5, network
    assert checksums(killed)["data"] == checksums(one)["data"]

    both = start(command(killed, *settings))
    deadline = time.monotonic() + 120
    while len(checkpoint.all_steps(killed)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for process in reversed(both):
        process.send_signal(signal.SIGKILL)
    assert [process.wait(timeout=60) for process in both] == [-9, -9]
    run(command(killed, *settings))
    run(command(two, *settings))
    assert checksums(killed) == checksums(two)
    assert len(list((two / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("127.0.0.1:1", 2, None), "give all three or none"),
        (("127.0.0.1:1", 2, 2), "process_id is 2"),
    ],
)
def test_half_of_an_address_is_named(given, message):
    with pytest.raises(UserError, match=message):
        distributed.join(*given)
