"""The split and the codec of pairs."""

from s2c_jax.datasets import pairs


def test_about_a_tenth_of_the_names_is_validation():
    names = [f"{i:X}" for i in range(0x1F300, 0x1F700)]
    assert 0.05 < sum(map(pairs.is_validation, names)) / len(names) < 0.15


def test_is_validation_splits_as_in_data_that_was_prepared_earlier():
    names = [f"{i:X}" for i in range(0x1F400, 0x1F430)]
    assert list(filter(pairs.is_validation, names)) == ["1F405", "1F406", "1F419", "1F41D"]
