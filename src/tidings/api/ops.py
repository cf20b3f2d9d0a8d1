"""The questions of operators and machines: is it alive, is it ready, how is it, what does it speak?"""

from collections.abc import Collection, Iterable
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import HTMLResponse, Response

from tidings.api.context import ApiContext
from tidings.api.http import ApiRequest, Json
from tidings.api.operation import Answer, by_operator, operation
from tidings.domain.errors import problems
from tidings.domain.problems import PROBLEMS_PATH
from tidings.services.status import Ready, StatusService

TAG = "Operations"
REASONS = ("malformed", "version", "epoch")  # of `bus.frame.Reason`
TRANSPORTS = ("sse", "ws", "poll", "seed")


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str = "ok"


class ServerCollector(Collector):
    """Reads the numbers when they are scraped."""

    def __init__(self, status: StatusService) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        now = self._status.numbers()
        open_now = GaugeMetricFamily("tidings_connections", "Streams that are open.", labels=["transport"])
        for transport in TRANSPORTS:
            open_now.add_metric([transport], now.connections.get(transport, 0))
        yield open_now
        ended = CounterMetricFamily("tidings_connections_ended", "Streams and polls that ended.", labels=["reason"])
        for reason, number in now.ended.items():
            ended.add_metric([reason], number)
        yield ended
        yield GaugeMetricFamily("tidings_topics", "Topics with a reader in this process.", value=now.topics)
        yield GaugeMetricFamily("tidings_users", "Users with a reader in this process.", value=now.users)
        yield GaugeMetricFamily("tidings_catching_up", "Readers waiting for a worker.", value=now.catching_up)
        yield GaugeMetricFamily(
            "tidings_store_unavailable", "1 while the store does not answer and readers wait.", value=now.store_away
        )
        yield CounterMetricFamily(
            "tidings_store_read_failures", "Background reads that the store did not answer.", value=now.store_failures
        )
        yield GaugeMetricFamily(
            "tidings_wal_bytes",
            "Size of the database's write-ahead log; it grows while a read is left open.",
            value=now.wal_bytes,
        )
        yield GaugeMetricFamily("tidings_bus_down", "1 while this node does not hear itself.", value=now.bus_down)
        dropped = CounterMetricFamily("tidings_bus_frames_dropped", "Frames that were not for us.", labels=["reason"])
        for reason in REASONS:
            dropped.add_metric([reason], now.bus_frames_dropped.get(reason, 0))
        yield dropped
        limited = CounterMetricFamily(
            "tidings_limited", "Requests refused by the limit of one caller.", labels=["limit"]
        )
        for name, number in now.limited.items():
            limited.add_metric([name], number)
        yield limited
        yield CounterMetricFamily(
            "tidings_writer_seconds", "Time for which the database's writer was held.", value=now.writer_seconds
        )
        yield GaugeMetricFamily("tidings_body_bytes", "Bodies of requests held in memory.", value=now.body_bytes)
        yield GaugeMetricFamily("tidings_head", "The newest event that readers were given.", value=now.head)
        yield CounterMetricFamily("tidings_events", "Events that passed this hub.", value=now.published)
        yield CounterMetricFamily("tidings_deliveries", "Events written to readers.", value=now.delivered)


class ConnectionCounts(Protocol):
    """Connections of the server, and those that it ended itself."""

    @property
    def connections(self) -> Collection[object]:
        """The open ones."""

    refused_connections: int
    timed_out_clients: int


class ConnectionCollector(Collector):
    """Reads the server's own numbers."""

    def __init__(self, server: ConnectionCounts) -> None:
        self._server = server

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("tidings_sockets", "Open connections.", value=len(self._server.connections))
        yield CounterMetricFamily(
            "tidings_connections_refused",
            "Connections refused at once: too many in all, or of one address.",
            value=self._server.refused_connections,
        )
        yield CounterMetricFamily(
            "tidings_clients_timed_out",
            "Connections ended because a request did not come in time.",
            value=self._server.timed_out_clients,
        )


@operation(
    "GET",
    "/healthz",
    id="health",
    tag=TAG,
    answers={200: Answer(description="The process is alive.", type=Alive, example={"status": "ok"})},
    public=True,
)
async def health(request: ApiRequest, api: ApiContext) -> Response:
    """Check that the process is alive."""
    return Json(Alive())


@operation(
    "GET",
    "/readyz",
    id="readiness",
    tag=TAG,
    answers={
        200: Answer(
            description="The process can serve.",
            type=Ready,
            example={"status": "ready", "epoch": "4kq7x2mf", "head": 17, "floor": 0},
        )
    },
    public=True,
)
async def readiness(request: ApiRequest, api: ApiContext) -> Response:
    """Check that the process can serve.

    Where operators have an address of their own, the details are there alone.
    """
    ready = await api.services.status.ready()
    detailed = by_operator(request) or not api.settings.admin_address
    return Json(ready if detailed else Ready(status=ready.status))


@operation(
    "GET",
    "/metrics",
    id="metrics",
    tag=TAG,
    admin=True,
    answers={200: Answer(description="Prometheus metrics.", media="text/plain", schema={"type": "string"})},
    public=True,
)
async def metrics(request: ApiRequest, api: ApiContext) -> Response:
    """Get the metrics of this process."""
    registry = CollectorRegistry()
    registry.register(ServerCollector(api.services.status))
    server = request.scope.get("state", {}).get("tidings.server")  # of `tidings serve`; others count for themselves
    if server is not None:
        registry.register(ConnectionCollector(server))
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


@operation(
    "GET",
    PROBLEMS_PATH,
    id="problems",
    tag=TAG,
    answers={200: Answer(description="A page.", media="text/html", schema={"type": "string"})},
    public=True,
)
async def problem_types(request: ApiRequest, api: ApiContext) -> Response:
    """List the problems that an answer can have: the `type` of each leads here."""
    rows = "".join(f'<h2 id="{kind.code}">{kind.code}</h2><p>{kind.status}: {kind.title()}</p>' for kind in problems())
    return HTMLResponse(f'<!doctype html><html lang="en"><title>Problems</title><h1>Problems</h1>{rows}</html>')


OPERATIONS = (health, readiness, metrics, problem_types)
