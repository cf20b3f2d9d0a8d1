"""What operators and machines ask: is it alive, is it ready, how is it, what does it speak."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route

from tidings.api.context import ApiContext
from tidings.api.http import Json, Request, route
from tidings.api.openapi import document
from tidings.domain.errors import ShuttingDown, StoreUnavailable
from tidings.services.store_gateway import StoreGateway

TRANSPORTS = ("sse", "ws", "poll", "seed")


class ServerCollector(Collector):
    """Reads the hub's own numbers when somebody asks: nothing is counted twice, nothing on the hot path."""

    def __init__(self, gateway: StoreGateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        hub = self._gateway.hub
        open_now = GaugeMetricFamily("tidings_connections", "Streams that are open.", labels=["transport"])
        for transport in TRANSPORTS:
            open_now.add_metric([transport], hub.open[transport])
        yield open_now
        yield GaugeMetricFamily("tidings_topics", "Topics that somebody here listens to.", value=hub.topics)
        yield GaugeMetricFamily("tidings_users", "Users who have a stream here.", value=hub.users)
        yield GaugeMetricFamily("tidings_catching_up", "Readers waiting for a worker.", value=len(hub.catch_up_queue))
        relay = self._gateway.relay
        yield GaugeMetricFamily(
            "tidings_store_unavailable", "1 while the store does not answer and readers wait.", value=relay.store_away
        )
        yield CounterMetricFamily(
            "tidings_store_read_failures", "Background reads that the store did not answer.", value=relay.store_failures
        )
        yield GaugeMetricFamily("tidings_head", "The newest event that readers were given.", value=hub.head)
        yield CounterMetricFamily("tidings_events", "Events that passed this hub.", value=hub.published)
        yield CounterMetricFamily("tidings_deliveries", "Events written to readers.", value=hub.delivered)


def routes(context: ApiContext) -> list[Route]:
    """Health, metrics and the description of the API."""
    gateway = context.gateway
    registry = CollectorRegistry()
    registry.register(ServerCollector(gateway))

    async def healthz(request: Request) -> Response:
        return Json({"status": "ok"})

    async def readyz(request: Request) -> Response:
        if gateway.draining:
            raise ShuttingDown("this server is stopping")
        if gateway.relay.store_away:
            raise StoreUnavailable("the store does not answer; readers that are behind wait for it")
        floor, head = await gateway.store.span()
        return Json({"status": "ready", "epoch": gateway.store.epoch, "head": head, "floor": floor})

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def openapi(request: Request) -> Response:
        return Json(document(seed=gateway.settings.seed))

    return [
        route("/healthz", healthz, "GET"),
        route("/readyz", readyz, "GET"),
        route("/metrics", metrics, "GET"),
        route("/openapi.json", openapi, "GET"),
    ]
