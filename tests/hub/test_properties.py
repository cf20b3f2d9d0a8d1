"""Laws 3, 4, 5 and 6 on the pure core: whatever happens in whatever order, each reader gets its events."""

import random
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.hub.fake_sink import WhenFull
from tests.hub.simulation import EVERYWHERE, LARGE, TAGS, TOPICS, USERS, Simulation
from tidings.domain.model import NO_TAGS, Event
from tidings.domain.topics import Topic, User

HIGHS = [1, 500, 3 * LARGE]  # bytes
places = st.integers(0, 7)

# The kind of one entry of a batch, and its user.
things = st.tuples(
    st.sampled_from(["note", "note", "large", "note.quiet", "follow", "unfollow", "mute"]),
    st.sampled_from(EVERYWHERE),
    st.sampled_from(USERS),
    st.sampled_from(TOPICS),
    st.frozensets(st.sampled_from(TAGS)),
)
Thing = tuple[str, Topic, User, Topic, frozenset[str]]


def enter(simulation: Simulation, thing: Thing) -> Event | None:
    """Append one thing to the log."""
    what, topic, user, followed, tags = thing
    match what:
        case "follow":
            return simulation.log.follow(user, followed)
        case "unfollow":
            return simulation.log.unfollow(user, followed)
        case "mute":
            return simulation.log.mute(user, tags)
        case "large":
            return simulation.log.append(topic, data=b"x" * LARGE, tags=tags)
        case _:
            return simulation.log.append(topic, type=what, tags=tags)


