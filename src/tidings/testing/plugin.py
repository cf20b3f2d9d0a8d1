"""The pytest fixture. `pytest_plugins = ["tidings.testing.plugin"]` in the conftest.py of an application."""

from collections.abc import Iterator

import pytest

from tidings.testing.server import InMemoryServer


@pytest.fixture
def tidings_server() -> Iterator[InMemoryServer]:
    """A Tidings server of this test, empty and without sockets."""
    with InMemoryServer() as server:
        yield server
