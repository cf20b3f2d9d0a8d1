"""Tidings inside another application: mounted in its routes, called without a network.

Rule 1. The host's process is the host's: no signal handler, no loop policy, no logging set-up; a broken invariant
        makes us answer 503 `failed`, and never ends the process.
Rule 2. An in-process call is the client's call: same methods, types and errors, by the same road as HTTP.
"""
