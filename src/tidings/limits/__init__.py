"""Limits: how much one caller may cause, so that it cannot stop the others (law 10).

Rule 1. Everything here is pure: what costs is said, and so is the time.
Rule 2. What a request costs is known when it is done: a caller with budget left goes ahead, and owes what it took.
Rule 3. A table of callers is bounded. The one that is forgotten is the one that has waited longest, and owes least.
"""
