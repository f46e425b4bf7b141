"""A user's mistake is one line that names the flag or key that mends it."""

import pytest

from s2c_jax.errors import UserError, first_line, naming, needs, one_line, print_error


def test_naming_puts_the_setting_in_front_of_the_message():
    with pytest.raises(UserError) as raised, naming("--lpips_vgg"):
        raise UserError("there is no file x")
    assert str(raised.value) == "--lpips_vgg: there is no file x"
    assert one_line(raised.value) == "s2c_jax: --lpips_vgg: there is no file x"


def test_naming_leaves_other_exceptions_as_they_are():
    with pytest.raises(ValueError, match=r"^not a user's mistake$"), naming("--lpips_vgg"):
        raise ValueError("not a user's mistake")


def test_print_error_writes_one_line_on_standard_error(capsys):
    print_error(UserError("sketch.png: cannot be read"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "s2c_jax: sketch.png: cannot be read\n")


def test_needs_names_a_missing_package_and_its_extra():
    with pytest.raises(UserError) as raised, needs("web", "the page"):
        import no_such_package  # noqa: F401
    message = "the page needs the package no_such_package: pip install 's2c_jax[web]'"
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("\nlost\nat byte 7"), "lost"), (ValueError(""), "ValueError")],
)
def test_first_line_is_never_empty(error, line):
    assert first_line(error) == line
