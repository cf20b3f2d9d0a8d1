"""The domain: what the words mean.

Rule 1. Pure: no clock, no chance, no I/O. Time and ids come in as arguments.
Rule 2. Values are parsed at the border (`parse_topic`, `Cursor.parse`, `Target` ...); inside, they are trusted.
"""
