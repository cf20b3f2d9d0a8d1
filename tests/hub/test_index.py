"""Topic -> readers, held against a dictionary of sets."""

from hypothesis import given
from hypothesis import strategies as st

from tests.hub.fake_sink import FakeSink, LineEncoding, WhenFull
from tidings.domain.topics import Topic, User
from tidings.hub.hub import Hub
from tidings.hub.index import Index
from tidings.hub.readers import Membership, Reader
from tidings.hub.ring import Ring

TOPICS = [Topic(text) for text in ("author/4", "author/42", "author/42/posts", "all")]


def reader() -> Reader:
    sink = FakeSink(Hub(Ring(head=0), on_work=lambda: None), high=1, when_full=WhenFull.STALL)
    return Reader(sink=sink, encoding=LineEncoding("lines"), membership=Membership(User("a")), extra=(), position=0)


@given(
    st.sampled_from([2, 64]),
    st.lists(st.tuples(st.booleans(), st.sampled_from(TOPICS), st.integers(0, 3)), max_size=60),
)
def test_index_is_a_dictionary_of_sets(few: int, moves: list[tuple[bool, Topic, int]]) -> None:
    index, readers = Index(few=few), [reader() for _ in range(4)]
    model: dict[Topic, set[Reader]] = {}
    for adds, topic, who in moves:
        if adds:
            index.add(topic, readers[who])
            model.setdefault(topic, set()).add(readers[who])
        else:
            index.discard(topic, readers[who])
            model.get(topic, set()).discard(readers[who])
        assert {topic: set(index.of(topic)) for topic in TOPICS} == {topic: model.get(topic, set()) for topic in TOPICS}
        assert all(len(index.of(topic)) == index.count(topic) for topic in TOPICS)
        assert len(index) == sum(bool(found) for found in model.values())


def test_readers_of_a_topic_are_a_copy() -> None:
    index, readers = Index(), [reader() for _ in range(3)]
    for one in readers:
        index.add(TOPICS[0], one)
    seen = 0
    for one in index.of(TOPICS[0]):
        index.discard(TOPICS[0], one)
        seen += 1
    assert seen == 3
    assert len(index) == 0
