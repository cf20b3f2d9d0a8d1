"""The verbs: publish, open, page, mark; and what runs them.

Rule 1. A publisher waits for its transaction and for nothing else.
Rule 2. Only the relay publishes to the hub, in seq order.
Rule 3. Work that many ask for at once (appends, feeds, catching up) is gathered, or done by a bounded few.
"""
