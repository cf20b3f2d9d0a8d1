"""The life of a stream, on a simulated network: what a reader gets, and how its client behaves."""

import itertools
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.simulation import HEARTBEAT, JSON, SSE, World
from tidings.client.backoff import CAP, PATIENCE
from tidings.client.commands import Answer, Asking, Close, Command, Open, Read, Send, Sleep, Token
from tidings.client.errors import NotTidings, TidingsProblem, Unreachable
from tidings.client.facts import Transport
from tidings.client.listening import stream
from tidings.client.lost import Lost, Silence

MISHAPS = ["publish", "publish", "duplicate", "unreachable", "silence", "busy", "foreign", "goaway"]
MISHAPS += ["expiring", "prune", "other log"]

ladders: st.SearchStrategy[list[Transport]] = st.lists(
    st.sampled_from(["sse", "poll", "ws"]), min_size=1, max_size=3, unique=True
)
worlds = st.builds(
    World,
    mishaps=st.lists(st.sampled_from(MISHAPS), max_size=60).map(deque),
    chance=st.floats(0, 1, exclude_max=True),
    head=st.integers(0, 5),
    cut=st.integers(1, 400),
)


@given(worlds, ladders, st.sampled_from([None, "start"]), st.booleans())
def test_whatever_breaks_a_reader_gets_every_event_once_and_in_order(
    world: World, transports: list[Transport], cursor: str | None, refreshable: bool
) -> None:
    world.mishaps.appendleft("publish")  # no mishap before the first success: that is another test
    asking = world.listen(cursor=cursor, transports=transports, refreshable=refreshable)
    world.mishaps.extend(["publish"] * 3)
    assert world.run(asking, steps=20_000) > 0, "it never came to rest"
    at = world.started_at
    assert at is not None
    for event in world.emitted:
        seq = int(event.id.partition("-")[2])
        if event.type == "reset":
            assert event.data["cursor"] == event.id
        else:
            assert seq == at + 1 == event.data
        at = seq
    assert at == world.head


@given(worlds, ladders)
def test_no_misfortune_makes_it_hammer_the_server(world: World, transports: list[Transport]) -> None:
    """Attempts that fail are paid for with waiting: the window grows, whatever the transport."""
    world.mishaps = deque(["publish"] + [m for m in world.mishaps if m in ("unreachable", "busy")] * 3)
    world.chance = 0.5
    asking = world.listen(transports=transports)
    started, count = world.now, len(world.mishaps)
    world.run(asking, steps=20_000)
    # Streams that die young may lead down twice, each time at once.
    paid = sum(0.5 * min(2.0**n, CAP) for n in range(max(count - 1 - len(transports), 0)))
    assert world.now - started >= paid


def upto(world: World, asking: Asking[None], *kinds: type[Command]) -> Command:
    """Go on until it asks for that."""
    while not isinstance(asking.command, kinds):
        assert asking.command is not None
        asking.answer(world.perform(asking.command))
    return asking.command


def opening(world: World, **more: Any) -> Asking[None]:
    """A stream that is open and at rest."""
    asking = world.listen(**more)
    world.run(asking, steps=100)
    return asking


def states(world: World) -> list[str]:
    return [f"{status.state} {status.transport}" for status in world.told]


def test_it_says_what_it_does() -> None:
    world = World()
    asking = opening(world)
    world.mishaps = deque(["unreachable", "unreachable"])
    world.run(asking, steps=100)
    assert states(world) == [
        *("connecting sse", "open sse"),
        *("waiting sse", "connecting sse"),
        *("waiting sse", "connecting sse", "open sse"),
    ]
    assert world.told[1].hello is not None
    assert world.told[1].hello["heartbeat"] == HEARTBEAT
    assert [status.reason for status in world.told if status.state == "waiting"] == [
        "the connection was cut",
        "connection refused",
    ]
    assert [status.delay for status in world.told if status.state == "waiting"] == world.slept


def test_a_stream_that_is_held_back_is_given_up_after_three_seconds_for_polls() -> None:
    world = World(mishaps=deque(["silence"]))
    before = world.now
    opening(world)
    assert states(world) == ["connecting sse", "connecting poll", "open poll"]
    assert world.now - before == pytest.approx(3, abs=0.1)
    assert world.slept == []


def test_a_proxys_page_in_place_of_a_stream_leads_to_polls() -> None:
    world = World(mishaps=deque(["foreign"]))
    opening(world)
    assert states(world)[-1] == "open poll"


