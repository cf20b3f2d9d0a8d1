"""The resume token of a request: every place where a client may put one is read, and none is passed over (law 3)."""

from tidings.api.http import ApiConnection
from tidings.domain.errors import InvalidRequest
from tidings.services.streams import StartAfter, parse_start

HEADER = "last-event-id"
# In the order of their precedence: event-source-polyfill and reconnecting-eventsource, Mercure, the header's own name.
# `cursor` comes last, so that a polyfill that keeps the URL's `cursor=start` resumes.
QUERY = ("lastEventId", "lastEventID", "Last-Event-ID", "cursor")
# Resume tokens of other systems, without case, hyphens and underscores.
_FOREIGN = frozenset(
    {
        *("lasteventid", "lastid", "since", "sinceid", "sinceseq", "after", "afterid", "from", "fromid", "offset"),
        *("resume", "resumetoken", "recover", "rewind", "startfrom", "lastseen", "lastseq", "eventid", "position"),
    }
)


def start_of(request: ApiConnection) -> StartAfter:
    """The start of a stream or poll. Raises `InvalidCursor`, and `InvalidRequest` for another system's token."""
    query = request.query_params
    for name in query:
        if name not in QUERY and name.replace("_", "").replace("-", "").lower() in _FOREIGN:
            raise InvalidRequest(f"{name[:40]!r} is not read here: resume with Last-Event-ID, lastEventId or cursor")
    # The last of several: libraries append theirs to the one that the application set to resume.
    texts = [*reversed(request.headers.getlist(HEADER)), *(query.get(name) for name in QUERY)]
    starts = [parse_start(text) for text in texts if text]  # each is checked: junk in one is not passed over either
    return starts[0] if starts else None
