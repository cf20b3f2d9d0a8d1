"""Where a stream stands, and which events it has handed on already. Pure."""

# A stream resumes after the last event it took, so a repeat reaches back no further than what
# was on the wire when the connection broke.
SEEN = 1024  # ids; about 150 KB


class Memory:
    """A cursor and the ids behind it."""

    def __init__(self, cursor: str | None, *, keep: int = SEEN) -> None:
        self.cursor = cursor
        self._keep = keep
        self._seen: dict[str, None] = {}  # a dict is an ordered set

    def take(self, event_id: str) -> bool:
        """Note an event and stand on it; False when it has been here before."""
        if event_id in self._seen:
            return False
        if len(self._seen) >= self._keep:
            del self._seen[next(iter(self._seen))]
        self._seen[event_id] = None
        self.cursor = event_id
        return True

    def move(self, cursor: str) -> None:
        """Stand at a place that is not an event's: a hello, the end of a page."""
        self.cursor = cursor

    def reset(self, cursor: str) -> None:
        """The log is another one, or begins later: nothing seen counts any more."""
        self._seen.clear()
        self.cursor = cursor
