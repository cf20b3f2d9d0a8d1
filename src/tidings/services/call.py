"""One call of a verb: its caller, and the idempotency key that it may be repeated under."""

from tidings.auth.grants import Grant


class Call:
    """The caller of a verb. A call with the `key` of an earlier one gets the result of that one."""

    __slots__ = ("address", "fingerprint", "grant", "key", "replayed")

    def __init__(
        self, grant: Grant, *, address: str | None = "", key: str | None = None, fingerprint: str = ""
    ) -> None:
        """`address` is the one that the caller is counted by; None: of this machine; "": it does not matter.

        `fingerprint` tells what is asked from anything else that is asked under the same key.
        """
        self.address = address
        self.grant = grant
        self.key = key
        self.fingerprint = fingerprint
        self.replayed = False  # set where the result is that of an earlier call
