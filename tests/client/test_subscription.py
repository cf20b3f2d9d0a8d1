"""The life of a stream, on a simulated network: what a reader gets, and how its client behaves."""

import itertools
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.simulation import HEARTBEAT, JSON, SSE, SimulatedNetwork
from tidings.client._backoff import CAP, MAX_REQUESTED
from tidings.client._commands import Close, Command, GetToken, Open, ProgramRun, Read, Response, Send, Sleep
from tidings.client._exceptions import ConnectionLost, ReadTimedOut
from tidings.client._subscription import stream_options
from tidings.client.errors import NotTidings, TidingsProblem, Unreachable
from tidings.client.types import Transport

MISHAPS = ["publish", "publish", "duplicate", "unreachable", "silence", "busy", "foreign", "goaway"]
MISHAPS += ["expiring", "prune", "other log"]

ladders: st.SearchStrategy[list[Transport]] = st.lists(
    st.sampled_from(["sse", "poll", "ws"]), min_size=1, max_size=3, unique=True
)
networks = st.builds(
    SimulatedNetwork,
    mishaps=st.lists(st.sampled_from(MISHAPS), max_size=60).map(deque),
    chance=st.floats(0, 1, exclude_max=True),
    head=st.integers(0, 5),
    cut=st.integers(1, 400),
)


@given(networks, ladders, st.sampled_from([None, "start"]), st.booleans())
def test_reader_gets_every_event_once_and_in_order_whatever_breaks(
    network: SimulatedNetwork, transports: list[Transport], cursor: str | None, refreshable: bool
) -> None:
    network.mishaps.appendleft("publish")  # no mishap before the first success: that is another test
    run = network.listen(cursor=cursor, transports=transports, refreshable=refreshable)
    network.mishaps.extend(["publish"] * 3)
    assert network.run(run, steps=20_000) > 0, "it never came to rest"
    at = network.started_at
    assert at is not None
    for event in network.emitted:
        seq = int(event.id.partition("-")[2])
        if event.type == "reset":
            assert event.data["cursor"] == event.id
        else:
            assert seq == at + 1 == event.data
        at = seq
    assert at == network.head


@given(networks, ladders)
def test_failures_are_paid_for_with_pauses_whatever_the_transport(
    network: SimulatedNetwork, transports: list[Transport]
) -> None:
    """Attempts that fail are paid for with waiting: the window grows, whatever the transport."""
    network.mishaps = deque(["publish"] + [m for m in network.mishaps if m in ("unreachable", "busy")] * 3)
    network.chance = 0.5
    run = network.listen(transports=transports)
    started, count = network.now, len(network.mishaps)
    network.run(run, steps=20_000)
    # Streams that die young may lead down twice, each time at once.
    paid = sum(0.5 * min(2.0**n, CAP) for n in range(max(count - 1 - len(transports), 0)))
    assert network.now - started >= paid


def run_until(network: SimulatedNetwork, run: ProgramRun[None], *kinds: type[Command]) -> Command:
    """Go on until it asks for that."""
    while not isinstance(run.command, kinds):
        assert run.command is not None
        run.resume(network.perform(run.command))
    return run.command


def opening(network: SimulatedNetwork, **more: Any) -> ProgramRun[None]:
    """A stream that is open and at rest."""
    run = network.listen(**more)
    network.run(run, steps=100)
    return run


def states(network: SimulatedNetwork) -> list[str]:
    return [f"{status.state} {status.transport}" for status in network.statuses]


def test_status_is_reported_with_reason_and_delay() -> None:
    network = SimulatedNetwork()
    run = opening(network)
    network.mishaps = deque(["unreachable", "unreachable"])
    network.run(run, steps=100)
    assert states(network) == [
        *("connecting sse", "open sse"),
        *("waiting sse", "connecting sse"),
        *("waiting sse", "connecting sse", "open sse"),
    ]
    assert network.statuses[1].hello is not None
    assert network.statuses[1].hello["heartbeat"] == HEARTBEAT
    assert [status.reason for status in network.statuses if status.state == "waiting"] == [
        "the connection was cut",
        "connection refused",
    ]
    assert [status.delay for status in network.statuses if status.state == "waiting"] == network.slept


