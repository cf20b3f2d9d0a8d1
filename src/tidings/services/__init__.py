"""The services: the verbs of the application, used alike by HTTP, WebSocket, the command line and embedding code.

Rule 1. A verb takes typed arguments and returns a typed value. It says first what its caller must be granted.
Rule 2. A write goes through `commands`: admission, the idempotency key, then the batch that is being gathered. Its
        result is encoded by its caller; only one that is kept under a key is encoded in the transaction.
Rule 3. A service returns when the store has committed, and not before (law 1). Nothing above calls the store.
"""
