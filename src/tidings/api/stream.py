"""The receiving plane's streams: server-sent events. (WebSocket and polls have modules of their own.)"""

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import ApiConnection, ApiRequest
from tidings.api.operation import Answer, operation
from tidings.api.parameters import Choice, Parameter, Seconds
from tidings.api.resume_token import start_of
from tidings.auth.identity import Purpose
from tidings.domain.topics import Topic, parse_topic
from tidings.transports import sse
from tidings.transports.stream import EventStream

TAG = "Receiving"
CURSOR = Parameter(
    "cursor",
    "The events after this one; `start`: all that are kept; absent: those from now on.",
    schema={"type": "string", "maxLength": 64, "pattern": f"^(start|{schemas.CURSOR_SCHEMA['pattern'][1:-1]})$"},
)
LAST_EVENT_ID = Parameter("Last-Event-ID", "As `cursor`, which it overrides.", place="header", schema=CURSOR.schema)
LAST_EVENT_ID_QUERY = Parameter("lastEventId", "The same in the query, as polyfills send it.", schema=CURSOR.schema)
HEARTBEAT = Seconds(
    "heartbeat", "Seconds between two heartbeats, for clients that wait for less than the server's.", least=1, most=60
)
AFTER_RESET: Choice[str] = Choice(
    "after_reset",
    "Where to go on after a `reset`: `replay` (the default) from the oldest event that can be served; `head` from now, "
    "for clients that load their inbox then.",
    among=("replay", "head"),
)
EXTRA_TOPIC = Parameter("topic", "A topic beside the caller's feed.", schema=schemas.TOPIC_SCHEMA, many=True)
TICKET = Parameter("ticket", "A ticket in place of a token: see createTicket.")


def topics_of(request: ApiConnection) -> list[Topic]:
    """The topics that it asks for beside the feed. Raises `InvalidTopic`."""
    if "topic" not in request.query_params:
        return []
    return [parse_topic(text) for text in request.query_params.getlist("topic")]


def skips(request: ApiConnection) -> bool:
    """Does it go on from the head after a `reset`? Raises `InvalidRequest`."""
    return AFTER_RESET.of(request) == "head"


@operation(
    "GET",
    "/v1/stream",
    id="stream",
    tag=TAG,
    parameters=(CURSOR, LAST_EVENT_ID, LAST_EVENT_ID_QUERY, EXTRA_TOPIC, AFTER_RESET, HEARTBEAT, TICKET),
    answers={
        200: Answer(
            description="An endless response, each event with its cursor as `id`; `hello` comes first.",
            media="text/event-stream",
            schema={"type": "string"},
            headers=("Tidings-Heartbeat",),
        )
    },
)
async def stream(request: ApiRequest, api: ApiContext) -> EventStream:
    """Receive events as server-sent events."""
    grant = await api.grant(request, purpose=Purpose.LISTEN)
    opened = await api.services.streams.open(
        grant,
        start_of(request),
        topics=topics_of(request),
        encoding=api.sse,
        heartbeat=HEARTBEAT.of(request),
        skip=skips(request),
    )
    return EventStream(api.streaming, opened, headers=sse.SSE_HEADERS)


def stream_of_known(request: ApiConnection, api: ApiContext) -> EventStream | None:
    """The same where nothing has to be waited for, else None. Raises what refuses it."""
    grant = api.known_grant(request, purpose=Purpose.LISTEN)
    if grant is None:
        return None
    opened = api.services.streams.open_known(
        grant,
        start_of(request),
        topics=topics_of(request),
        encoding=api.sse,
        heartbeat=HEARTBEAT.of(request),
        skip=skips(request),
    )
    return None if opened is None else EventStream(api.streaming, opened, headers=sse.SSE_HEADERS)


OPERATIONS = (stream,)
