"""Ids, times and tags of notifications."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.errors import InvalidRequest
from tidings.domain.notification import milliseconds, notification_id, parse_notification_id, rfc3339, tags
from tidings.domain.topics import Topic

POST = Topic("post/7")
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones))
def test_a_time_goes_through_milliseconds_and_is_the_same_in_every_zone(moment: datetime) -> None:
    try:
        known = milliseconds(moment)
    except InvalidRequest:
        assert moment.year in {1, 9999}
        return
    text = rfc3339(known)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert moment - datetime.fromisoformat(text) < timedelta(milliseconds=1)
    assert milliseconds(datetime.fromisoformat(text)) == known


def test_a_time_looks_like_this() -> None:
    assert rfc3339(1_767_225_600_000) == "2026-01-01T00:00:00.000Z"
    assert rfc3339(1_767_225_600_001) == "2026-01-01T00:00:00.001Z"
    assert rfc3339(-1) == "1969-12-31T23:59:59.999Z"
    assert milliseconds(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == 1_767_225_600_000
    assert rfc3339(milliseconds(datetime(1, 1, 1, tzinfo=UTC))) == "0001-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_a_time_that_no_calendar_has_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidRequest):
        milliseconds(moment)


def test_an_id_names_its_epoch_and_its_seq() -> None:
    assert parse_notification_id(notification_id("abc", 42)) == ("abc", 42)


@given(st.text(max_size=20))
def test_text_that_is_no_id_is_refused(text: str) -> None:
    try:
        found = parse_notification_id(text)
    except InvalidRequest:
        return
    assert text.startswith("n-")
    assert found[1] >= 0


def test_critical_notification_has_no_tags_and_so_cannot_be_muted() -> None:
    assert tags(POST, type="like", entity="post/7", priority="normal") == {"type:like", "topic:post/7", "entity:post/7"}
    assert tags(POST, type="like", entity=None, priority="low") == {"type:like", "topic:post/7"}
    assert tags(POST, type="like", entity="post/7", priority="critical") == frozenset()
