"""Sources of the settings: the command line, else the environment, else one TOML file, else the defaults."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tidings.domain.errors import InvalidSettings
from tidings.settings import BOUNDS, Settings, bounds_of, database, value_of

ENV_PREFIX = "TIDINGS_"
# Variables of the commands that are no settings of the server.
_OTHERS = frozenset({"TIDINGS_CONFIG", "TIDINGS_URL", "TIDINGS_TOKEN"})
_FILES = frozenset({"secret", "token_keys"})  # settings that `TIDINGS_<NAME>_FILE`, or `<name>_file`, may point to
# Developers load-test their machine, as one user or two, and with one publisher.
_DEVELOPERS = {
    "max_user_streams": 10_000, "user_writes": 0.0, "user_replay_bytes": 0.0, "publisher_writes": 0.0,
    "user_writer": 0.0, "publisher_writer": 0.0, "address_writer": 0.0, "user_disk": 0.0, "publisher_disk": 0.0,
    "caller_body_bytes": 0.0, "max_address_connections": 0,
}  # fmt: skip
_FIELD = re.compile(r"`\$\.(\w+)`$")  # where msgspec says that it found what it did not expect


class Configuration(NamedTuple):
    """The settings in force, and where each came from."""

    settings: Settings
    sources: Mapping[str, str]  # by name; what is not in it has its default
    warnings: tuple[str, ...]  # of variables that no setting has


def load(chosen: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. Raises `InvalidSettings`."""
    return configure(chosen, environ).settings


def configure(chosen: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Configuration:
    """Settings from every source. `chosen` is the command line; None is not chosen.

    Raises `InvalidSettings` that names what is unknown or malformed, and the nearest to it.
    """
    found: dict[str, Any] = {}
    sources: dict[str, str] = {}
    file = chosen.get("config") or environ.get("TIDINGS_CONFIG")
    if file:
        _merge(found, sources, _of_file(Path(file)), f"file {file}")
    said, warnings = _of_environment(environ)
    for name, (variable, value) in said.items():
        _merge(found, sources, {name: value}, variable)
    options = {name: value for name, value in chosen.items() if value is not None and name != "config"}
    _merge(found, sources, options, "command line")
    if found.get("mode") == "dev":
        found = {**_DEVELOPERS, **found}
    try:
        if "db" in found:
            found["db"] = database(str(found["db"]))
    except ValueError as error:
        raise InvalidSettings(f"{error} (from {sources['db']})") from error
    try:
        settings = msgspec.convert(found, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise InvalidSettings(_explained(error, sources)) from error
    return Configuration(settings, sources, tuple(warnings))


def shown(configuration: Configuration) -> str:
    """The settings in force as TOML, secrets masked, each with where it came from."""
    lines, masked = [], configuration.settings.masked()
    for name in Settings.__struct_fields__:
        value = getattr(configuration.settings, name)
        source = configuration.sources.get(name, "default")
        lines.append(f"{name} = {_toml(masked[name] if isinstance(value, str) else value)}  # {source}")
    return "\n".join(lines)


def _decode(kind: type, value: Any) -> Any:
    """A database is parsed already; a path is a text."""
    return value if kind is object else kind(value)


def _merge(found: dict[str, Any], sources: dict[str, str], more: Mapping[str, Any], source: str) -> None:
    found.update(more)
    sources.update(dict.fromkeys(more, source))


def _of_file(path: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSettings(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    values = {}
    for name, value in said.items():
        plain = name.removesuffix("_file")
        if name in Settings.__struct_fields__:
            values[name] = value_of(name, value)
        elif plain != name and plain in _FILES:
            values[plain] = _text_of(path.parent / str(value), name)
        else:
            raise InvalidSettings(f"{path}: there is no setting {name}{_nearest(name, Settings.__struct_fields__)}")
    return values


def _of_environment(environ: Mapping[str, str]) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """By setting, the variable and its value; and a warning for each variable that is none."""
    values: dict[str, tuple[str, Any]] = {}
    warnings = []
    names = {ENV_PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    files = {f"{ENV_PREFIX}{name.upper()}_FILE": name for name in _FILES}
    for variable in sorted(environ):
        text = environ[variable]
        if variable in names:
            name = names[variable]
            values[name] = (variable, value_of(name, text))
        elif variable in files:
            if files[variable].upper() in {one.removeprefix(ENV_PREFIX) for one in environ}:
                raise InvalidSettings(f"{variable} and {variable.removesuffix('_FILE')} are both set: take one")
            values[files[variable]] = (variable, _text_of(Path(text), variable))
        elif variable.startswith(ENV_PREFIX) and variable not in _OTHERS:
            warnings.append(f"{variable} is no setting{_nearest(variable, [*names, *files, *_OTHERS])}")
    return values, warnings


def _text_of(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{name}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _nearest(name: str, among: Any) -> str:
    near = difflib.get_close_matches(name, list(among), n=1, cutoff=0.75)
    return f"; do you mean {near[0]}?" if near else ""


def _explained(error: msgspec.ValidationError, sources: Mapping[str, str]) -> str:
    place = _FIELD.search(str(error))
    name = place[1] if place else str(error).partition(" ")[0]
    source = f"{sources[name]}: " if name in sources else "settings: "
    return source + (bounds_of(name) if name in BOUNDS else f"{name}: {error}" if place else str(error))


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value if isinstance(value, bool | int | float) else str(value)).decode()
