"""The store: the durable log of events, and the inboxes.

Rule 1. seq is given inside the append transaction, under the lock that orders these: commit order, no holes.
Rule 2. Each transaction is written once, in `transactions`, as scripts that yield queries by name. An adapter
        (`sqlite`, `postgres`) runs them; its SQL is in `<dialect>/queries/*.sql`, the same names and columns in each.
Rule 3. Reading never waits for writing, and no read is longer than its limit.
"""