def test_polling_goes_back_to_streaming_after_a_while() -> None:
    world = World(mishaps=deque(["silence", "", "", "", ""]))
    asking = opening(world)
    world.mishaps = deque(["publish", ""])
    world.run(asking, steps=100)
    assert states(world)[-2:] == ["connecting sse", "open sse"]


def test_silence_is_death_after_two_and_a_half_heartbeats() -> None:
    world = World()
    asking = opening(world, transports="sse")
    assert asking.command == Read(2.5 * HEARTBEAT)


def test_before_the_hello_any_bytes_do_not_buy_time() -> None:
    """A proxy may send comments of its own while it holds the stream back."""
    world = World(cut=1)
    asking = world.listen(transports="sse")
    upto(world, asking, Read)
    asking.answer(b":\n")
    world.now += 2
    asking.answer(b":\n")
    assert isinstance(asking.command, Read)
    assert asking.command.within == pytest.approx(1, abs=0.1)


def test_a_websocket_that_is_silent_is_asked_before_it_is_given_up() -> None:
    world = World()
    asking = opening(world, transports="ws")
    assert asking.command == Read(HEARTBEAT)
    world.mishaps = deque(["silence", "pong"])
    world.run(asking, steps=10)
    assert states(world) == ["connecting ws", "open ws"]
    world.mishaps = deque(["silence", "silence"])
    world.run(asking, steps=10)
    assert states(world)[2] == "waiting ws"


def test_a_websocket_that_never_says_hello_is_not_asked() -> None:
    world = World(mishaps=deque([""]))
    asking = world.listen(transports="ws")
    upto(world, asking, Read)
    asking.answer(Silence("nothing came in time"))
    world.run(asking, steps=20)
    assert states(world) == ["connecting ws", "waiting ws", "connecting ws", "open ws"]


def test_after_a_reset_events_come_again_that_were_seen_before() -> None:
    """The log was restored from a backup: the same cursors stand for other events now."""
    world = World()
    asking = opening(world)
    asking.answer(b'id: 1-1\nevent: e\ndata: "old"\n\n')
    world.run(asking, steps=5)
    asking.answer(b'id: 1-0\nevent: reset\ndata: {"reason": "ahead", "cursor": "1-0"}\n\n')
    world.run(asking, steps=5)
    asking.answer(b'id: 1-1\nevent: e\ndata: "new"\n\n')
    world.run(asking, steps=5)
    assert [(event.id, event.type) for event in world.emitted] == [("1-1", "e"), ("1-0", "reset"), ("1-1", "e")]


@pytest.mark.parametrize("transport", ["sse", "ws"])
def test_a_reset_that_was_cut_off_comes_again(transport: Transport) -> None:
    """The hello before it stands where the reset leads to: to resume from there would be a hole, and no word of it."""
    world = World(head=9, floor=5)
    asking = world.listen(cursor="1-2", transports=transport)
    upto(world, asking, Open)
    asking.answer(Answer(status=101, headers={}) if transport == "ws" else Answer(status=200, headers=SSE))
    hello = {"cursor": "1-5", "heartbeat": 20, "session": "s", "counters": {}}
    asking.answer(world.event(transport, "hello", hello, 5))
    upto(world, asking, Read)
    asking.answer(Lost("cut"))
    world.run(asking, steps=50)
    assert [(event.type, event.id) for event in world.emitted][:2] == [("reset", "1-5"), ("e", "1-6")]


def test_a_stream_from_now_or_from_the_start_stands_where_its_hello_says() -> None:
    for cursor in (None, "start"):
        world = World(head=3, floor=3)
        asking = opening(world, cursor=cursor, transports="sse")
        world.head = 4
        asking.answer(Lost("cut"))
        world.run(asking, steps=50)
        assert [event.id for event in world.emitted] == ["1-4"]


def test_polls_over_events_that_are_not_for_me_do_not_pause() -> None:
    world = World()
    asking = opening(world, transports="poll")
    for n in range(1, 5):
        upto(world, asking, Send)
        body = b'{"events": [], "cursor": "1-%d", "more": true}' % n
        asking.answer(Answer(status=200, headers=JSON, body=body))
    assert isinstance(upto(world, asking, Send, Sleep), Send)


@pytest.mark.parametrize("token", ["secret\n", "sécret", "se\x00cret", ""])
def test_a_token_that_no_header_can_hold_is_said_and_not_shown(token: str) -> None:
    world = World()
    asking = world.listen(transports="sse")
    upto(world, asking, Token)
    with pytest.raises(ValueError, match="nothing that a header can hold") as refused:
        asking.answer(token)
    assert "cret" not in str(refused.value)


