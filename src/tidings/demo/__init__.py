"""The pages of `tidings dev`: try it, race the transports, see a small town use it.

Rule 1. A page does nothing that an application could not: it calls the public API, and nothing else of the server.
Rule 2. Everything a page needs comes from here: it works without a network, under `default-src 'self'`.
"""