class Laws(RuleBasedStateMachine):
    """Hypothesis chooses what happens next."""

    simulation: Simulation

    @initialize(
        slots=st.integers(3, 16), page=st.sampled_from([1, 2, 5, 9]), users=st.lists(st.sampled_from(USERS), max_size=4)
    )
    def begin(self, slots: int, page: int, users: list[User]) -> None:
        self.simulation = Simulation(slots=slots, page=page)
        for user in users:
            self.simulation.ask_feed(user)

    @rule(batch=st.lists(things, min_size=1, max_size=4), arrives=st.booleans())
    def commit(self, batch: list[Thing], arrives: bool) -> None:
        self.simulation.commit([enter(self.simulation, thing) for thing in batch])
        if arrives:
            self.simulation.relay(-1, repeat=False)

    @rule(place=places, repeat=st.booleans())
    def relay(self, place: int, repeat: bool) -> None:
        self.simulation.relay(place, repeat=repeat)

    @rule(place=places)
    def lose(self, place: int) -> None:
        self.simulation.lose(place)

    @rule()
    def look(self) -> None:
        self.simulation.look()

    @rule(user=st.sampled_from(USERS))
    def ask_feed(self, user: User) -> None:
        self.simulation.ask_feed(user)

    @rule(
        place=places,
        back=st.integers(-4, 20),
        extra=st.lists(st.sampled_from(TOPICS), max_size=1).map(tuple),
        encoding=places,
        high=st.sampled_from(HIGHS),
        when_full=st.sampled_from(WhenFull),
    )
    def join(
        self, place: int, back: int, extra: tuple[Topic, ...], encoding: int, high: int, when_full: WhenFull
    ) -> None:
        self.simulation.join(place, back=back, extra=extra, encoding=encoding, high=high, when_full=when_full)

    @rule(place=places)
    def cache_membership(self, place: int) -> None:
        self.simulation.cache_membership(place)

    @rule(
        user=st.sampled_from(USERS),
        back=st.integers(0, 8),
        extra=st.lists(st.sampled_from(TOPICS), max_size=1).map(tuple),
        limit=st.integers(1, 4),
        when_full=st.sampled_from(WhenFull),
    )
    def poll(self, user: User, back: int, extra: tuple[Topic, ...], limit: int, when_full: WhenFull) -> None:
        self.simulation.poll(user, back=back, extra=extra, limit=limit, when_full=when_full)

    @rule()
    def evict(self) -> None:
        self.simulation.evict()

    @rule(place=places)
    def leave(self, place: int) -> None:
        self.simulation.leave(place)

    @rule(place=places)
    def stall(self, place: int) -> None:
        self.simulation.stall(place)

    @rule(place=places)
    def drain(self, place: int) -> None:
        self.simulation.drain(place)

    @rule(place=places)
    def trickle(self, place: int) -> None:
        self.simulation.trickle(place)

    @rule(times=st.integers(1, 4))
    def work(self, times: int) -> None:
        for _ in range(times):
            self.simulation.work()

    @rule(place=places)
    def arrive(self, place: int) -> None:
        self.simulation.arrive(place)

    @rule(back=st.integers(0, 12))
    def prune(self, back: int) -> None:
        self.simulation.prune(self.simulation.hub.head - back)

    @rule(slot=places)
    def heartbeat(self, slot: int) -> None:
        self.simulation.heartbeat(slot)

    @rule(slot=places, everyone=st.booleans())
    def check(self, slot: int, everyone: bool) -> None:
        self.simulation.check(slot, everyone=everyone)

    @rule(place=places, seconds=st.integers(1, 200))
    def token(self, place: int, seconds: int) -> None:
        self.simulation.token(place, seconds)

    @rule(seconds=st.integers(0, 20), slot=places)
    def pass_time(self, seconds: int, slot: int) -> None:
        self.simulation.pass_time(seconds, slot)

    @invariant()
    def laws_hold(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.prove()

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.settle()


# Few histories, chosen with care, and told in the shortest form when one of them breaks a law.
TestLaws = Laws.TestCase


def walk(seed: int, *, steps: int) -> None:
    """One random history."""
    rng = random.Random(seed)
    simulation = Simulation(slots=rng.randint(3, 16), page=rng.choice([1, 2, 5, 9]))
    kinds = ["note"] * 6 + ["large"] * rng.choice([0, 1, 20]) + ["note.quiet", "follow", "follow", "unfollow", "mute"]

    def tags() -> frozenset[str]:
        return frozenset(tag for tag in TAGS if rng.random() < 0.3) if rng.random() < 0.5 else NO_TAGS

    def commit() -> None:
        simulation.commit(
            [
                enter(
                    simulation,
                    (rng.choice(kinds), rng.choice(EVERYWHERE), rng.choice(USERS), rng.choice(TOPICS), tags()),
                )
                for _ in range(rng.randint(1, 4))
            ]
        )

    def join() -> None:
        simulation.join(
            rng.randrange(8), back=rng.choice([-4, -1, 0, 1, 3, 8, 30]), encoding=rng.randrange(2),
            extra=(rng.choice(TOPICS),) if rng.random() < 0.2 else (),
            high=rng.choice(HIGHS), when_full=rng.choice(list(WhenFull)),
        )  # fmt: skip

    def poll() -> None:
        simulation.poll(
            rng.choice(USERS), back=rng.choice([0, 0, 1, 8]), limit=rng.randint(1, 4),
            extra=(rng.choice(TOPICS),) if rng.random() < 0.2 else (), when_full=rng.choice(list(WhenFull)),
        )  # fmt: skip

    moves: list[Callable[[], None]] = [
        *[commit] * 5,
        *[lambda: simulation.relay(rng.choice([0, 0, 0, rng.randrange(8)]), repeat=rng.random() < 0.2)] * 5,
        lambda: simulation.lose(rng.randrange(8)),
        simulation.look,
        *[lambda: simulation.ask_feed(rng.choice(USERS))] * 2,
        *[join] * 3,
        lambda: simulation.cache_membership(rng.randrange(8)),
        *[poll] * 2,
        simulation.evict,
        lambda: simulation.leave(rng.randrange(8)),
        lambda: simulation.stall(rng.randrange(8)),
        *[lambda: simulation.drain(rng.randrange(8))] * 3,
        lambda: simulation.trickle(rng.randrange(8)),
        *[simulation.work] * 6,
        *[lambda: simulation.arrive(rng.randrange(8))] * 4,
        lambda: simulation.prune(simulation.hub.head - rng.randint(0, 12)),
        lambda: simulation.token(rng.randrange(8), rng.randint(1, 200)),
        lambda: simulation.pass_time(rng.randint(0, 20), rng.randrange(8)),
        lambda: simulation.heartbeat(rng.randrange(8)),
        lambda: simulation.check(rng.randrange(8), everyone=rng.random() < 0.5),
    ]
    for _ in range(steps):
        rng.choice(moves)()
        simulation.prove()
    simulation.settle()


@pytest.mark.parametrize("block", range(10))
def test_random_histories(block: int) -> None:
    """Thousands of them, long; the seed in the message brings one back."""
    histories = settings().max_examples
    for seed in range(block * histories, (block + 1) * histories):
        try:
            walk(seed, steps=120)
        except BaseException as error:
            error.add_note(f"walk({seed}, steps=120)")
            raise
