"""The position of a stream, and which events it has emitted already. Pure."""

# A stream resumes after the last event it emitted, so a repeat reaches back no further than what
# was on the wire when the connection broke.
IDS_MAX = 1024  # ids; about 150 KB


class Position:
    """A cursor and the ids of the events before it."""

    def __init__(self, cursor: str | None, *, remember: int = IDS_MAX) -> None:
        self.cursor = cursor
        self._remember = remember
        self._seen: dict[str, None] = {}  # a dict is an ordered set

    def advance(self, event_id: str) -> bool:
        """Move to an event; False for one that was emitted before."""
        if event_id in self._seen:
            return False
        if len(self._seen) >= self._remember:
            del self._seen[next(iter(self._seen))]
        self._seen[event_id] = None
        self.cursor = event_id
        return True

    def move(self, cursor: str) -> None:
        """Move to a cursor that is not an event's: a hello's, the end of a page."""
        self.cursor = cursor

    def reset(self, cursor: str) -> None:
        """Move to another log, or to one that begins later: forget the ids."""
        self._seen.clear()
        self.cursor = cursor
