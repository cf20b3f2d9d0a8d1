"""The receiving plane's streams: server-sent events. (WebSocket and polls have modules of their own.)"""

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import Connection, Request
from tidings.api.operation import Answer, operation
from tidings.api.parameters import Parameter
from tidings.auth.identity import Purpose
from tidings.domain.topics import Topic, parse_topic
from tidings.services.streams import StartAfter, parse_start
from tidings.transports import sse
from tidings.transports.stream import Stream

TAG = "Receiving"
CURSOR = Parameter(
    "cursor",
    "The events after this one; `start`: all that are kept; absent: those from now on.",
    schema={"type": "string", "maxLength": 64, "pattern": f"^(start|{schemas.CURSOR_SCHEMA['pattern'][1:-1]})$"},
)
LAST_EVENT_ID = Parameter("Last-Event-ID", "As `cursor`, which it overrides.", place="header", schema=CURSOR.schema)
TOPIC = Parameter("topic", "A topic beside the caller's feed.", schema=schemas.TOPIC_SCHEMA, many=True)
TICKET = Parameter("ticket", "A ticket in place of a token: see createTicket.")


def start_of(request: Connection, *, header: bool = False) -> StartAfter:
    """Where a stream or poll starts. `header`: a `Last-Event-ID` overrides the query. Raises `InvalidCursor`."""
    last = request.headers.get("last-event-id") if header else None
    return parse_start(last or request.query_params.get("cursor"))


def topics_of(request: Connection) -> list[Topic]:
    """The topics that it asks for beside the feed. Raises `InvalidTopic`."""
    if "topic" not in request.query_params:
        return []
    return [parse_topic(text) for text in request.query_params.getlist("topic")]


@operation(
    "GET",
    "/v1/stream",
    id="stream",
    tag=TAG,
    parameters=(CURSOR, TOPIC, LAST_EVENT_ID, TICKET),
    answers={
        200: Answer(
            description="An endless response, each event with its cursor as `id`; `hello` comes first.",
            media="text/event-stream",
            schema={"type": "string"},
        )
    },
)
async def stream(request: Request, api: ApiContext) -> Stream:
    """Receive events as server-sent events."""
    grant = await api.grant(request, purpose=Purpose.LISTEN)
    opened = await api.services.streams.open(
        grant, start_of(request, header=True), topics=topics_of(request), encoding=api.sse
    )
    return Stream(api.streaming, opened, headers=sse.SSE_HEADERS)


OPERATIONS = (stream,)
