"""`python -m bench [NAME ...]`: run the comparison, print the table, keep it for docs/performance.md."""

import argparse
import os
import platform
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    burst,
    connect,
    durable,
    framing,
    inbox,
    large,
    latency,
    nodes,
    polling,
    reconnect,
    stalled,
    streams,
    table,
    websocket,
)
from bench.process_stats import disk_sync_ms, others_busy
from bench.runner import Figure, Runner
from bench.servers import Failed

HERE = Path(__file__).parent
SCENARIOS: dict[str, Callable[[Runner], list[Figure]]] = {
    "streams": streams.run,
    "framing": framing.run,
    "connect": connect.run,
    "burst": burst.run,
    "durable": durable.run,
    "latency": latency.run,
    "reconnect": reconnect.run,
    "stalled": stalled.run,
    "websocket": websocket.run,
    "polling": polling.run,
    "inbox": inbox.run,
    "nodes": nodes.run,
    "large": large.run,
}
BY_NAME = {"large"}  # takes a quarter of an hour and eight gigabytes of disk: only if it is asked for


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ", ".join(SCENARIOS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to run; all but large by default: {names}")
    parser.add_argument("--quick", action="store_true", help="small and once; nothing is written")
    parser.add_argument("--no-write", action="store_true", help="only print")
    parser.add_argument("--render", action="store_true", help="only write the page again from the results")
    parser.add_argument("--server", default=f"{sys.executable} -m tidings", help="the command under test")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the million notifications of `inbox`, the two of `large`"
    )
    parser.add_argument("--keep", type=Path, help="directory that keeps large databases for the next run")
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "performance.md")
    given = parser.parse_args()
    if unknown := set(given.names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {names}")
    return given


def machine() -> str:
    """The measured machine, as far as it matters for the figures."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    release = platform.release().split("-")[0]
    return f"{os.cpu_count()} x {model}, Linux {release}, Python {platform.python_version()}"


def conditions(files: Path) -> str:
    """The other load on the machine."""
    return f"others use {others_busy():.0%} of it, 4 KB are on the disk in {disk_sync_ms(files):.2f} ms"


def main() -> int:
    given = arguments()
    if given.render:
        table.write_page(given.page, table.load(given.results))
        return 0
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # ours and, inherited, the servers'
    failed = 0
    rows: list[table.Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        files = Path(directory)
        print(machine(), flush=True)
        for name in given.names or [name for name in SCENARIOS if name not in BY_NAME]:
            now = conditions(files)
            print(f"\n== {name} ({now})", flush=True)
            began = time.monotonic()
            runner = Runner(
                files=files / name,
                command=shlex.split(given.server),
                quick=given.quick,
                say=lambda line: print(line, flush=True),
                keep=given.keep,
                scale=given.scale,
            )
            try:
                figures = SCENARIOS[name](runner)
            except Failed as why:
                print(f"FAILED: {why}", flush=True)
                failed += 1
                continue
            print(table.report(figures), f"\n({time.monotonic() - began:.0f} s)", flush=True)
            today = datetime.now(UTC).date().isoformat()
            command = f"make bench ARGS={name}"
            where = f"{machine()}; {now}"
            rows += [table.Row(figure=figure, command=command, date=today, machine=where) for figure in figures]
    if rows and not given.quick and not given.no_write:
        rows = table.merged(table.load(given.results), rows)
        table.save(given.results, rows)
        table.write_page(given.page, rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