def test_stream_that_is_held_back_is_given_up_after_three_seconds_for_polls() -> None:
    network = SimulatedNetwork(mishaps=deque(["silence"]))
    before = network.now
    opening(network)
    assert states(network) == ["connecting sse", "connecting poll", "open poll"]
    assert network.now - before == pytest.approx(3, abs=0.1)
    assert network.slept == []


def test_proxys_page_in_place_of_a_stream_leads_to_polls() -> None:
    network = SimulatedNetwork(mishaps=deque(["foreign"]))
    opening(network)
    assert states(network)[-1] == "open poll"


def test_polling_goes_back_to_streaming_after_a_while() -> None:
    network = SimulatedNetwork(mishaps=deque(["silence", "", "", "", ""]))
    run = opening(network)
    network.mishaps = deque(["publish", ""])
    network.run(run, steps=100)
    assert states(network)[-2:] == ["connecting sse", "open sse"]


def test_silence_is_death_after_two_and_a_half_heartbeats() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="sse")
    assert run.command == Read(2.5 * HEARTBEAT)


def test_hello_is_due_whatever_bytes_come_before_it() -> None:
    """A proxy may send comments of its own while it holds the stream back."""
    network = SimulatedNetwork(cut=1)
    run = network.listen(transports="sse")
    run_until(network, run, Read)
    run.resume(b":\n")
    network.now += 2
    run.resume(b":\n")
    assert isinstance(run.command, Read)
    assert run.command.within == pytest.approx(1, abs=0.1)


def test_websocket_that_is_silent_is_asked_before_it_is_given_up() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="ws")
    assert run.command == Read(HEARTBEAT)
    network.mishaps = deque(["silence", "pong"])
    network.run(run, steps=10)
    assert states(network) == ["connecting ws", "open ws"]
    network.mishaps = deque(["silence", "silence"])
    network.run(run, steps=10)
    assert states(network)[2] == "waiting ws"


def test_websocket_that_never_says_hello_is_not_asked() -> None:
    network = SimulatedNetwork(mishaps=deque([""]))
    run = network.listen(transports="ws")
    run_until(network, run, Read)
    run.resume(ReadTimedOut("nothing came in time"))
    network.run(run, steps=20)
    assert states(network) == ["connecting ws", "waiting ws", "connecting ws", "open ws"]


def test_reset_lets_events_come_again_that_were_seen_before() -> None:
    """The log was restored from a backup: the same cursors stand for other events now."""
    network = SimulatedNetwork()
    run = opening(network)
    run.resume(b'id: 1-1\nevent: e\ndata: "old"\n\n')
    network.run(run, steps=5)
    run.resume(b'id: 1-0\nevent: reset\ndata: {"reason": "ahead", "cursor": "1-0"}\n\n')
    network.run(run, steps=5)
    run.resume(b'id: 1-1\nevent: e\ndata: "new"\n\n')
    network.run(run, steps=5)
    assert [(event.id, event.type) for event in network.emitted] == [("1-1", "e"), ("1-0", "reset"), ("1-1", "e")]


@pytest.mark.parametrize("transport", ["sse", "ws"])
def test_reset_that_was_cut_off_comes_again(transport: Transport) -> None:
    """The hello before it stands where the reset leads to: to resume from there would be a hole, and no word of it."""
    network = SimulatedNetwork(head=9, floor=5)
    run = network.listen(cursor="1-2", transports=transport)
    run_until(network, run, Open)
    run.resume(Response(status=101, headers={}) if transport == "ws" else Response(status=200, headers=SSE))
    hello = {"cursor": "1-5", "heartbeat": 20, "connection": "s", "counters": {}}
    run.resume(network.event(transport, "hello", hello, 5))
    run_until(network, run, Read)
    run.resume(ConnectionLost("cut"))
    network.run(run, steps=50)
    assert [(event.type, event.id) for event in network.emitted][:2] == [("reset", "1-5"), ("e", "1-6")]


def test_stream_from_now_or_from_the_start_stands_where_its_hello_says() -> None:
    for cursor in (None, "start"):
        network = SimulatedNetwork(head=3, floor=3)
        run = opening(network, cursor=cursor, transports="sse")
        network.head = 4
        run.resume(ConnectionLost("cut"))
        network.run(run, steps=50)
        assert [event.id for event in network.emitted] == ["1-4"]


