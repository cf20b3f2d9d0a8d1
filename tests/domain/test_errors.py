"""Each error has a stable code and an answer, and says what it is in one sentence."""

import re

import pytest

from tidings.domain.errors import TidingsError


def every(kind: type[TidingsError]) -> list[type[TidingsError]]:
    return [found for sub in kind.__subclasses__() if sub.__module__ == kind.__module__ for found in (sub, *every(sub))]


ERRORS = every(TidingsError)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_it_knows_its_code_and_status_and_says_what_it_is(error: type[TidingsError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert 400 <= error.status < 600
    assert error.__doc__
    assert error.__doc__.rstrip().endswith(".")


def test_codes_tell_errors_apart() -> None:
    codes = [error.code for error in ERRORS]
    assert len(ERRORS) > 10
    assert len(set(codes)) == len(codes)
