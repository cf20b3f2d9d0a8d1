"""Topic -> readers. Topics match whole: a dictionary, never a pattern (law 5)."""

from tidings.domain.topics import Topic
from tidings.hub.reader import Reader


class Index:
    """Most topics are a person's own and have one reader, so a lone reader stands without a set around it."""

    def __init__(self) -> None:
        self._readers: dict[Topic, Reader | set[Reader]] = {}

    def add(self, topic: Topic, reader: Reader) -> None:
        found = self._readers.setdefault(topic, reader)
        if isinstance(found, set):
            found.add(reader)
        elif found is not reader:
            self._readers[topic] = {found, reader}

    def discard(self, topic: Topic, reader: Reader) -> None:
        found = self._readers.get(topic)
        if found is reader:
            del self._readers[topic]
        elif isinstance(found, set):
            found.discard(reader)
            if not found:
                del self._readers[topic]

    def of(self, topic: Topic) -> tuple[Reader, ...]:
        """A copy: a sink may close, and its reader leave, while the caller is still writing."""
        found = self._readers.get(topic)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, set) else (found,)

    def count(self, topic: Topic) -> int:
        found = self._readers.get(topic)
        if found is None:
            return 0
        return len(found) if isinstance(found, set) else 1

    def __len__(self) -> int:
        return len(self._readers)
