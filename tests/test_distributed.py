"""Several processes train like one, and wrong addresses are named."""

import signal
import subprocess
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from s2c_jax import checkpoint, distributed
from s2c_jax.errors import UserError
from s2c_jax.training import build, loop
from tests.support.commands import ROOT
from tests.support.environment import xla_flags
from tests.support.interruptions import checksums, command
from tests.support.servers import free_port


def start(train_command):
    """Starts a run of two processes, which find each other over loopback."""
    joined = [*train_command, "--coordinator", f"127.0.0.1:{free_port()}", "--num_processes", "2"]
    return [subprocess.Popen([*joined, "--process_id", str(i)], cwd=ROOT) for i in range(2)]


def run(train_command):
    """Trains in two processes to the end."""
    processes = start(train_command)
    assert [process.wait(timeout=300) for process in processes] == [0, 0]


def first_moments(workdir, config, step):
    """Returns Adam's first moments by network: after one step, multiples of the gradients."""
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


@pytest.mark.slow(reason="starts two processes three times; a start takes ten seconds")
def test_two_processes_of_four_devices_train_like_one_of_eight_even_if_killed(
    tmp_path, small_config, data_dir, monkeypatch
):
    one, two, killed = (tmp_path / name for name in ("one", "two", "killed"))
    small_config.max_steps = 1
    # An epoch is one step, so that there is a checkpoint after the first step.
    small_config.batch_size = 40
    small_config.discriminator.update_every = 1
    loop.train_and_evaluate(small_config, one)

    monkeypatch.setenv("XLA_FLAGS", xla_flags(devices=4))
    settings = [
        f"--config.{key}={value}"
        for key, value in {
            "batch_size": small_config.batch_size,
            "num_epochs": 6,
            "checkpoint.keep": 6,
            "generator.channels": "(4, 8, 8)",
            "generator.dropout_layers": small_config.generator.dropout_layers,
            "discriminator.channels": "(4, 8)",
            "discriminator.update_every": 1,
            "dataset.data_dir": data_dir,
            "validation.num_pairs": 4,
        }.items()
    ]
    processes = start(command(killed, *settings))
    deadline = time.monotonic() + 120
    while len(checkpoint.all_steps(killed)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for process in reversed(processes):
        process.send_signal(signal.SIGKILL)
    assert [process.wait(timeout=60) for process in processes] == [-9, -9]
    run(command(killed, *settings))
    run(command(two, *settings))
    assert checksums(killed) == checksums(two)
    assert checksums(two)["last step"] == 6
    expected, actual = (first_moments(workdir, small_config, 1) for workdir in (one, two))
    for network, moments in expected.items():
        distance = np.linalg.norm(actual[network] - moments) / np.linalg.norm(moments)
        assert distance < 1e-5, network
    assert checksums(two, 1)["data"] == checksums(one)["data"]
    assert len(list((two / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (("127.0.0.1:1", 2, None), "give all three or none"),
        ((None, None, 0), "give all three or none"),
        (("127.0.0.1:1", 2, 2), r"process_id is 2: it must be in \[0, 2\)"),
        (("127.0.0.1:1", 2, -1), r"process_id is -1: it must be in \[0, 2\)"),
    ],
)
def test_join_names_a_wrong_address(address, message):
    with pytest.raises(UserError, match=message):
        distributed.join(*address)


def test_join_names_why_the_processes_do_not_find_each_other(monkeypatch):
    def fail(*_):
        raise RuntimeError("DEADLINE_EXCEEDED: connecting\nto the coordinator")

    monkeypatch.setattr(jax.distributed, "initialize", fail)
    with pytest.raises(UserError, match=r"\(DEADLINE_EXCEEDED: connecting\): check the") as raised:
        distributed.join("127.0.0.1:1", 2, 1)
    assert "\n" not in str(raised.value)


def test_batch_sharding_splits_and_replicated_sharding_copies():
    devices = jax.local_device_count()
    batch = np.arange(2.0 * devices).reshape(devices, 2)
    split = jax.device_put(batch, distributed.batch_sharding())
    assert [shard.data.shape for shard in split.addressable_shards] == [(1, 2)] * devices
    copied = jax.device_put(batch, distributed.replicated_sharding())
    assert [shard.data.shape for shard in copied.addressable_shards] == [(devices, 2)] * devices


def test_a_single_process_is_the_primary_and_waits_for_nobody():
    assert distributed.is_primary()
    assert distributed.all_agree(True)
    assert not distributed.all_agree(False)


def test_an_error_in_one_process_is_an_error_in_all(monkeypatch):
    """The process that fails tells the others, and then raises its own error."""
    told = []

    def disagree(condition):
        told.append(condition)
        return False

    monkeypatch.setattr(distributed, "all_agree", disagree)
    with pytest.raises(UserError, match="^no memory$"), distributed.failing_together("elsewhere"):
        raise UserError("no memory")
    with pytest.raises(UserError, match="^elsewhere$"), distributed.failing_together("elsewhere"):
        pass
    assert told == [False, True]
