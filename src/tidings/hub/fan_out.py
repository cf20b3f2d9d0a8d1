"""A run of events to the LIVE readers of their topics, joined into one write per reader."""

from collections.abc import Sequence

from tidings.domain.ports import Encoding
from tidings.domain.topics import Topic
from tidings.hub.index import Index
from tidings.hub.readers import Reader, ReaderState
from tidings.hub.ring import Entry


def fan_out(index: Index, run: Sequence[Entry]) -> int:
    """Write the run to every LIVE reader of its topics; return how many events were written."""
    by_topic: dict[Topic, list[Entry]] = {}
    for entry in run:
        by_topic.setdefault(entry.event.topic, []).append(entry)
    if len(by_topic) == 1:
        [(topic, entries)] = by_topic.items()
        return _write_all(index.of(topic), entries)
    touched: dict[Reader, list[Topic]] = {}
    for topic in by_topic:
        for reader in index.of(topic):
            touched.setdefault(reader, []).append(topic)
    audiences: dict[tuple[Topic, ...], list[Reader]] = {}
    for reader, topics in touched.items():
        audiences.setdefault(tuple(topics), []).append(reader)
    written = 0
    for key, readers in audiences.items():
        entries = [entry for topic in key for entry in by_topic[topic]]
        if len(key) > 1:
            entries.sort(key=lambda entry: entry.event.seq)
        written += _write_all(readers, entries)
    return written


def _write_all(readers: Sequence[Reader], entries: Sequence[Entry]) -> int:
    joined: dict[Encoding, bytes] = {}
    live = ReaderState.LIVE
    written = 0
    for reader in readers:
        if reader.state is not live:
            continue
        encoding = reader.encoding
        if reader.membership.mutes:
            data = b"".join([entry.frame(encoding) for entry in entries if reader.wants(entry.event)])
        else:
            found = joined.get(encoding)
            if found is None:
                found = joined[encoding] = b"".join([entry.frame(encoding) for entry in entries])
            data = found
        if data:
            written += len(entries)
            reader.sink.write(data)
    return written
