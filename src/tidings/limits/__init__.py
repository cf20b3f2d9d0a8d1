"""Limits: how much one caller may cause, so that it cannot stop the others (law 10).

Rule 1. Everything here is pure: costs and times are arguments.
Rule 2. The cost of a request is known when it is done: a caller with budget left goes ahead, and owes what it took.
Rule 3. A table of callers is bounded. It evicts the caller that has waited longest, and owes least.
"""
