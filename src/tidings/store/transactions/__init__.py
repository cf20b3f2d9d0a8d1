"""The transactions of the store, as scripts without I/O.

Rule 1. A script is a generator: it yields `Query` and is sent the rows. It never sees a connection.
Rule 2. A script raises its errors before its first write; then it changes nothing.
Rule 3. Time is the transaction's `now`, in milliseconds.
"""
