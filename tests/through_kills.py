"""Awkward notifications, published while the server is killed again and again, and their receivers."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Protocol

from tests.servers import Server, eventually

USER = "alice"
LIVES = 3  # of the server: two `kill -9`
STARTED_WITHIN = 90  # seconds; three Java machines or a browser start at once, where others use the machine, too

AWKWARD = [
    "one\ntwo\r\nthree\rfour",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "data: x\n\nevent: reset\nid: 1\n\n",
    ": a comment",
    "\ufeffbegins with a mark of byte order",
    "\U0001f514\U0001f468\u200d\U0001f469\u200d\U0001f467 \u05e9\u05dc\u05d5\u05dd e\u0301",
    " blank at both ends ",
    "\t",
    '{"json": "in \\"json\\""}',
    "0\r\n\r\n",
    "<script>&amp;</script>",
    "x" * 30_000,
    "\u20ac" * 10_000,
]


class Receiver(Protocol):
    """A listener to the notifications of `USER`."""

    def events(self, type: str) -> list[Any]:
        """The events of a type so far, each with its `id` and its `data` as JSON text."""

    def ended(self) -> bool:
        """Has it given up?"""

    def said(self) -> str:
        """Its output, for the reader of a failure."""


def publish(server: Server, number: int) -> tuple[str, str]:
    """Publish one notification, however often that takes; its cursor and its text."""
    text = f"{number} {AWKWARD[number % len(AWKWARD)]}"
    key = {"Idempotency-Key": f"n{number}"}
    while True:
        try:
            answer = server.request("POST", "/v1/notifications", {"to": {"user": USER}, "body": text}, headers=key)
        except (OSError, HTTPException):
            time.sleep(0.05)
            continue
        assert answer.status == 201, answer.body
        return answer.json["cursor"], text


def faults_through_kills(receivers: Sequence[Receiver], number: int, server: Server) -> list[str]:
    """The fault of each receiver with `number` notifications and two `kill -9`; `""` is nothing."""
    sent: list[tuple[str, str]] = []
    for life in range(1, LIVES + 1):

        def are_there(life: int = life) -> bool:
            return all(len(one.events("hello")) >= life or one.ended() for one in receivers)

        eventually("all are there", are_there, within=STARTED_WITHIN)
        until = number * life // LIVES
        sent += [publish(server, n) for n in range(len(sent), until - 1)]
        if life < LIVES:  # the server dies as the next is published, with what it sent half-way to its readers
            server.kill()
            server.start()
        sent.append(publish(server, until - 1))
    last = sent[-1][0]

    def is_through(one: Receiver) -> bool:
        return one.ended() or last in [event["id"] for event in one.events("notification.created")]

    with suppress(AssertionError):
        eventually("everybody has everything", lambda: all(map(is_through, receivers)), within=60)
    return [_fault(one, sent) for one in receivers]


def _fault(one: Receiver, sent: list[tuple[str, str]]) -> str:
    """The notifications that a receiver did not get as they were sent, or `""`."""
    got = [(event["id"], json.loads(event["data"])["body"]) for event in one.events("notification.created")]
    if got != sent:
        right = sum(mine == theirs for mine, theirs in zip(got, sent, strict=False))
        return f"{len(got)} of {len(sent)} events, the first {right} right: {one.said()}"
    if one.events("reset"):
        return "was reset"
    greeted = len(one.events("hello"))
    return "" if greeted == LIVES else f"connected {greeted} times for {LIVES} lives of the server"
