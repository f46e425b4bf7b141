"""One process at a time trains in a workdir, and only with the settings of its run."""

import re
import signal
import subprocess
import sys

import pytest

from s2c_jax import config as config_lib
from s2c_jax import distributed
from s2c_jax.errors import UserError
from s2c_jax.training.workdir import claim_workdir
from tests.support.configs import make_small_config

# Locks a file as `claim_workdir` does, tells that it is locked, and waits.
HOLD = """
import sys
import filelock
with filelock.FileLock(sys.argv[1], timeout=0):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def config():
    return make_small_config("")


def test_claim_workdir_creates_the_config_and_the_folders(config, tmp_path):
    workdir = tmp_path / "runs" / "new"
    with claim_workdir(config, workdir):
        assert config_lib.load(workdir / "config.json") == config
        names = {path.name for path in workdir.iterdir()}
        assert names == {"checkpoints", "config.json", "lock", "samples", "tensorboard"}
        assert (workdir / "lock").stat().st_size == 0


def test_a_second_claim_is_refused_until_the_first_ends(config, tmp_path):
    message = re.escape(f"{tmp_path}: another process is training in it")
    with (
        claim_workdir(config, tmp_path),
        pytest.raises(UserError, match=message),
        claim_workdir(config, tmp_path),
    ):
        pytest.fail("the workdir was claimed twice")
    with claim_workdir(config, tmp_path):
        pass


def test_an_error_within_a_claim_releases_the_workdir(config, tmp_path):
    with pytest.raises(KeyboardInterrupt), claim_workdir(config, tmp_path):
        raise KeyboardInterrupt
    with claim_workdir(config, tmp_path):
        pass


def test_the_system_releases_the_workdir_of_a_killed_process(config, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "locked\n"
        with (
            pytest.raises(UserError, match="another process is training in it"),
            claim_workdir(config, tmp_path),
        ):
            pytest.fail("the workdir of another process was claimed")
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
    with claim_workdir(config, tmp_path):
        pass


def test_a_child_process_does_not_inherit_the_lock(config, tmp_path):
    with claim_workdir(config, tmp_path):
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    with child, claim_workdir(config, tmp_path):
        child.communicate(b"\n", timeout=60)


@pytest.mark.parametrize("blocked", ["", "config.json", "lock", "samples"])
def test_a_workdir_that_cannot_be_written_is_named(config, tmp_path, blocked):
    """A file stands where a folder must be, or the other way round."""
    workdir = tmp_path / "run"
    if blocked in ("", "samples"):
        (workdir / blocked).parent.mkdir(exist_ok=True)
        (workdir / blocked).write_text("")
    else:
        (workdir / blocked).mkdir(parents=True)
    message = re.escape(f"{workdir}")
    with pytest.raises(UserError, match=message) as raised, claim_workdir(config, workdir):
        pytest.fail("the workdir was claimed")
    assert re.search(r"cannot be (written|read) \(", str(raised.value))
    assert "\n" not in str(raised.value)


def test_settings_may_change_before_the_first_checkpoint(config, tmp_path):
    with claim_workdir(config, tmp_path):
        pass
    config.seed = 1
    with claim_workdir(config, tmp_path):
        assert config_lib.load(tmp_path / "config.json").seed == 1


def test_settings_of_a_run_with_checkpoints_may_not_change(config, tmp_path):
    with claim_workdir(config, tmp_path):
        (tmp_path / "checkpoints" / "5").mkdir()
    config.seed = 1
    with pytest.raises(UserError, match="seed was 0 and is 1"), claim_workdir(config, tmp_path):
        pytest.fail("the run was changed")
    assert config_lib.load(tmp_path / "config.json").seed == 0


def test_a_failure_of_process_0_fails_the_other_processes(config, tmp_path, monkeypatch):
    monkeypatch.setattr(distributed, "is_primary", lambda: False)
    monkeypatch.setattr(distributed, "all_agree", lambda _: False)
    with (
        pytest.raises(UserError, match="process 0 cannot train"),
        claim_workdir(config, tmp_path / "run"),
    ):
        pytest.fail("this process goes on without process 0")
    assert not (tmp_path / "run").exists()
