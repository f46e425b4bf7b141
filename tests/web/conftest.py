"""A server that all tests of the web page share."""

import pathlib
from collections.abc import Iterator

import pytest

from tests.support.servers import Server, serving


@pytest.fixture(scope="session")
def server(guided_workdir: pathlib.Path) -> Iterator[Server]:
    with serving(guided_workdir) as started:
        yield started
