"""The generator that colours is restored alone, and only if it is sound."""

import jax
import pytest

from s2c_jax import checkpoint
from s2c_jax.errors import UserError
from tests.support.checkpoints import LEAF, change_checksum, make_old, restore
from tests.support.trees import assert_trees_equal


@pytest.mark.parametrize("averaged", [True, False])
def test_restore_generator_equals_the_training_state(run, state, shapes, source, averaged):
    step, variables = checkpoint.restore_generator(run, shapes, "last", averaged=averaged)
    trained = restore(run, state, source)[0]
    assert step == int(trained.step)
    expected = trained.ema if averaged else trained.generator.variables
    assert_trees_equal(jax.device_get(variables), expected)


def test_restore_generator_refuses_a_damaged_generator(run, shapes):
    change_checksum(run, checkpoint.all_steps(run)[-1])
    with pytest.raises(checkpoint.CorruptCheckpoint, match=f"{LEAF} is not what was saved"):
        checkpoint.restore_generator(run, shapes, "last", averaged=True)


def test_restore_generator_ignores_damage_to_what_it_does_not_read(run, shapes):
    last = checkpoint.all_steps(run)[-1]
    change_checksum(run, last, "discriminator/params/output/kernel")
    assert checkpoint.restore_generator(run, shapes, "last", averaged=True)[0] == last


def test_restore_generator_names_a_checkpoint_of_an_earlier_version(run, shapes):
    make_old(run, checkpoint.all_steps(run)[-1])
    with pytest.raises(UserError, match="is of an earlier version"):
        checkpoint.restore_generator(run, shapes, "last", averaged=True)
