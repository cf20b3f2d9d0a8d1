"""`tidings outbox`: the table in an application's database, and the worker that publishes from it."""

import signal
from collections.abc import Iterable

import click

from tidings.cli.arguments import OneLineCommand
from tidings.cli.connection import connected, server_options
from tidings.cli.log import log_to_stderr
from tidings.extras import pip_install
from tidings.integrations.outbox_worker import outbox_worker
from tidings.outbox import DIALECTS
from tidings.outbox import ddl as statement
from tidings.outbox.worker import OutboxWorker


@click.group()
def outbox() -> None:
    """Publish what an application wrote in its own transactions."""


@outbox.command(cls=OneLineCommand)
@click.option("--dialect", type=click.Choice(DIALECTS), default=DIALECTS[0], show_default=True)
def ddl(dialect: str) -> None:
    """Print the statement that makes the table."""
    click.echo(statement(dialect), nl=False)


@outbox.command(cls=OneLineCommand)
@click.option("--db", envvar="TIDINGS_OUTBOX_DB", required=True, help="postgresql://.. or an SQLite file.")
@click.option("--metrics", type=click.IntRange(1, 65535), help="Serve metrics on this port of this machine.")
@server_options
def run(db: str, metrics: int | None, url: str, token: str | None) -> None:
    """Publish from the table until SIGTERM or Ctrl-C. A second worker waits until the first has ended.

    TIDINGS_OUTBOX_DB is the same as --db.
    """
    log_to_stderr("info")
    with connected(url, token=token) as client:
        worker = outbox_worker(db, client)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        if metrics is not None:
            _serve_metrics(worker, metrics)
        try:
            worker.run()
        except ModuleNotFoundError as error:
            raise click.ClickException(f"{error.name} is not installed: {pip_install('outbox')}") from error


def _serve_metrics(worker: OutboxWorker, port: int) -> None:
    try:
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
        from prometheus_client.registry import Collector
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: {pip_install('app')}") from error

    class WorkerCollector(Collector):
        def collect(self) -> Iterable[Metric]:
            yield GaugeMetricFamily(
                "tidings_outbox_lag_seconds", "Age of the oldest row that waits to be published.", value=worker.lag
            )
            yield CounterMetricFamily("tidings_outbox_published", "Rows published.", value=worker.published)
            yield CounterMetricFamily("tidings_outbox_rejected", "Rows refused by the server.", value=worker.rejected)

    registry = CollectorRegistry()
    registry.register(WorkerCollector())
    start_http_server(port, addr="127.0.0.1", registry=registry)
