"""Transports: encoded frames to sockets.

Rule 1. Codecs (`sse`, `seed`, `*_frames`, `*_codec`) are functions between values and bytes and import no I/O.
Rule 2. A stream detaches its socket where the server lets it: no task, no timer, one small protocol (law 8).
        Under a server that offers none, the same stream is sent in the ordinary ASGI way (`asgi_fallback`).
Rule 3. A sink leaves the hub before its transport closes; nothing is written to a closed one.
"""