def test_polls_over_events_that_are_not_for_me_do_not_pause() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="poll")
    for n in range(1, 5):
        run_until(network, run, Send)
        body = b'{"events": [], "cursor": "1-%d", "more": true}' % n
        run.resume(Response(status=200, headers=JSON, body=body))
    assert isinstance(run_until(network, run, Send, Sleep), Send)


@pytest.mark.parametrize("token", ["secret\n", "sécret", "se\x00cret", ""])
def test_token_that_no_header_can_hold_is_said_and_not_shown(token: str) -> None:
    network = SimulatedNetwork()
    run = network.listen(transports="sse")
    run_until(network, run, GetToken)
    with pytest.raises(ValueError, match="nothing that a header can hold") as refused:
        run.resume(token)
    assert "cret" not in str(refused.value)


def test_stream_that_held_makes_the_next_wait_short_again() -> None:
    network = SimulatedNetwork(mishaps=deque(["unreachable"] * 6), chance=0.5)
    run = opening(network, transports="sse")
    assert network.slept[-1] > 8
    run.resume(b":\n\n")
    network.now += 60
    run.resume(b":\n\n")
    run.resume(ConnectionLost("cut"))
    network.run(run, steps=20)
    assert network.slept[-1] == 0.5


def test_goaway_is_obeyed_to_the_millisecond_and_beyond() -> None:
    network = SimulatedNetwork(chance=0.25)
    run = opening(network)
    network.mishaps = deque(["goaway"])
    network.run(run, steps=20)
    assert network.slept == [3.0 + 0.25]


def test_retry_after_is_obeyed() -> None:
    network = SimulatedNetwork(chance=0.0, mishaps=deque(["busy"]))
    opening(network)
    assert network.slept == [7.0]


def test_retry_field_of_the_stream_is_obeyed_from_then_on() -> None:
    network = SimulatedNetwork(chance=0.0)
    run = opening(network)
    run.resume(b"retry: 2500\n\n")
    network.mishaps = deque(["unreachable", "unreachable"])
    network.run(run, steps=20)
    assert network.slept == [2.5, 2.5]


def test_first_connection_may_be_final() -> None:
    network = SimulatedNetwork(mishaps=deque(["unreachable"]))
    run = network.listen(insist=False)
    with pytest.raises(Unreachable, match="http://h: connection refused"):
        network.run(run, steps=10)
    assert run.command is None


def test_stream_that_was_open_insists() -> None:
    network = SimulatedNetwork()
    run = opening(network, insist=False)
    network.mishaps = deque(["unreachable"] * 5)
    assert network.run(run, steps=100)
    assert states(network)[-1] == "open sse"


@pytest.mark.parametrize("transports", ["sse", "poll", ("sse", "poll")])
def test_wrong_url_is_said_and_not_tried_for_ever(transports: Transport | tuple[Transport, ...]) -> None:
    network = SimulatedNetwork(mishaps=deque(["foreign"] * 5))
    with pytest.raises(NotTidings, match=r"text/html|not JSON"):
        network.run(network.listen(transports=transports), steps=20)


@pytest.mark.parametrize("status", [404, 405, 406, 410, 426, 501])
@pytest.mark.parametrize("transports", ["sse", "poll", "ws", ("sse", "poll"), ("ws", "sse", "poll")])
@pytest.mark.parametrize("ever", [False, True])
def test_stream_that_no_transport_offers_is_an_error(
    status: int, transports: Transport | tuple[Transport, ...], ever: bool
) -> None:
    """Also where it was before: the server itself says that it is gone."""
    network = SimulatedNetwork()
    run = network.listen(transports=transports)
    if ever:
        network.run(run, steps=100)
        if isinstance(run.command, Read):
            run.resume(ConnectionLost("cut"))
    for _ in transports[1:] if isinstance(transports, tuple) else ():
        refuse(run, network, status, "not_found")
    with pytest.raises(TidingsProblem, match=f"{status} not_found"):
        refuse(run, network, status, "not_found")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 520, 524, 599])
