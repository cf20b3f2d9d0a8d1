"""Settings come from the command line, else the environment, else a file; what is wrong is named, with the nearest."""

from pathlib import Path

import pytest

from tidings.configuration import configure, load, shown
from tidings.domain.errors import InvalidSettings

SECRET = "0123456789abcdef" * 2
DEV = {"mode": "dev"}


def file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "tidings.toml"
    path.write_text(text)
    return {"TIDINGS_CONFIG": str(path)}


def test_command_line_goes_before_environment_before_file(tmp_path: Path) -> None:
    said = file(tmp_path, "port = 1\nretry = 1\nheartbeat = 1\n")
    settings = load(DEV | {"port": 3}, said | {"TIDINGS_PORT": "2", "TIDINGS_RETRY": "2"})
    assert (settings.port, settings.retry, settings.heartbeat) == (3, 2, 1.0)


@pytest.mark.parametrize(
    ("text", "saying"),
    [
        ("prot = 1", "tidings.toml: there is no setting prot; do you mean port?"),
        ("cors_origin = []", "do you mean cors_origins?"),
        ("[server]\nport = 1", "there is no setting server"),
        ("port = 70000", "tidings.toml: port must be a whole number between 0 and 65535"),
        ('port = "many"', "tidings.toml: port must be"),
        ("hosts = [5]", "hosts"),
        ("port = ", "tidings.toml: "),
        ('db_file = "x"', "there is no setting db_file"),
        ('secret_file = "nowhere"', "secret_file: cannot read"),
    ],
)
def test_file_is_refused_by_name(tmp_path: Path, text: str, saying: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(DEV, file(tmp_path, text))
    assert saying in str(refused.value)


def test_file_that_is_not_there_is_said() -> None:
    with pytest.raises(InvalidSettings, match=r"/nowhere/tidings\.toml: No such file"):
        load(DEV, {"TIDINGS_CONFIG": "/nowhere/tidings.toml"})


def test_unknown_variable_is_a_warning_with_the_nearest() -> None:
    found = configure(DEV, {"TIDINGS_PROT": "1", "TIDINGS_URL": "x", "TIDINGS_QUITE_ANOTHER": "", "PATH": "x"})
    assert found.warnings == (
        "TIDINGS_PROT is no setting; do you mean TIDINGS_PORT?",
        "TIDINGS_QUITE_ANOTHER is no setting",
    )


def test_malformed_variable_is_named() -> None:
    with pytest.raises(InvalidSettings, match=r"^TIDINGS_PORT: port must be"):
        load(DEV, {"TIDINGS_PORT": "many"})


def test_secret_comes_from_a_file_beside_the_settings_or_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(f"{SECRET}\n")
    assert load({}, file(tmp_path, 'secret_file = "s"')).secret.strip() == SECRET
    assert load({}, {"TIDINGS_SECRET_FILE": str(tmp_path / "s")}).secret.strip() == SECRET
    with pytest.raises(InvalidSettings, match="both set"):
        load({}, {"TIDINGS_SECRET_FILE": str(tmp_path / "s"), "TIDINGS_SECRET": SECRET})


@pytest.mark.parametrize("secret", ["short", "s" * 40, f"{SECRET}\nshort", "-----BEGIN PUBLIC KEY-----" * 2])
def test_weak_secret_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load({}, {"TIDINGS_SECRET": secret})
    assert secret not in str(refused.value)


def test_shown_settings_hold_no_secret() -> None:
    text = shown(configure({}, {"TIDINGS_SECRET": SECRET, "TIDINGS_JWKS_URL": "https://id.example/jwks"}))
    assert SECRET not in text
    assert 'secret = "***"  # TIDINGS_SECRET' in text
    assert 'jwks_url = "https://id.example/jwks"  # TIDINGS_JWKS_URL' in text


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://id.example/jwks", True),
        ("http://localhost:8080/jwks", True),
        ("http://127.0.0.1/jwks", True),
        ("http://id.example/jwks", False),
        ("http://localhost.evil.example/jwks", False),
        ("file:///etc/passwd", False),
    ],
)
def test_keys_are_fetched_over_tls(url: str, good: bool) -> None:
    if good:
        load({}, {"TIDINGS_JWKS_URL": url})
    else:
        with pytest.raises(InvalidSettings, match="jwks_url"):
            load({}, {"TIDINGS_JWKS_URL": url})
