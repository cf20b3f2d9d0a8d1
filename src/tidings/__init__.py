"""Tidings: a self-hosted, real-time in-app notification server.

This is the only public face of the package: `tidings.app.create_app` is the ASGI application,
`tidings.client` the client, `tidings.cli` the command.
"""

__version__ = "0.1.0"
