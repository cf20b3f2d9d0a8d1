"""The server's log: a line for each record, on stderr."""

import hmac
import logging
import re
import time

from tidings.settings import LogLevel

# The attributes of every record; any other comes from the `extra` of a call.
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


_TEXTS = frozenset({"detail", "path", "reason"})  # fields that may name a user
_ID = re.compile(
    r"(?P<before>/v1/users/|/followers/|user/|user%2F|(?<!\w)['\"])(?P<id>[^/\s'\")]+)|[^\s'\"/(),;=]+@[^\s'\"/(),;=]+"
)


class LineFormatter(logging.Formatter):
    """UTC time, level, logger, message and `key="value"` for each extra: one line, whatever a client put into a value.

    A traceback follows, indented, so no line of it can be taken for a record.
    """

    def format(self, record: logging.LogRecord) -> str:
        """As logging.Formatter does."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = f"{moment}.{int(record.msecs):03}Z {record.levelname} {record.name} {_escaped(record.getMessage())}"
        for name, value in vars(record).items():
            if name not in _STANDARD_FIELDS:
                line += f" {_escaped(name)}={_quoted(value)}"
        traceback = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        for more in (traceback, record.stack_info or ""):
            line += "".join(f"\n  {_escaped(text)}" for text in more.split("\n") if text)
        return line


class HashUserIds(logging.Filter):
    """Puts a keyed hash in the place of a user's id: in the field `user`, in a path, and in the texts of errors.

    In a text it cannot be told which words are an id: those in quotation marks, after `user/` and of the form of an
    address of mail are taken for one.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without ids."""
        fields = vars(record)
        if isinstance(user := fields.get("user"), str):
            fields["user"] = self._hashed(user)
        for name in _TEXTS & fields.keys():
            fields[name] = self._cleaned(str(fields[name]))
        if record.exc_info:
            record.exc_text = self._cleaned_traceback(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

    def _cleaned(self, text: str) -> str:
        return _ID.sub(lambda found: (found["before"] or "") + self._hashed(found["id"] or found[0]), text)

    def _cleaned_traceback(self, text: str) -> str:
        """A traceback with its messages cleaned; the lines of places and of source are those of the program."""
        lines = text.split("\n")
        return "\n".join(line if line.startswith(("  ", "Traceback")) else self._cleaned(line) for line in lines)

    def _hashed(self, user: str) -> str:
        return hmac.digest(self._key, user.encode(), "sha256").hex()[:16]


def log_to_stderr(level: LogLevel = "warning", *, user_key: bytes | None = None) -> None:
    """Print our log records from `level` on, and those of other packages that are a warning or worse.

    `user_key`: print hashes with this key in place of the ids of users.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    if user_key is not None:
        handler.addFilter(HashUserIds(user_key))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("tidings").setLevel(level.upper())


def _quoted(value: object) -> str:
    return '"' + _escaped(str(value).replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escaped(text: str) -> str:
    """Text with line breaks and control characters escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
