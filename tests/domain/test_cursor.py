"""A cursor is opaque, short, and of an alphabet that browsers send without a preflight."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidCursor

epochs = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=32)


@given(epochs, st.integers(0, 10**18 - 1))
def test_it_comes_back_as_it_went(epoch: str, seq: int) -> None:
    text = str(Cursor(epoch, seq))
    assert Cursor.parse(text) == Cursor(epoch, seq)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,127}", text)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9]{1,3}-[0-9]{1,4}", fullmatch=True))
def test_one_place_has_one_name(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except InvalidCursor:
        return
    assert str(cursor) == text


@pytest.mark.parametrize(
    "text",
    ["", "-", "a-", "-1", "a-01", "a--1", "a-+1", "a-1.0", "a-1 ", "a-1\n", " a-1", "A-1", "a_b-1", "a-1-1", "a-٣",
     "a" * 33 + "-1", "a-" + "1" * 19, "start", "1"],
)  # fmt: skip
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursor.parse(text)
