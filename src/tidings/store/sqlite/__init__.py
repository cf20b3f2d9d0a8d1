"""The embedded database: an adapter (`adapter`), its schema (`migrations/`) and its queries by name (`queries/`).

Rule 1. One thread writes; a few read, each in a snapshot.
Rule 2. Nothing but a query by name reaches the database from a script.
"""
