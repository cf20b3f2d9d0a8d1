"""The asynchronous client, on asyncio: the shell that executes the programs' commands.

Rule 1. `tidings.client._sync` is generated from this package by scripts/generate_sync_client.py; `make check` compares.
Rule 2. Only `io.py` and `websocket.py` are written twice: waiting, interrupting and locking, with tasks and threads.
"""
