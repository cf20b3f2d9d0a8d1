"""The services: the verbs of the application, used alike by HTTP, WebSocket and the command line.

Rule 1. Every write goes through the batcher: one transaction, and one fsync, for many calls.
Rule 2. A service answers when the store has committed, and not before (law 1).
"""
