"""One text, four transports, two ways to serve them: what a client may rely on, however it receives."""

import json
import threading
from itertools import pairwise

from tests.conftest import Name
from tests.contract.conftest import HEARTBEAT, Open
from tests.contract.receivers import LongPoll, Received
from tests.servers import Server, eventually
from tests.streams import Ended


def bodies(events: list[Received]) -> list[str]:
    return [event.data["body"] for event in events]


def publish_many(server: Server, user: str, texts: list[str], *, data: object = None) -> list[str]:
    """Publish a batch to one user; the cursors of its events."""
    lines = [json.dumps({"to": {"user": user}, "body": text, "data": data}) for text in texts]
    answer = server.request("POST", "/v1/notifications:batch", body="\n".join(lines).encode())
    assert answer.status == 200, answer.body
    return [result["cursor"] for result in answer.json["results"]]


def seqs(events: list[Received]) -> list[int]:
    return [int(event.id.rpartition("-")[2]) for event in events]


def test_an_event_has_the_same_id_type_and_data_everywhere(shared: Server, receive: Open, name: Name) -> None:
    receiver = receive(shared, name("alice"))
    sent = shared.publish({"user": name("alice")}, type="like", body="Bob liked \u2028 your post \U0001f514")
    [event] = receiver.take(1)
    assert (event.id, event.type) == (sent["cursor"], "notification.created")
    assert (event.data["id"], event.data["type"]) == (sent["id"], "like")
    assert event.data["body"] == "Bob liked \u2028 your post \U0001f514"


def test_events_come_in_order_none_lost_none_twice(shared: Server, receive: Open, name: Name) -> None:
    user = name("alice")
    receiver = receive(shared, user)
    sent: list[str] = []

    def publish() -> None:
        for batch in range(1, 21):
            sent.extend(publish_many(shared, user, [f"{batch}.{n}" for n in range(batch)]))
            sent.append(shared.publish({"user": user}, body="one")["cursor"])
            shared.publish({"user": name("bob")}, body="not hers")

    publisher = threading.Thread(target=publish)
    publisher.start()
    got = receiver.take(230)
    publisher.join()
    assert [event.id for event in got] == sent


def test_reconnect_gets_every_event_after_its_cursor(shared: Server, receive: Open, name: Name) -> None:
    user = name("alice")
    receiver = receive(shared, user)
    publish_many(shared, user, ["a", "b", "c"])
    got = receiver.take(3)
    receiver.close()
    publish_many(shared, user, ["d", "e"])

    again = receive(shared, user, cursor=got[-1].id)
    assert bodies(again.take(2)) == ["d", "e"]
    shared.publish({"user": user}, body="f")
    assert bodies(again.take(1)) == ["f"]

    middle = receive(shared, user, cursor=got[1].id)
    assert bodies(middle.take(4)) == ["c", "d", "e", "f"]


def test_cursor_of_hello_can_be_resumed(shared: Server, receive: Open, name: Name) -> None:
    first = receive(shared, name("alice"))
    first.close()
    shared.publish({"user": name("alice")}, body="meanwhile")
    assert bodies(receive(shared, name("alice"), cursor=first.start).take(1)) == ["meanwhile"]


def test_start_is_all_that_is_kept(shared: Server, receive: Open, name: Name) -> None:
    publish_many(shared, name("alice"), ["a", "b"])
    # Notifications to all by other tests are hers too, as long as the log keeps them.
    events = receive(shared, name("alice"), cursor="start")
    got: list[Received] = []
    while bodies(got)[-2:] != ["a", "b"]:
        got += events.take(1)
    assert all(one < two for one, two in pairwise(seqs(got)))


def test_a_cursor_of_another_log_is_answered_with_a_reset(shared: Server, receive: Open, name: Name) -> None:
    publish_many(shared, name("alice"), ["kept"])
    receiver = receive(shared, name("alice"), cursor="0ther1og-7")
    [reset] = receiver.take(1)
    assert reset.type == "reset"
    assert reset.data["reason"] == "unknown_epoch"
    assert reset.data["cursor"] == reset.id
    got: list[Received] = []
    while bodies(got)[-1:] != ["kept"]:
        got += receiver.take(1)


def test_a_cursor_that_the_log_has_not_reached_is_answered_with_a_reset(
    shared: Server, receive: Open, name: Name
) -> None:
    epoch = shared.publish({"user": name("bob")})["cursor"].partition("-")[0]
    [reset] = receive(shared, name("alice"), cursor=f"{epoch}-99999999").take(1)
    assert (reset.type, reset.data["reason"]) == ("reset", "ahead")


