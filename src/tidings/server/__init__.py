"""The server: HTTP/1.1 on sockets that an endpoint can take over, and the process around it.

The only package that imports uvicorn. `transports` gets a socket through `scope["extensions"]` and a Protocol
(`transports.detachable`), and imports nothing from here.
"""