def test_a_stream_that_held_makes_the_next_wait_short_again() -> None:
    world = World(mishaps=deque(["unreachable"] * 6), chance=0.5)
    asking = opening(world, transports="sse")
    assert world.slept[-1] > 8
    asking.answer(b":\n\n")
    world.now += 60
    asking.answer(b":\n\n")
    asking.answer(Lost("cut"))
    world.run(asking, steps=20)
    assert world.slept[-1] == 0.5


def test_goaway_is_obeyed_to_the_millisecond_and_beyond() -> None:
    world = World(chance=0.25)
    asking = opening(world)
    world.mishaps = deque(["goaway"])
    world.run(asking, steps=20)
    assert world.slept == [3.0 + 0.25]


def test_retry_after_is_obeyed() -> None:
    world = World(chance=0.0, mishaps=deque(["busy"]))
    opening(world)
    assert world.slept == [7.0]


def test_the_retry_field_of_the_stream_is_obeyed_from_then_on() -> None:
    world = World(chance=0.0)
    asking = opening(world)
    asking.answer(b"retry: 2500\n\n")
    world.mishaps = deque(["unreachable", "unreachable"])
    world.run(asking, steps=20)
    assert world.slept == [2.5, 2.5]


def test_the_first_connection_may_be_final() -> None:
    world = World(mishaps=deque(["unreachable"]))
    asking = world.listen(insist=False)
    with pytest.raises(Unreachable, match="http://h: connection refused"):
        world.run(asking, steps=10)
    assert asking.command is None


def test_it_insists_once_it_has_been_open() -> None:
    world = World()
    asking = opening(world, insist=False)
    world.mishaps = deque(["unreachable"] * 5)
    assert world.run(asking, steps=100)
    assert states(world)[-1] == "open sse"


@pytest.mark.parametrize("transports", ["sse", "poll", ("sse", "poll")])
def test_a_wrong_url_is_said_and_not_tried_for_ever(transports: Transport | tuple[Transport, ...]) -> None:
    world = World(mishaps=deque(["foreign"] * 5))
    with pytest.raises(NotTidings, match=r"text/html|not JSON"):
        world.run(world.listen(transports=transports), steps=20)


@pytest.mark.parametrize("status", [404, 405, 406, 410, 426, 501])
@pytest.mark.parametrize("transports", ["sse", "poll", "ws", ("sse", "poll"), ("ws", "sse", "poll")])
@pytest.mark.parametrize("ever", [False, True])
def test_what_the_server_says_is_in_no_way_here_is_an_error(
    status: int, transports: Transport | tuple[Transport, ...], ever: bool
) -> None:
    """Also where it was before: the server itself says that it is gone."""
    world = World()
    asking = world.listen(transports=transports)
    if ever:
        world.run(asking, steps=100)
        if isinstance(asking.command, Read):
            asking.answer(Lost("cut"))
    for _ in transports[1:] if isinstance(transports, tuple) else ():
        refuse(asking, world, status, "not_found")
    with pytest.raises(TidingsProblem, match=f"{status} not_found"):
        refuse(asking, world, status, "not_found")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 520, 524, 599])
@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_what_may_get_better_is_waited_for(status: int, transport: Transport) -> None:
    """Whoever says it: 520 to 527 are those of a well-known proxy."""
    world = World()
    asking = world.listen(transports=transport)
    refuse(asking, world, status, "later")
    world.run(asking, steps=50)
    assert states(world)[-1] == f"open {transport}"
    assert len(world.slept) == 1


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009])
def test_a_websocket_that_arrives_broken_makes_room_for_another_transport(code: int) -> None:
    world = World()
    asking = opening(world, transports=("ws", "sse"))
    asking.answer(Lost("the server closed it", code=code))
    world.run(asking, steps=50)
    assert states(world)[-1] == "open sse"


def test_no_interval_of_polls_is_longer_than_patience() -> None:
    world = World()
    asking = opening(world, transports="poll")
    upto(world, asking, Send)
    headers = {"content-type": "application/json", "x-poll-interval": "86400"}
    asking.answer(Answer(status=200, headers=headers, body=b'{"events": [], "cursor": "1-0", "more": false}'))
    assert asking.command == Sleep(PATIENCE)


def test_a_proxys_page_is_waited_out_where_tidings_was_before() -> None:
    world = World()
    asking = opening(world, transports="sse")
    world.mishaps = deque(["unreachable", "foreign", "foreign"])
    world.run(asking, steps=50)
    assert states(world)[-1] == "open sse"


