"""A reconnect storm: all streams return at once, each a hundred events behind, while others receive live events."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from bench.load import listeners
from bench.runner import Figure, Publisher, Runner, beside, middle
from bench.servers import BASELINE, NCHAN_PEER, Failed, Running, draft, payload, stamped

SIZE = 150  # bytes of payload
BEHIND = 100  # events
BATCH = 1000  # notifications in one request: the most that one may have
FOREIGN = 7000  # events of other users among them: with those, as much as the ring holds
LIVE_RATE = 20.0  # events a second to those who were there all along
LIVE_STREAMS = 200
REPLAYING_BASELINE = replace(BASELINE, sse="/replay")
REPLAYING_NCHAN = replace(NCHAN_PEER, sse="/replay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    seconds: float  # from the first connect to the last missed event heard
    live_p99_ms: float  # of live events meanwhile


def missed(target: Running, publisher: Publisher, *, clients: int, own: bool, foreign: int) -> str:
    """Publish what the clients missed; the header with which they come back.

    Either BEHIND announcements that all of them missed, or BEHIND notifications for each of them alone; and `foreign`
    notifications for other users in between.
    """
    server = target.server
    if not server.publish_many:  # these keep the last hundred events in memory and send them to each new client
        publisher.pace(payload(SIZE), events=BEHIND, rate=1000)
        return ""
    _, _, answer = publisher.send(payload(SIZE))
    cursor = json.loads(answer)["cursor"]
    for _ in range(BEHIND):
        users: list[dict[str, object]]
        users = [{"user": f"u{number}"} for number in range(clients)] if own else [{"all": True}]
        users += [{"user": f"foreign{number}"} for number in range(foreign // BEHIND)]
        for some in range(0, len(users), BATCH):
            drafts = [draft(stamped(payload(SIZE)), to=to) for to in users[some : some + BATCH]]
            publisher.post(server.publish_many, json.dumps(drafts).encode())
    return f"Last-Event-ID: {cursor}\r\n"


def come_back(target: Running, *, clients: int, own: bool = False, foreign: int = 0) -> Return:
    server = target.server
    publisher = Publisher(target)
    headers = missed(target, publisher, clients=clients, own=own, foreign=foreign)
    target.stats.settle()
    back = threading.Event()

    def keep_publishing() -> None:
        while not back.wait(1 / LIVE_RATE):
            if server.speaks_json:
                publisher.send(payload(SIZE), to={"user": "live"})
            else:
                publisher.post("/aside", stamped(payload(SIZE)).encode())

    live_path = server.sse.replace("u%d", "live") if server.speaks_json else "/aside"
    with (
        listeners(target, live_path, streams=LIVE_STREAMS, timeout=150) as live,
        ThreadPoolExecutor(1) as thread,
    ):
        publishing = thread.submit(keep_publishing)
        try:
            with listeners(
                target,
                server.sse,
                streams=clients,
                at_once=True,
                expect=clients * BEHIND,
                headers=headers,
                timeout=120,
            ) as herd:
                heard = herd.heard()
        finally:
            back.set()
        publishing.result()
        live.stop()
        meanwhile = live.heard()
    publisher.close()
    if heard.count != clients * BEHIND or heard.out_of_order or meanwhile.out_of_order:
        raise Failed(f"{heard.count} of {clients * BEHIND} missed events, {heard.closed} streams closed")
    return Return(seconds=(heard.last - heard.began) / 1e9, live_p99_ms=meanwhile.p99_ms)


def run(runner: Runner) -> list[Figure]:
    clients = runner.size(5000, 500)
    baseline, ours = runner.alternate(
        [REPLAYING_BASELINE, runner.tidings], lambda target: come_back(target, clients=clients)
    )
    peer = runner.peer(REPLAYING_NCHAN, lambda target: come_back(target, clients=clients))
    own = runner.measure(runner.tidings, lambda target: come_back(target, clients=clients, own=True))
    some = runner.size(2000, 500)
    alone = runner.measure(runner.tidings, lambda target: come_back(target, clients=some))
    among = runner.measure(runner.tidings, lambda target: come_back(target, clients=some, foreign=FOREIGN))
    title = f"{clients:,} clients reconnect at once, each {BEHIND} events behind"
    return [
        Figure(
            key="reconnect",
            group="Coming back",
            title=f"{title}: all caught up",
            unit="s",
            measured=middle(ours, lambda result: result.seconds),
            baseline=middle(baseline, lambda result: result.seconds),
            peers=beside({"Nchan": peer}, lambda result: result.seconds),
            target="5 s",
            limit=5,
        ),
        Figure(
            key="reconnect-live",
            group="Coming back",
            title="live latency meanwhile, p99",
            unit="ms",
            measured=middle(ours, lambda result: result.live_p99_ms),
            baseline=middle(baseline, lambda result: result.live_p99_ms),
            peers=beside({"Nchan": peer}, lambda result: result.live_p99_ms),
            target="100 ms",
            limit=100,
        ),
        Figure(
            key="reconnect-own",
            group="Coming back",
            title=f"the same, each {BEHIND} events of their own: all caught up",
            unit="s",
            measured=own.seconds,
        ),
        Figure(
            key="reconnect-own-live",
            group="Coming back",
            title="live latency meanwhile, p99 (own events)",
            unit="ms",
            measured=own.live_p99_ms,
        ),
        Figure(
            key="reconnect-alone",
            group="Coming back",
            title=f"{some:,} clients reconnect at once, each {BEHIND} events behind: all caught up",
            unit="s",
            measured=alone.seconds,
        ),
        Figure(
            key="reconnect-among",
            group="Coming back",
            title=f"the same among {FOREIGN:,} events of other users",
            unit="s",
            measured=among.seconds,
            target=f"1.3 x of {alone.seconds:.2f} s",
            limit=1.3 * alone.seconds,
        ),
        Figure(
            key="reconnect-among-live",
            group="Coming back",
            title="live latency meanwhile, p99 (among events of other users)",
            unit="ms",
            measured=among.live_p99_ms,
            target="300 ms",
            limit=300,
        ),
    ]
