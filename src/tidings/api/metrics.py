"""The metrics: this process's numbers in Prometheus's text format, and those of the other workers beside them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tidings.domain.ports import Workers
from tidings.services.status import StatusService
from tidings.settings import WorkerPlace

REASONS = ("malformed", "version", "epoch")  # of `bus.frame.Reason`
TRANSPORTS = ("sse", "ws", "poll", "seed")
METRICS_QUESTION = "metrics"  # to the other workers
METRICS_WITHIN = 1.0  # seconds


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


class ReadMetrics(Collector):
    """Gives what was read elsewhere."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class Metrics:
    """The metrics of this process, and of all workers of this machine."""

    def __init__(
        self,
        status: StatusService,
        *,
        workers: Workers,
        place: WorkerPlace | None,
        server: Callable[[], ConnectionCounts | None],
    ) -> None:
        """`server` gives the counts of the server that this process is; other ASGI servers count for themselves."""
        self._status = status
        self._workers = workers
        self._place = place
        self._server = server
        workers.on[METRICS_QUESTION] = lambda _: self.of_this_process()

    def of_this_process(self) -> bytes:
        """The numbers of this process."""
        collectors: list[Collector] = [ServerCollector(self._status)]
        server = self._server()
        if server is not None:
            collectors.append(ConnectionCollector(server))
        return _text(collectors)

    async def of_all_workers(self) -> bytes:
        """The numbers of this process alone, or those of each worker with a label that names it."""
        own = self.of_this_process()
        if self._place is None:
            return own
        texts: dict[int, bytes] = {}
        answers = await self._workers.ask(METRICS_QUESTION, within=METRICS_WITHIN)
        # A worker that leaves may be there beside its successor, whose name is greater.
        for name, answer in sorted([*answers.items(), (self._place.name, own)]):
            if answer is not None:
                texts[WorkerPlace.number_in(name)] = answer
        return merged({number: texts.get(number) for number in range(1, self._place.count + 1)})


def worker_up() -> GaugeMetricFamily:
    """The series that says which workers answer; there is none for a process that serves alone."""
    return GaugeMetricFamily("tidings_worker_up", "1 while this worker answers.", labels=["worker"])


def merged(texts: Mapping[int, bytes | None]) -> bytes:
    """The metrics of workers in one text, each sample with the label `worker`; None of a worker that did not answer.

    There are no totals beside them: a sum over the label would count everything twice.
    """
    up = worker_up()
    families: dict[str, Metric] = {up.name: up}
    for number, text in texts.items():
        up.add_metric([str(number)], float(text is not None))
        for read in text_string_to_metric_families((text or b"").decode()):
            family = families.setdefault(read.name, Metric(read.name, read.documentation, read.type))
            for sample in read.samples:
                family.samples.append(sample._replace(labels={**sample.labels, "worker": str(number)}))
    return _text([ReadMetrics(families.values())])


def _text(collectors: Iterable[Collector]) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
