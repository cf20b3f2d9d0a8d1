"""Litestar and Quart, as docs/embedding.md shows: their users are ours, and a like arrives."""

import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.embedding.host import ask, stream_until
from tests.embedding.hosts import programs


def loaded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TIDINGS_DB", str(tmp_path / "t.db"))
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)  # Litestar looks its handlers' types up there
    exec(compile(programs("embedding.md")[name], name, "exec"), module.__dict__)
    return module


async def try_host(application: Any, opened: AbstractAsyncContextManager[Any]) -> None:
    alice = {"cookie": "login=alice"}
    async with opened:
        assert (await ask(application, "GET", "/tidings/v1/inbox")).status == 401
        liked = await ask(application, "POST", "/like", headers=alice)
        assert liked.status in (200, 201), liked.body
        inbox = await ask(application, "GET", "/tidings/v1/inbox", headers=alice)
        assert [one["title"] for one in inbox.json["data"]] == ["Bob liked your post"]
        body = await stream_until(application, "/tidings/v1/stream?cursor=start", "liked your post", headers=alice)
        assert "event: hello" in body
        marked = await ask(application, "POST", "/tidings/v1/inbox/read", body={"ids": []}, headers=alice)
        assert marked.status == 200


async def test_litestar_application_of_the_page_notifies_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = loaded("litestar_shop.py", tmp_path, monkeypatch)
    await try_host(shop.application, shop.application.lifespan())


async def test_quart_application_of_the_page_notifies_its_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = loaded("quart_shop.py", tmp_path, monkeypatch)
    await try_host(shop.application, shop.notifications.lifespan())
