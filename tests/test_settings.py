"""Settings: what makes no sense is said when the server starts, not when it is too late."""

import time
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.conftest import StartServer
from tidings.configuration import configure, load, shown
from tidings.domain.errors import InvalidSettings
from tidings.settings import BOUNDS, PostgresUrl, Settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RETRY", "-5"),
        ("DRAIN_SECONDS", "-1"),
        ("MAX_BATCH", "0"),
        ("RETENTION_ROWS", "nonsense"),
        ("HEARTBEAT", "3600"),
        ("HOST", ""),
        ("PROXIES", "10.0.0.1/8"),
        ("PROXIES", "proxy.example"),
        ("ADMIN_ADDRESS", "9000"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidSettings, match=name.lower()):
        load({"mode": "dev"}, {f"TIDINGS_{name}": text})


def test_option_beats_the_environment() -> None:
    assert load({"mode": "dev", "port": 1, "db": None}, {"TIDINGS_PORT": "2", "TIDINGS_RETRY": "3"}).port == 1


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e18", "1e300", "9" * 30, "9" * 5000, "", "-1", "many"])
@pytest.mark.parametrize("name", BOUNDS)
def test_no_number_is_without_bounds(name: str, text: str) -> None:
    least, most = BOUNDS[name]
    with pytest.raises(InvalidSettings, match=f"{name} must be .*between {least} and {most}$"):
        load({"mode": "dev"}, {f"TIDINGS_{name.upper()}": text})


def test_every_number_has_bounds() -> None:
    numbers = {name for name, kind in Settings.__annotations__.items() if {kind, *get_args(kind)} & {int, float}}
    assert numbers == set(BOUNDS)


def test_log_level_is_read_in_any_case_and_no_other_word() -> None:
    assert load({"mode": "dev"}, {"TIDINGS_LOG_LEVEL": "DEBUG"}).log_level == "debug"
    with pytest.raises(InvalidSettings, match="log_level"):
        load({"mode": "dev"}, {"TIDINGS_LOG_LEVEL": "loud"})


@pytest.mark.parametrize(
    "text", ["redis://:word@host", "rediss://host", "unix:///run/redis", "postgresql://h/d", "none", ""]
)
def test_bus_is_redis_or_postgresql_or_none(text: str) -> None:
    settings = load({"mode": "dev"}, {"TIDINGS_DB": "postgresql://host/db", "TIDINGS_BUS": text})
    assert settings.bus == text
    assert "word" not in settings.masked()["bus"]


@pytest.mark.parametrize(
    ("db", "bus", "said"),
    [
        ("postgresql://host/db", "kafka://host", "bus is redis://"),
        ("postgresql://host/db", "redis://", "bus is redis://"),
        ("tidings.db", "redis://host", "bus is for several servers"),
    ],
)
def test_bus_that_makes_no_sense_is_refused(db: str, bus: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        load({"mode": "dev"}, {"TIDINGS_DB": db, "TIDINGS_BUS": bus})


def test_masked_settings_name_every_setting_and_no_secret() -> None:
    settings = Settings(secret="0123456789" * 4, db=Path("postgres://u:pass@host/db"))
    masked = settings.masked()
    assert set(masked) == set(Settings.__struct_fields__)
    assert masked["secret"] == "***" and "pass" not in masked["db"]
    assert load({"mode": "dev"}, {}).masked()["secret"] == ""


def test_a_server_lives_with_the_greatest_of_everything(start_server: StartServer) -> None:
    """Maintenance counts with them, in the database."""
    greatest: dict[str, Any] = {name: most for name, (_, most) in BOUNDS.items() if name not in {"port", "workers"}}
    server = start_server(**greatest)
    assert server.publish({"user": "alice"}, body="x", group_key="g")["id"]
    time.sleep(0.5)  # beyond its first round of everything
    assert server.request("GET", "/v1/inbox?user=alice").json["data"][0]["body"] == "x"
    assert "maintenance_failed" not in server.log_text()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("tidings.db", "tidings.db"),
        ("/var/lib/tidings.db", "/var/lib/tidings.db"),
        ("C:\\tidings.db", "C:\\tidings.db"),
        ("sqlite:///tidings.db", "tidings.db"),
        ("sqlite:////var/lib/tidings.db", "/var/lib/tidings.db"),
    ],
)
def test_a_database_is_a_path_or_a_url_with_one(text: str, path: str) -> None:
    assert load({"mode": "dev", "db": text}, {}).db == Path(path)
    assert load({"mode": "dev"}, {"TIDINGS_DB": text}).db == Path(path)


@pytest.mark.parametrize("text", ["postgresql://u:hidden@host/db?password=hidden", "postgres://u:hidden@h,h2:5433/db"])
def test_a_postgresql_database_is_a_url_and_is_shown_without_its_password(text: str) -> None:
    configuration = configure({"mode": "dev"}, {"TIDINGS_DB": text})
    assert configuration.settings.db == text
    assert isinstance(configuration.settings.db, PostgresUrl)
    assert "hidden" not in configuration.settings.masked()["db"] + shown(configuration)


@pytest.mark.parametrize(
    "text", ["mysql://u:secret@host/db", "mysql://x", "sqlite://tidings.db", "sqlite:tidings.db", "sqlite:///", ""]
)
def test_a_database_that_has_no_adapter_is_refused_in_one_clear_line(text: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^db is a file, .* \(from TIDINGS_DB\)$") as refusal:
        load({"mode": "dev"}, {"TIDINGS_DB": text})
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(("also", "refusal"), [
    ({}, None),
    ({"SECRET": "0123456789abcdef" * 2}, None),
    ({"JWKS_URL": "https://id.example/jwks"}, "take one way"),
    ({"TOKEN_KEYS": "-----BEGIN PUBLIC KEY-----"}, "take one way"),
    ({"AUTH_URL": "app:3000"}, "auth_url is https"),
])  # fmt: skip
def test_application_that_knows_its_users_is_the_one_way_to_know_them(
    also: dict[str, str], refusal: str | None
) -> None:
    said = {f"TIDINGS_{name}": text for name, text in ({"AUTH_URL": "http://app:3000/me"} | also).items()}
    if refusal is None:
        assert load({"mode": "serve"}, said).auth_url == "http://app:3000/me"
    else:
        with pytest.raises(InvalidSettings, match=refusal):
            load({"mode": "serve"}, said)
