"""The table of endings is the one that the docs show, and says the same thing of a code everywhere."""

import re
from pathlib import Path

import pytest

from tidings.transports.close_codes import CLOSE_CODES, FORBIDDEN, LATER, NOT_OURS, TOKEN, CloseReason, of_status

PAGE = Path(__file__).parents[2] / "docs" / "close-codes.md"
_ROW = re.compile(r"^\| (\d{4}) \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)


def test_the_docs_show_this_table_and_no_other() -> None:
    shown = [(int(code), reason, then) for code, reason, then in _ROW.findall(PAGE.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(
        (close_reason.code, close_reason.reason, close_reason.then.value) for close_reason in CLOSE_CODES
    )


def test_a_code_means_one_thing_to_a_client() -> None:
    then = {(close_reason.code, close_reason.then) for close_reason in CLOSE_CODES}
    assert len(then) == len({code for code, _ in then})


@pytest.mark.parametrize(
    ("status", "close_reason"), [(400, NOT_OURS), (401, TOKEN), (403, FORBIDDEN), (404, NOT_OURS), (503, LATER)]
)
def test_a_refusal_that_cannot_be_sent_is_a_close_code(status: int, close_reason: CloseReason) -> None:
    assert of_status(status) == close_reason