@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_busy_server_is_waited_for(status: int, transport: Transport) -> None:
    """From the server or from a proxy: 520 to 527 are those of a well-known one."""
    network = SimulatedNetwork()
    run = network.listen(transports=transport)
    refuse(run, network, status, "later")
    network.run(run, steps=50)
    assert states(network)[-1] == f"open {transport}"
    assert len(network.slept) == 1


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1009])
def test_websocket_that_arrives_broken_makes_room_for_another_transport(code: int) -> None:
    network = SimulatedNetwork()
    run = opening(network, transports=("ws", "sse"))
    run.resume(ConnectionLost("the server closed it", code=code))
    network.run(run, steps=50)
    assert states(network)[-1] == "open sse"


def test_poll_interval_is_bounded() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="poll")
    run_until(network, run, Send)
    headers = {"content-type": "application/json", "x-poll-interval": "86400"}
    run.resume(Response(status=200, headers=headers, body=b'{"events": [], "cursor": "1-0", "more": false}'))
    assert run.command == Sleep(MAX_REQUESTED)


def test_proxys_page_is_waited_out_where_tidings_was_before() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="sse")
    network.mishaps = deque(["unreachable", "foreign", "foreign"])
    network.run(run, steps=50)
    assert states(network)[-1] == "open sse"


PROBLEM = {"content-type": "application/problem+json"}


def refuse(run: ProgramRun[None], network: SimulatedNetwork, status: int, code: str) -> None:
    """Go on to the next request and turn it away."""
    run_until(network, run, Open, Send)
    body = f'{{"code": "{code}", "detail": "no"}}'.encode()
    run.resume(Response(status=status, headers=PROBLEM, body=body))
    if isinstance(run.command, Close):
        run.resume(None)


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_refused_token_is_replaced_once(transport: Transport) -> None:
    network = SimulatedNetwork()
    run = network.listen(transports=transport, refreshable=True)
    refuse(run, network, 401, "invalid_token")
    assert run_until(network, run, GetToken) == GetToken(instead_of="token-0")
    network.run(run, steps=20)
    assert network.requests[-1].headers["authorization"] == "Bearer token-1"
    assert states(network)[-1] == f"open {transport}"
    assert network.slept == []


def test_token_that_is_refused_again_is_an_error() -> None:
    network = SimulatedNetwork()
    run = network.listen(refreshable=True)
    refuse(run, network, 401, "invalid_token")
    with pytest.raises(TidingsProblem) as refused:
        refuse(run, network, 403, "topic_forbidden")
    assert (refused.value.status, refused.value.code) == (403, "topic_forbidden")


def test_token_that_was_accepted_may_be_replaced_again_later() -> None:
    network = SimulatedNetwork()
    run = network.listen(refreshable=True, transports="sse")
    for _ in range(3):
        refuse(run, network, 401, "invalid_token")
        network.run(run, steps=20)
        assert network.statuses[-1].state == "open"
        run.resume(ConnectionLost("cut"))


def test_token_without_a_source_is_an_error_at_once() -> None:
    network = SimulatedNetwork()
    with pytest.raises(TidingsProblem, match="401 invalid_token: no"):
        refuse(network.listen(), network, 401, "invalid_token")


def test_request_that_is_wrong_is_an_error_at_once() -> None:
    network = SimulatedNetwork()
    with pytest.raises(TidingsProblem, match="invalid_cursor"):
        refuse(network.listen(cursor="nonsense"), network, 400, "invalid_cursor")


def test_expiring_token_is_replaced_without_a_pause() -> None:
    network = SimulatedNetwork(cut=10_000)
    run = opening(network, refreshable=True)
    network.mishaps = deque(["", "publish", "expiring", "publish"])
    network.run(run, steps=50)
    assert network.slept == []
    assert [event.data for event in network.emitted] == [1, 2]
    assert network.requests[-1].headers["authorization"] == "Bearer token-1"


def test_token_that_is_always_about_to_end_is_kept_to_its_end() -> None:
    """To leave each time it is said would be to listen never."""
    network = SimulatedNetwork(cut=10_000)
    run = opening(network, refreshable=True, transports="sse")
    network.mishaps = deque(["expiring", "expiring"] * 10 + ["publish"])
    network.run(run, steps=500)
    assert len(network.slept) == 1
    assert len(network.requests) == 2
    assert [event.data for event in network.emitted] == [1]


