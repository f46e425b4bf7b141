"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """A mistake in the input; its text is one line that says what, where and what to do.

    The commands print the text without a traceback and exit with status 1.
    """
