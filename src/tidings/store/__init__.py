"""The store: what happened, for ever.

Rule 1. seq is given inside the append transaction, from one counter row: commit order, no holes.
Rule 2. What a transaction does is written once, in `ledger`, as scripts that yield queries by name. An adapter
        (`sqlite`) runs them; the SQL itself is in `sql/<dialect>/*.sql`, the same names in every dialect.
Rule 3. Reading never waits for writing, and no read is longer than its limit.
"""
