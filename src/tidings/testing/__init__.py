"""Tidings for the tests of an application that uses it: the real server, in this process, without sockets.

    from tidings.testing import InMemoryServer

    def test_like_notifies_the_author():
        with InMemoryServer() as server:
            like(post, by="bob", tidings=server.client())
            server.assert_notified("alice", type="like", title="Bob liked your post")

With pytest: `pytest_plugins = ["tidings.testing.plugin"]` in conftest.py gives the fixture `tidings_server`.
"""

from tidings.testing.server import InMemoryServer

__all__ = ["InMemoryServer"]