def test_receiver_gets_no_event_of_another_user(shared: Server, receive: Open, name: Name) -> None:
    tail = name("x.io")
    pairs = [(f"a@{tail}", f"aa@{tail}"), (f"1-{tail}", f"11-{tail}"), (f"{tail}-1", f"{tail}-11")]
    for one, other in pairs:
        shared.follow(f"{tail}/author/4", one)
        shared.follow(f"{tail}/author/42", other)
    ours = [receive(shared, user) for pair in pairs for user in pair]
    for one, other in pairs:
        shared.publish({"user": one}, body=f"to {one}")
        shared.publish({"user": other}, body=f"to {other}")
    shared.publish({"topic": f"{tail}/author/4"}, body="of 4")
    shared.publish({"topic": f"{tail}/author/42"}, body="of 42")
    shared.publish({"topic": f"{tail}/author"}, body="of neither")
    shared.publish({"users": [user for pair in pairs for user in pair]}, body="the end")
    for receiver, user, author in zip(ours, [u for pair in pairs for u in pair], ["4", "42"] * 3, strict=True):
        assert bodies(receiver.take(3)) == [f"to {user}", f"of {author}", "the end"]


def test_a_topic_that_was_asked_for_comes_beside_the_feed(shared: Server, receive: Open, name: Name) -> None:
    receiver = receive(shared, name("alice"), topics=(name("post/7"),))
    for topic in (name("post/7"), name("post/77"), name("post")):
        shared.publish({"topic": topic}, body=topic)
    shared.publish({"user": name("alice")}, body="mine")
    assert bodies(receiver.take(2)) == [name("post/7"), "mine"]


def test_a_follow_takes_effect_at_its_place_in_the_order(shared: Server, receive: Open, name: Name) -> None:
    user, topic = name("alice"), name("author/42")
    receiver = receive(shared, user)
    shared.publish({"topic": topic}, body="before")
    shared.follow(topic, user)
    shared.publish({"topic": topic}, body="after")
    followed, after = receiver.take(2)
    assert (followed.type, followed.data["topic"], after.data["body"]) == ("follow.created", topic, "after")
    assert shared.request("DELETE", f"/v1/topics/{topic}/followers/{user}").status == 204
    shared.publish({"topic": topic}, body="no more")
    shared.publish({"user": user}, body="the end")
    unfollowed, end = receiver.take(2)
    assert (unfollowed.type, end.data["body"]) == ("follow.deleted", "the end")


def test_topic_followed_again_delivers_what_was_published_while_followed(
    shared: Server, receive: Open, name: Name
) -> None:
    user, topic = name("alice"), name("author/42")
    shared.follow(topic, user)
    first = receive(shared, user)
    first.close()
    shared.publish({"topic": topic}, body="before")
    for method, body in [("DELETE", "between"), ("PUT", "after")]:
        assert shared.request(method, f"/v1/topics/{topic}/followers/{user}").status == 204
        shared.publish({"topic": topic}, body=body)
    before, left, followed, after = receive(shared, user, cursor=first.start).take(4)
    assert bodies([before, after]) == ["before", "after"]
    assert [event.type for event in (left, followed)] == ["follow.deleted", "follow.created"]
    assert seqs([before, left, followed, after]) == sorted(seqs([before, left, followed, after]))


def test_receiver_that_stalls_for_a_while_gets_everything_later(shared: Server, receive: Open, name: Name) -> None:
    user, padding = name("alice"), "x" * 30_000
    receiver = receive(shared, user)
    place = receiver.start
    sent = [id for n in range(10) for id in publish_many(shared, user, [str(n)] * 40, data=padding)]  # 12 MB
    sent.append(shared.publish({"user": user}, body="the last")["cursor"])
    got: list[Received] = []
    while len(got) < len(sent):
        try:
            got += receiver.take(1)
            place = got[-1].id
        except Ended:  # it made no progress for longer than a heartbeat
            receiver = receive(shared, user, cursor=place)
    assert [event.id for event in got] == sent


def test_silence_is_broken_by_a_sign_of_life(shared: Server, receive: Open, name: Name) -> None:
    receiver = receive(shared, name("alice"))
    for _ in range(2):
        receiver.expect_heartbeat(within=5 * HEARTBEAT)


def test_closed_receiver_leaves_nothing_behind(shared: Server, receive: Open, name: Name, transport: str) -> None:
    gauge = f'tidings_connections{{transport="{transport.rpartition("-")[2]}"}}'
    before = shared.gauges()[gauge]
    receivers = [receive(shared, name(f"user{n}")) for n in range(10)]
    for receiver in receivers:
        if isinstance(receiver, LongPoll):
            receiver.send(wait=60)
    if transport != "short-poll":
        eventually("they are counted", lambda: shared.gauges()[gauge] == before + 10)
    for receiver in receivers:
        receiver.close()
    eventually("they are forgotten", lambda: shared.gauges()[gauge] == before)


def test_server_that_stops_says_goaway_and_ends_at_once(own_server: Server, receive: Open, name: Name) -> None:
    receiver = receive(own_server, name("alice"))
    receiver.expect_heartbeat(within=5 * HEARTBEAT)
    if isinstance(receiver, LongPoll):
        receiver.send(wait=60)
        eventually("it waits", lambda: own_server.connections() == 1)
    stopping = threading.Thread(target=own_server.stop)
    stopping.start()
    receiver.expect_goaway(within=10)
    stopping.join(10)
    assert not stopping.is_alive()
