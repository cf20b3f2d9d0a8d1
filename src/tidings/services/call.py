"""One call of a verb: its caller, and the idempotency key that it may be repeated under."""

from tidings.auth.grants import Grant


class Call:
    """The caller of a verb. A call with the `key` of an earlier one gets the result of that one."""

    __slots__ = ("fingerprint", "grant", "key", "replayed")

    def __init__(self, grant: Grant, *, key: str | None = None, fingerprint: str = "") -> None:
        """`fingerprint` tells what is asked from anything else that is asked under the same key."""
        self.grant = grant
        self.key = key
        self.fingerprint = fingerprint
        self.replayed = False  # set where the result is that of an earlier call
