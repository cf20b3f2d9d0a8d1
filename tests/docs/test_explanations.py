"""The programs of the explanation pages do what the pages say."""

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.docs.machine import EXAMPLES, loaded
from tidings.testing import InMemoryServer

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


TRAPS = """
import os, sys
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["likes", "tidings.integrations.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
)
django.setup()
from django.core.management import call_command
from django.db import connection
from likes.models import Like
from tidings import Client, Unreachable
from tidings.testing import InMemoryServer
import traps

call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:
    editor.create_model(Like)


def tried(way, client, post):
    try:
        getattr(traps, way)(client, post)
        return "done"
    except Exception as error:
        return type(error).__name__


for way in ("inside", "after", "soon", "safe"):
    with InMemoryServer() as server, Client("http://127.0.0.1:9", retries=0, timeout=1) as away:
        client = server.client()
        rolled_back = tried(way, client, -1)
        told = len(server.notifications("alice"))
        unreachable = tried(way, away, 1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM tidings_outbox")
            waiting = cursor.fetchone()[0]
        print(way, rolled_back, told, unreachable, Like.objects.count(), waiting)
    Like.objects.all().delete()
"""


def test_traps_of_the_page_are_traps_and_the_outbox_is_none(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "transactions/traps.py", tmp_path)
    (tmp_path / "likes").mkdir()
    (tmp_path / "likes" / "__init__.py").touch()
    (tmp_path / "likes" / "models.py").write_text(
        "from django.db import models\n\n\nclass Like(models.Model):\n    post = models.IntegerField()\n"
    )
    (tmp_path / "run.py").write_text(TRAPS)
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # way, what a rolled back like ends as and how many were told of it; with Tidings away: how the request ends,
    # how many likes there are then, and how many notifications wait in the outbox
    assert done.stdout.splitlines() == [
        "inside ValueError 1 Unreachable 0 0",
        "after ValueError 0 Unreachable 1 0",
        "soon ValueError 0 done 1 0",
        "safe ValueError 0 done 1 1",
    ]


def test_quiet_hours_of_the_page_hold_back_until_the_morning_there() -> None:
    quiet = loaded("digest/quiet_hours.py")
    tokyo = ZoneInfo("Asia/Tokyo")
    night, day = datetime(2026, 1, 10, 23, 30, tzinfo=tokyo), datetime(2026, 1, 10, 12, 0, tzinfo=tokyo)
    morning = datetime(2026, 1, 11, 7, 0, tzinfo=tokyo)
    assert quiet.due(day, tokyo) == day
    assert quiet.due(night.astimezone(UTC), tokyo) == morning
    assert quiet.due(datetime(2026, 1, 11, 3, 0, tzinfo=tokyo), tokyo) == morning
    with InMemoryServer() as server, sqlite3.connect(":memory:") as db:
        db.execute(quiet.TABLE)
        quiet.hold_back(db, morning, {"to": {"user": "alice"}, "title": "good morning"})
        assert quiet.publish_due(db, server.client(), night) == 0
        assert quiet.publish_due(db, server.client(), morning) == 1
        assert quiet.publish_due(db, server.client(), morning) == 0
        server.assert_notified("alice", title="good morning")
    db.close()


def test_digest_of_the_page_lists_what_is_unread_of_those_who_are_not_here() -> None:
    digest = loaded("digest/digest.py").digest
    with InMemoryServer() as server:
        client = server.client()
        assert digest(client, "alice") is None
        sent = client.publish(to={"user": "alice"}, title="Bob liked your post")
        client.publish(to={"user": "alice"}, type="export")
        assert digest(client, "alice") == "- export\n- Bob liked your post"
        client.mark_read(up_to=sent["cursor"], user="alice")
        assert digest(client, "alice") == "- export"
        stream = client.stream(user="alice", cursor="start")
        next(stream)
        assert digest(client, "alice") is None
        stream.close()