PROBLEM = {"content-type": "application/problem+json"}


def refuse(asking: Asking[None], world: World, status: int, code: str) -> None:
    """Go on to the next request and turn it away."""
    upto(world, asking, Open, Send)
    body = f'{{"code": "{code}", "detail": "no"}}'.encode()
    asking.answer(Answer(status=status, headers=PROBLEM, body=body))
    if isinstance(asking.command, Close):
        asking.answer(None)


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_a_refused_token_is_replaced_once(transport: Transport) -> None:
    world = World()
    asking = world.listen(transports=transport, refreshable=True)
    refuse(asking, world, 401, "invalid_token")
    assert upto(world, asking, Token) == Token(instead_of="token-0")
    world.run(asking, steps=20)
    assert world.asked[-1].headers["authorization"] == "Bearer token-1"
    assert states(world)[-1] == f"open {transport}"
    assert world.slept == []


def test_a_token_that_is_refused_again_is_an_error() -> None:
    world = World()
    asking = world.listen(refreshable=True)
    refuse(asking, world, 401, "invalid_token")
    with pytest.raises(TidingsProblem) as refused:
        refuse(asking, world, 403, "topic_forbidden")
    assert (refused.value.status, refused.value.code) == (403, "topic_forbidden")


def test_a_token_that_was_accepted_may_be_replaced_again_later() -> None:
    world = World()
    asking = world.listen(refreshable=True, transports="sse")
    for _ in range(3):
        refuse(asking, world, 401, "invalid_token")
        world.run(asking, steps=20)
        assert world.told[-1].state == "open"
        asking.answer(Lost("cut"))


def test_a_token_without_a_source_is_an_error_at_once() -> None:
    world = World()
    with pytest.raises(TidingsProblem, match="401 invalid_token: no"):
        refuse(world.listen(), world, 401, "invalid_token")


def test_a_request_that_is_wrong_is_an_error_at_once() -> None:
    world = World()
    with pytest.raises(TidingsProblem, match="invalid_cursor"):
        refuse(world.listen(cursor="nonsense"), world, 400, "invalid_cursor")


def test_before_its_token_ends_a_stream_changes_to_another_without_a_pause() -> None:
    world = World(cut=10_000)
    asking = opening(world, refreshable=True)
    world.mishaps = deque(["", "publish", "expiring", "publish"])
    world.run(asking, steps=50)
    assert world.slept == []
    assert [event.data for event in world.emitted] == [1, 2]
    assert world.asked[-1].headers["authorization"] == "Bearer token-1"


def test_tokens_that_are_always_about_to_end_are_kept_to_their_end() -> None:
    """To leave each time it is said would be to listen never."""
    world = World(cut=10_000)
    asking = opening(world, refreshable=True, transports="sse")
    world.mishaps = deque(["expiring", "expiring"] * 10 + ["publish"])
    world.run(asking, steps=500)
    assert len(world.slept) == 1
    assert len(world.asked) == 2
    assert [event.data for event in world.emitted] == [1]


@pytest.mark.parametrize("lived", [1.0, 60.0])
def test_a_stream_that_ended_with_its_token_goes_on_with_another(lived: float) -> None:
    world = World(cut=10_000)
    asking = opening(world, refreshable=True)
    world.now += lived
    asking.answer(b'event: goaway\ndata: {"reason": "token_expired", "retry": 0}\n\n')
    world.run(asking, steps=50)
    assert len(world.slept) == (lived < 5), "not a busy loop, whatever the tokens"
    assert world.asked[-1].headers["authorization"] == "Bearer token-1"
    assert states(world)[-1] == "open sse"


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_the_time_for_a_hello_begins_when_there_is_a_token_to_ask_with(transport: Transport) -> None:
    world = World(token_takes=8.0)
    asking = world.listen(transports=[transport, "sse"] if transport == "poll" else [transport, "poll"])
    if transport != "poll":
        read = upto(world, asking, Read)
        assert isinstance(read, Read)
        assert read.within == pytest.approx(3, abs=0.1)
    world.run(asking, steps=50)
    assert states(world) == [f"connecting {transport}", f"open {transport}"]


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_a_token_that_cannot_be_had_is_waited_for_and_speaks_against_no_transport(transport: Transport) -> None:
    world = World(tokenless=4)
    asking = world.listen(refreshable=True, transports=[transport, "sse" if transport == "poll" else "poll"])
    world.run(asking, steps=100)
    assert len(world.slept) == 4
    assert states(world)[-1] == f"open {transport}"
    assert {status.reason for status in world.told if status.state == "waiting"} == {
        "there is no token: KeyError('id')"
    }


