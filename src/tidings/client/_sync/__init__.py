"""The blocking client, in the caller's thread: the shell that executes the programs' commands.

Rule 1. It is generated from `tidings.client._async` by scripts/generate_sync_client.py; `make check` compares.
Rule 2. Only `io.py` and `websocket.py` are written by hand: waiting, interrupting and locking, with threads.
"""
