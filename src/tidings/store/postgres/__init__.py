"""The store in PostgreSQL: an adapter (`adapter`), its schema (`migrations/`) and its queries by name (`queries/`).

Rule 1. Lock first, then look: a transaction that appends takes the lock in one statement and reads the head in the
        next. A statement that did both would see the head of before it waited (READ COMMITTED).
Rule 2. Settings of a session are set in each transaction, so that a pooler may hand out another session for the next.
Rule 3. Nothing but a query by name reaches the database from a script.
"""