def test_a_token_that_cannot_be_replaced_yet_is_waited_for_and_not_sent_again() -> None:
    world = World()
    asking = world.listen(refreshable=True, transports="sse")
    refuse(asking, world, 401, "invalid_token")
    world.tokenless = 3
    world.run(asking, steps=50)
    assert len(world.slept) == 3
    assert [request.headers["authorization"] for request in world.asked] == ["Bearer token-1"]
    assert states(world)[-1] == "open sse"


def test_without_insisting_a_token_that_cannot_be_had_is_an_error() -> None:
    world = World(tokenless=1)
    asking = world.listen(refreshable=True, insist=False)
    with pytest.raises(Unreachable, match="there is no token"):
        world.run(asking, steps=50)


def test_it_asks_for_what_it_was_told_to() -> None:
    world = World(head=4)
    opening(world, user="bob", cursor="1-2", topics=["author/42", "a&b"], transports="sse")
    [request] = world.asked
    assert request.url == "http://h/v1/stream?user=bob&cursor=1-2&topic=author%2F42&topic=a%26b"
    assert request.headers["accept"] == "text/event-stream"
    assert [event.data for event in world.emitted] == [3, 4]


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000])
def test_an_event_that_is_not_json_is_said_and_not_skipped(data: bytes) -> None:
    world = World()
    asking = opening(world)
    with pytest.raises(NotTidings, match="not JSON"):
        asking.answer(b"id: 1-1\nevent: e\ndata: " + data + b"\n\n")


def test_what_it_does_not_know_is_ignored() -> None:
    world = World()
    asking = opening(world)
    asking.answer(b"event: weather\ndata: {not json\n\n" + b"id: 1-1\nevent: from.tomorrow\ndata: 1\n\n")
    world.run(asking, steps=5)
    assert [(event.id, event.type) for event in world.emitted] == [("1-1", "from.tomorrow")]


@pytest.mark.parametrize(
    ("more", "headers", "pause"),
    [("false", {"x-poll-interval": "4"}, 4.0), ("true", JSON, 1.0)],
    ids=["cut short each time", "more is promised, and leads nowhere"],
)
def test_a_poll_that_brings_nothing_at_once_is_not_a_busy_loop(
    more: str, headers: dict[str, str], pause: float
) -> None:
    world = World()
    asking = opening(world, transports="poll")
    body = b'{"events": [], "cursor": "1-0", "more": %b}' % more.encode()
    for _ in range(5):
        upto(world, asking, Send)
        asking.answer(Answer(status=200, headers=headers, body=body))
        assert upto(world, asking, Sleep, Send) == Sleep(pause)


def test_what_has_no_id_and_is_not_known_is_no_event() -> None:
    world = World()
    asking = opening(world, transports="ws")
    for frame in (b'{"type": "weather", "data": 1}', b'{"type": "weather", "id": "", "data": 1}'):
        asking.answer(frame)
        world.run(asking, steps=5)
    assert world.emitted == []


@pytest.mark.parametrize("frame", [b"{", b"[]", b'{"id": "1-1"}', b'{"type": 1}', b'{"type": "e", "id": 7}'])
def test_a_frame_that_is_no_event_is_said_and_not_skipped(frame: bytes) -> None:
    world = World()
    asking = opening(world, transports="ws")
    with pytest.raises(NotTidings):
        asking.answer(frame)


def test_a_server_that_asks_to_go_away_again_and_again_is_not_a_broken_transport() -> None:
    world = World()
    asking = opening(world)
    for _ in range(5):
        world.mishaps = deque(["goaway"])
        world.run(asking, steps=50)
    assert set(states(world)) == {"connecting sse", "open sse", "waiting sse"}


@pytest.mark.parametrize("arguments", [{"transports": ()}, {"transports": "smoke"}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="transports"):
        stream(**arguments)  # type: ignore[arg-type]


def test_one_topic_in_place_of_a_list_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a list of topics, not one: 'author/42'"):
        stream(topics="author/42")


def test_a_user_may_be_a_number() -> None:
    assert stream(user=0).user == "0"


def test_states_follow_each_other_as_they_should() -> None:
    world = World(mishaps=deque(["publish", "unreachable", "silence", "busy", "goaway", "publish"]))
    world.run(world.listen(), steps=500)
    pairs = set(itertools.pairwise(status.state for status in world.told))
    assert ("waiting", "open") not in pairs
    assert ("open", "open") not in pairs
