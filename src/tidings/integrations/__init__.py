"""Tidings in other people's frameworks, and the parts of it that need a client beside the outbox.

Rule 1. A framework is imported by its own module alone: nobody needs Django for a worker.
"""
