"""Idempotency keys: the first answer is kept with what it answers, for a day."""

from typing import Any

import pytest

from tests.store.adapters import OpenStore
from tests.store.strategies import DAY, NOW, do, failing, log, posting, run, violation
from tidings.domain.errors import KeyReused, NotFound
from tidings.store.transactions.idempotency import IdempotencyKey, StoredAnswer, idempotent
from tidings.store.transactions.retention import Retention, prune
from tidings.store.transactions.transaction import Job

KEY = IdempotencyKey("publisher", "k-1", "of this body")


def asking(key: IdempotencyKey | None, job: Job[Any] | None = None) -> Job[StoredAnswer]:
    return idempotent(job or posting(), lambda done: str(done[0].cursor).encode(), status=201, key=key)


async def test_the_same_request_gets_the_first_answer_and_does_nothing(store: OpenStore) -> None:
    first = await do(store, asking(KEY))
    again = await do(store, asking(KEY))
    assert first == StoredAnswer(201, f"{store.epoch}-1".encode(), replayed=False)
    assert again == first._replace(replayed=True)
    assert len(await log(store)) == 1


async def test_twice_in_one_transaction_is_once(store: OpenStore) -> None:
    first, again = await run(store, asking(KEY), asking(KEY))
    assert again == first._replace(replayed=True)
    assert len(await log(store)) == 1


async def test_another_request_with_the_key_is_refused(store: OpenStore) -> None:
    await do(store, asking(KEY))
    with pytest.raises(KeyReused):
        await do(store, asking(KEY._replace(fingerprint="of another body")))
    assert len(await log(store)) == 1


async def test_a_key_is_its_owners(store: OpenStore) -> None:
    await do(store, asking(KEY))
    assert not (await do(store, asking(KEY._replace(scope="user/alice")))).replayed
    assert not (await do(store, asking(KEY._replace(key="k-11")))).replayed
    assert not (await do(store, asking(None))).replayed
    assert len(await log(store)) == 4


@pytest.mark.parametrize("tidied", [False, True])
async def test_a_key_is_good_for_a_day(store: OpenStore, tidied: bool) -> None:
    await do(store, asking(KEY))
    keep = Retention(log_age=1 << 50, log_rows=1000, inbox_age=1 << 50)
    if tidied:
        await do(store, prune(keep, step=10), now=NOW + DAY)
    assert (await do(store, asking(KEY), now=NOW + DAY)).replayed
    if tidied:
        await do(store, prune(keep, step=10), now=NOW + DAY + 1)
    assert not (await do(store, asking(KEY), now=NOW + DAY + 1)).replayed
    assert (await do(store, asking(KEY), now=NOW + 2 * DAY)).replayed


@pytest.mark.parametrize(("job", "error"), [(failing, NotFound), (violation, ZeroDivisionError)])
async def test_a_job_that_failed_may_be_tried_again_with_its_key(store: OpenStore, job: Any, error: Any) -> None:
    refused, _ = await run(store, asking(KEY, job()), posting())
    assert isinstance(refused, error)
    assert not (await do(store, asking(KEY))).replayed
