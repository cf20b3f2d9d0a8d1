"""Authentication and authorisation: identities and their grants.

Rule 1. `grants` is pure. A request without a grant is refused before any work is done, never filtered late.
Rule 2. A token is checked once, when the request or the stream begins; a stream ends when its token does.
"""
