"""The inbox of everyone, held against a model in memory after every step, and against clients that only listen."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.store.adapters import ADAPTERS, Adapter
from tests.store.harness import TOPICS, USERS, WINDOW, StoreHarness
from tidings.domain.topics import ALL, Topic, User, own_topic
from tidings.store.transactions.inbox import Filter

TARGETS: list[tuple[Topic, ...]] = [
    *[(own_topic(user),) for user in USERS],
    tuple(own_topic(user) for user in USERS),
    (ALL,),
    *[(topic,) for topic in TOPICS],
]
TYPES = ["like", "comment"]
KEYS = [None, None, "k", "other"]
LIFETIMES = [None, None, None, 500, 5_000]  # milliseconds
WAITS = [1, 700, 1_000, WINDOW // 2, WINDOW]
VERBS = ["read", "read", "unread", "seen", "unseen", "archive", "unarchive"]
MUTES = ["type:like", "topic:author/4", "topic:all", "entity:post/7"]
ENTITIES = ["post/7", "post/77"]
CAPS = [2, 1000]

CONTENT: dict[str, list[Any]] = {
    "title": ["one", "two"],
    "entity": [*ENTITIES, None],
    "priority": ["normal", "critical"],
    "progress": [0.5, 1.0],
    "actor": [{"id": number} for number in range(5)],
}
FILTERS = [Filter(), *[Filter(status=status) for status in ("unread", "read", "archived")],
           *[Filter(type=type) for type in TYPES], *[Filter(topic=topic) for topic in (*TOPICS, ALL)],
           Filter(status="unread", type="like", topic=TOPICS[0])]  # fmt: skip

users = st.sampled_from(USERS)
which = st.integers(0, 5)
contents = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)}, optional={name: st.sampled_from(values) for name, values in CONTENT.items()}
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(TYPES),
        **{name: st.sampled_from(values) for name, values in CONTENT.items() if name != "actor"},
    },
)


class Inbox(RuleBasedStateMachine):
    """Hypothesis chooses what happens next."""

    adapter: Adapter
    harness: StoreHarness

    @initialize(cap=st.sampled_from(CAPS), ring=st.integers(1, 30), here=st.lists(users, max_size=3))
    def begin(self, cap: int, ring: int, here: list[User]) -> None:
        self.harness = StoreHarness(self.adapter, cap=cap, ring=ring)
        for user in here:
            self.harness.arrive(user)

    @rule(
        topics=st.sampled_from(TARGETS),
        content=contents,
        key=st.sampled_from(KEYS),
        lifetime=st.sampled_from(LIFETIMES),
    )
    def publish(
        self, topics: tuple[Topic, ...], content: dict[str, Any], key: str | None, lifetime: int | None
    ) -> None:
        self.harness.publish(topics, content, group_key=key, lifetime=lifetime)

    @rule(
        user=users,
        several=st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3),
        content=contents,
        key=st.sampled_from(KEYS),
    )
    def together(self, user: User, several: list[tuple[Topic, ...]], content: dict[str, Any], key: str | None) -> None:
        self.harness.together(user, several, content, group_key=key)

    @rule(which=which, changes=changes)
    def update(self, which: int, changes: dict[str, Any]) -> None:
        self.harness.update(which, changes)

    @rule(which=which, lifetime=st.sampled_from(LIFETIMES))
    def expire_at(self, which: int, lifetime: int | None) -> None:
        self.harness.expire_at(which, lifetime)

    @rule(which=which)
    def retract(self, which: int) -> None:
        self.harness.retract(which)

    @rule(entity=st.sampled_from(ENTITIES))
    def retract_entity(self, entity: str) -> None:
        self.harness.retract_entity(entity)

    @rule(milliseconds=st.sampled_from(WAITS), tidy=st.booleans())
    def wait(self, milliseconds: int, tidy: bool) -> None:
        self.harness.wait(milliseconds, tidy=tidy)

    @rule(user=users)
    def arrive(self, user: User) -> None:
        self.harness.arrive(user)

    @rule(user=users, topic=st.sampled_from(TOPICS))
    def follow(self, user: User, topic: Topic) -> None:
        self.harness.follow(user, topic)

    @rule(user=users, topic=st.sampled_from(TOPICS))
    def unfollow(self, user: User, topic: Topic) -> None:
        self.harness.unfollow(user, topic)

    @rule(user=users, mutes=st.frozensets(st.sampled_from(MUTES), max_size=2))
    def mute(self, user: User, mutes: frozenset[str]) -> None:
        self.harness.mute(user, mutes)

    @rule(user=users, back=st.integers(0, 6), verb=st.sampled_from(["read", "seen"]))
    def up_to(self, user: User, back: int, verb: str) -> None:
        self.harness.up_to(user, back, verb)

    @rule(user=users, marked=st.lists(which, max_size=3), verb=st.sampled_from(VERBS))
    def mark(self, user: User, marked: list[int], verb: str) -> None:
        self.harness.mark(user, marked, verb)

    @rule()
    def fork(self) -> None:
        self.harness.fork()

    @rule(user=users)
    def go(self, user: User) -> None:
        self.harness.go(user)

    @rule(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
    def pages(self, sizes: list[int]) -> None:
        self.harness.agree(sizes=sizes, filters=FILTERS)

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "harness"):
            self.harness.agree(filters=())

    def teardown(self) -> None:
        if hasattr(self, "harness"):
            self.harness.close()


def walk(adapter: Adapter, seed: int, *, steps: int) -> None:
    """One random history."""
    rng = random.Random(seed)
    harness = StoreHarness(adapter, cap=rng.choice(CAPS), ring=rng.randint(1, 30))

    def some(names: list[str], chance: float) -> dict[str, Any]:
        return {name: rng.choice(CONTENT[name]) for name in names if rng.random() < chance}

    def publish() -> None:
        content = {"type": rng.choice(TYPES), **some(list(CONTENT), 0.3)}
        harness.publish(rng.choice(TARGETS), content, group_key=rng.choice(KEYS), lifetime=rng.choice(LIFETIMES))

    def together() -> None:
        content = {"type": rng.choice(TYPES), **some(list(CONTENT), 0.3)}
        targets = [rng.choice(TARGETS) for _ in range(rng.randint(1, 3))]
        harness.together(rng.choice(USERS), targets, content, group_key=rng.choice(KEYS))

    def update() -> None:
        changes = some(["title", "entity", "priority", "progress"], 0.4)
        harness.update(rng.randrange(6), changes | ({"type": rng.choice(TYPES)} if rng.random() < 0.3 else {}))

    def mark() -> None:
        harness.mark(rng.choice(USERS), [rng.randrange(8) for _ in range(rng.randint(1, 3))], rng.choice(VERBS))

    moves: list[Callable[[], None]] = [
        *[publish] * 8,
        together,
        *[update] * 3,
        lambda: harness.expire_at(rng.randrange(6), rng.choice(LIFETIMES)),
        lambda: harness.retract(rng.randrange(6)),
        lambda: harness.retract_entity(rng.choice(ENTITIES)) if rng.random() < 0.3 else None,
        *[lambda: harness.wait(rng.choice(WAITS), tidy=rng.random() < 0.7)] * 3,
        *[lambda: harness.arrive(rng.choice(USERS))] * 2,
        *[lambda: harness.follow(rng.choice(USERS), rng.choice(TOPICS))] * 3,
        lambda: harness.unfollow(rng.choice(USERS), rng.choice(TOPICS)),
        *[lambda: harness.mute(rng.choice(USERS), frozenset(rng.sample(MUTES, rng.choice([0, 0, 1, 2]))))] * 2,
        *[lambda: harness.up_to(rng.choice(USERS), rng.choice([0, 1, 3, 9]), rng.choice(["read", "seen"]))] * 2,
        *[mark] * 6,
        *[lambda: harness.go(rng.choice(USERS))] * 2,
        harness.fork,
    ]
    try:
        for _ in range(steps):
            rng.choice(moves)()
            if rng.random() < 0.1:
                harness.agree(sizes=[rng.randint(1, 4) for _ in range(3)], filters=FILTERS)
            else:
                harness.agree(filters=())
    finally:
        harness.close()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_every_step_of_a_chosen_history(adapter: Adapter) -> None:
    """Few histories, told in the shortest form when something does not agree."""

    class OfAdapter(Inbox):
        pass

    OfAdapter.adapter = adapter
    case = OfAdapter.TestCase
    case.settings = settings(
        max_examples=max(1, int(settings().max_examples * adapter.share) // 5), stateful_step_count=30
    )
    case("runTest").runTest()


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("block", range(4))
def test_random_histories(adapter: Adapter, block: int) -> None:
    """More of them, longer; the seed in the message brings one back."""
    histories = max(1, int(settings().max_examples * adapter.share) // 12)
    for seed in range(block * histories, (block + 1) * histories):
        try:
            walk(adapter, seed, steps=60)
        except BaseException as error:
            error.add_note(f"walk({adapter.name}, {seed}, steps=60)")
            raise
