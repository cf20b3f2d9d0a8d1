"""Who may: identities and what they are granted.

Rule 1. `grants` is pure. What is not granted is refused before any work is done, never filtered late.
Rule 2. A token is checked once, when the request or the stream begins; a stream ends when its token does.
"""
