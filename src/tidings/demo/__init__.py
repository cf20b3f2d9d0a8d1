"""The pages of `tidings dev`: a form to try the API, the transport lab, a small social network.

Rule 1. A page does nothing that an application could not: it calls the public API, and nothing else of the server.
Rule 2. Everything a page needs comes from here: it works without a network, under `default-src 'self'`.
"""