@pytest.mark.parametrize("lived", [1.0, 60.0])
def test_stream_that_ended_with_its_token_goes_on_with_another(lived: float) -> None:
    network = SimulatedNetwork(cut=10_000)
    run = opening(network, refreshable=True)
    network.now += lived
    run.resume(b'event: goaway\ndata: {"reason": "token_expired", "retry": 0}\n\n')
    network.run(run, steps=50)
    assert len(network.slept) == (lived < 5), "not a busy loop, whatever the tokens"
    assert network.requests[-1].headers["authorization"] == "Bearer token-1"
    assert states(network)[-1] == "open sse"


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_time_for_a_hello_begins_when_there_is_a_token_to_ask_with(transport: Transport) -> None:
    network = SimulatedNetwork(token_takes=8.0)
    run = network.listen(transports=[transport, "sse"] if transport == "poll" else [transport, "poll"])
    if transport != "poll":
        read = run_until(network, run, Read)
        assert isinstance(read, Read)
        assert read.within == pytest.approx(3, abs=0.1)
    network.run(run, steps=50)
    assert states(network) == [f"connecting {transport}", f"open {transport}"]


@pytest.mark.parametrize("transport", ["sse", "poll", "ws"])
def test_token_that_cannot_be_had_is_waited_for_and_speaks_against_no_transport(transport: Transport) -> None:
    network = SimulatedNetwork(tokenless=4)
    run = network.listen(refreshable=True, transports=[transport, "sse" if transport == "poll" else "poll"])
    network.run(run, steps=100)
    assert len(network.slept) == 4
    assert states(network)[-1] == f"open {transport}"
    assert {status.reason for status in network.statuses if status.state == "waiting"} == {
        "there is no token: KeyError('id')"
    }


def test_token_that_cannot_be_replaced_yet_is_waited_for_and_not_sent_again() -> None:
    network = SimulatedNetwork()
    run = network.listen(refreshable=True, transports="sse")
    refuse(run, network, 401, "invalid_token")
    network.tokenless = 3
    network.run(run, steps=50)
    assert len(network.slept) == 3
    assert [request.headers["authorization"] for request in network.requests] == ["Bearer token-1"]
    assert states(network)[-1] == "open sse"


def test_token_that_cannot_be_had_is_an_error_without_insisting() -> None:
    network = SimulatedNetwork(tokenless=1)
    run = network.listen(refreshable=True, insist=False)
    with pytest.raises(Unreachable, match="there is no token"):
        network.run(run, steps=50)


def test_stream_request_carries_user_cursor_and_topics() -> None:
    network = SimulatedNetwork(head=4)
    opening(network, user="bob", cursor="1-2", topics=["author/42", "a&b"], transports="sse")
    [request] = network.requests
    assert request.url == "http://h/v1/stream?user=bob&cursor=1-2&topic=author%2F42&topic=a%26b"
    assert request.headers["accept"] == "text/event-stream"
    assert [event.data for event in network.emitted] == [3, 4]


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000])
def test_event_that_is_not_json_is_said_and_not_skipped(data: bytes) -> None:
    network = SimulatedNetwork()
    run = opening(network)
    with pytest.raises(NotTidings, match="not JSON"):
        run.resume(b"id: 1-1\nevent: e\ndata: " + data + b"\n\n")


def test_unknown_event_types_are_ignored() -> None:
    network = SimulatedNetwork()
    run = opening(network)
    run.resume(b"event: weather\ndata: {not json\n\n" + b"id: 1-1\nevent: from.tomorrow\ndata: 1\n\n")
    network.run(run, steps=5)
    assert [(event.id, event.type) for event in network.emitted] == [("1-1", "from.tomorrow")]


@pytest.mark.parametrize(
    ("more", "headers", "pause"),
    [("false", {"x-poll-interval": "4"}, 4.0), ("true", JSON, 1.0)],
    ids=["cut short each time", "more is promised, and leads nowhere"],
)
def test_poll_that_brings_nothing_at_once_is_not_a_busy_loop(more: str, headers: dict[str, str], pause: float) -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="poll")
    body = b'{"events": [], "cursor": "1-0", "more": %b}' % more.encode()
    for _ in range(5):
        run_until(network, run, Send)
        run.resume(Response(status=200, headers=headers, body=body))
        assert run_until(network, run, Sleep, Send) == Sleep(pause)


