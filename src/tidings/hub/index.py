"""Topic -> readers. Topics match whole: a dictionary, never a pattern (law 5)."""

from tidings.domain.topics import Topic
from tidings.hub.readers import Reader

FEW = 64  # readers of a topic that are kept in a list: 8 bytes each, and 60 or more in a set; a scan is 1 µs


class Index:
    """A map from topic to readers, small for the common case.

    Most topics are a person's own and have one reader, so a lone reader is stored without a container.
    """

    def __init__(self, *, few: int = FEW) -> None:
        self._few = few
        self._readers: dict[Topic, Reader | list[Reader] | set[Reader]] = {}

    def add(self, topic: Topic, reader: Reader) -> None:
        """Add a reader of a topic; adding it twice is adding it once."""
        found = self._readers.setdefault(topic, reader)
        if isinstance(found, set):
            found.add(reader)
        elif isinstance(found, list):
            if reader in found:
                return
            found.append(reader)
            if len(found) > self._few:
                self._readers[topic] = set(found)
        elif found is not reader:
            self._readers[topic] = [found, reader]

    def discard(self, topic: Topic, reader: Reader) -> None:
        """Forget a reader of a topic, if it is there."""
        found = self._readers.get(topic)
        if found is reader:
            del self._readers[topic]
        elif isinstance(found, list):
            if reader in found:
                found.remove(reader)
        elif isinstance(found, set):
            found.discard(reader)
        if isinstance(found, list | set) and not found:
            del self._readers[topic]

    def of(self, topic: Topic) -> tuple[Reader, ...]:
        """The readers of a topic, as a copy: a sink may close, and its reader leave, while the caller writes."""
        found = self._readers.get(topic)
        if found is None:
            return ()
        return (found,) if isinstance(found, Reader) else tuple(found)

    def count(self, topic: Topic) -> int:
        """The number of readers of a topic."""
        found = self._readers.get(topic)
        if found is None:
            return 0
        return 1 if isinstance(found, Reader) else len(found)

    def __len__(self) -> int:
        return len(self._readers)