def test_unknown_message_without_an_id_is_no_event() -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="ws")
    for frame in (b'{"type": "weather", "data": 1}', b'{"type": "weather", "id": "", "data": 1}'):
        run.resume(frame)
        network.run(run, steps=5)
    assert network.emitted == []


@pytest.mark.parametrize("frame", [b"{", b"[]", b'{"id": "1-1"}', b'{"type": 1}', b'{"type": "e", "id": 7}'])
def test_frame_that_is_no_event_is_an_error(frame: bytes) -> None:
    network = SimulatedNetwork()
    run = opening(network, transports="ws")
    with pytest.raises(NotTidings):
        run.resume(frame)


def test_server_that_asks_to_go_away_again_and_again_is_not_a_broken_transport() -> None:
    network = SimulatedNetwork()
    run = opening(network)
    for _ in range(5):
        network.mishaps = deque(["goaway"])
        network.run(run, steps=50)
    assert set(states(network)) == {"connecting sse", "open sse", "waiting sse"}


@pytest.mark.parametrize("arguments", [{"transports": ()}, {"transports": "smoke"}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="transports"):
        stream_options(**arguments)  # type: ignore[arg-type]


def test_one_topic_in_place_of_a_list_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a list of topics, not one: 'author/42'"):
        stream_options(topics="author/42")


def test_user_may_be_a_number() -> None:
    assert stream_options(user=0).user == "0"


def test_states_follow_each_other_as_they_should() -> None:
    network = SimulatedNetwork(mishaps=deque(["publish", "unreachable", "silence", "busy", "goaway", "publish"]))
    network.run(network.listen(), steps=500)
    pairs = set(itertools.pairwise(status.state for status in network.statuses))
    assert ("waiting", "open") not in pairs
    assert ("open", "open") not in pairs


@pytest.mark.parametrize("content_type", ["Text/Event-Stream", "text/event-stream, text/event-stream;charset=utf-8"])
def test_content_type_of_a_stream_may_be_in_capitals_or_doubled(content_type: str) -> None:
    network = SimulatedNetwork()
    run = network.listen(transports="sse")
    run_until(network, run, Open)
    run.resume(Response(status=200, headers={"content-type": content_type}))
    assert isinstance(run.command, Read)


def test_content_type_that_only_begins_like_a_streams_is_none() -> None:
    network = SimulatedNetwork()
    run = network.listen(transports="sse")
    run_until(network, run, Open)
    run.resume(Response(status=200, headers={"content-type": "text/event-streamish"}))
    assert isinstance(run.command, Close)
    with pytest.raises(NotTidings, match="text/event-streamish"):
        run.resume(None)


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_204_in_place_of_a_stream_is_waited_out(transport: Transport) -> None:
    """204 tells an EventSource to stop, but only a proxy sends it."""
    network = SimulatedNetwork()
    run = network.listen(transports=transport)
    for _ in range(3):
        run_until(network, run, Open, Send)
        run.resume(Response(status=204, headers={}))
        if isinstance(run.command, Close):
            run.resume(None)
    network.run(run, steps=50)
    assert states(network)[-1] == f"open {transport}"
    assert len(network.slept) == 3


def test_redirected_stream_follows() -> None:
    network = SimulatedNetwork()
    run = network.listen(transports="sse")
    run_until(network, run, Open)
    run.resume(Response(status=307, headers={"location": "/elsewhere"}))
    command = run_until(network, run, Open)
    assert isinstance(command, Open)
    assert command.request.url == "http://h/elsewhere"
    network.run(run, steps=50)
    assert states(network)[-1] == "open sse"


def test_heartbeat_in_the_head_says_how_long_silence_may_last() -> None:
    network = SimulatedNetwork()
    run = network.listen(transports="sse")
    run_until(network, run, Open)
    run.resume(Response(status=200, headers={**SSE, "tidings-heartbeat": "4"}))
    run.resume(b'id: 1-0\nevent: hello\ndata: {"heartbeat": 20}\n\n')
    run.resume(None)  # the status
    assert run.command == Read(4 * 2.5)
