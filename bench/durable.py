"""How many notifications a second are on the disk before their publisher is answered."""

import json
from dataclasses import replace

from bench.load import Published, publish
from bench.runner import Figure, Lab, beside, middle
from bench.servers import FLOOR, STARLETTE, Running, draft

SIZE = 150  # bytes of text
PUBLISHERS = 32
BATCH = 500
# The floor appends to a file, with one fdatasync for all who came meanwhile; the peer is what one would write
# first: a transaction for each request.
APPEND = replace(FLOOR, publish="/append")
TRANSACTIONS = replace(STARLETTE, name="Starlette + sqlite3", publish="/append")


def run(lab: Lab) -> list[Figure]:
    seconds = lab.size(8, 2)
    one = json.dumps(draft("x" * SIZE, to={"user": "nobody"})).encode()
    many = json.dumps([draft("x" * SIZE, to={"user": "nobody"})] * BATCH).encode()

    def told(target: Running, done: Published, cpu: float, *, each: int) -> Published:
        used = (target.meter.cpu() - cpu) / (done.answered * each) * 1e6
        lab.say(f"  {target.server.name}: {done.per_second * each:,.0f}/s, {used:.0f} µs CPU each, {done}")
        return done

    def singles(target: Running) -> Published:
        publish(target, target.server.publish, one, connections=PUBLISHERS, seconds=0.5)
        cpu = target.meter.cpu()
        done = publish(target, target.server.publish, one, connections=PUBLISHERS, seconds=seconds)
        return told(target, done, cpu, each=1)

    def batches(target: Running) -> Published:
        path = target.server.publish_many or target.server.publish
        publish(target, path, many, connections=2, seconds=0.5)
        cpu = target.meter.cpu()
        return told(target, publish(target, path, many, connections=2, seconds=seconds), cpu, each=BATCH)

    floor, ours = lab.alternate([APPEND, lab.tidings], singles)
    floor_many, ours_many = lab.alternate([APPEND, lab.tidings], batches)
    peer, peer_many = lab.peer(TRANSACTIONS, singles), lab.peer(TRANSACTIONS, batches)
    return [
        Figure(
            key="durable-single",
            group="Publishing",
            title=f"durable single publishes, {PUBLISHERS} keep-alive publishers",
            unit="/s",
            measured=middle(ours, lambda done: done.per_second),
            floor=middle(floor, lambda done: done.per_second),
            peers=beside({TRANSACTIONS.name: peer}, lambda done: done.per_second),
            target="4 000/s",
            limit=4000,
            more_is_better=True,
        ),
        Figure(
            key="durable-batch",
            group="Publishing",
            title=f"durable notifications in batches of {BATCH}, 2 publishers",
            unit="/s",
            measured=middle(ours_many, lambda done: done.per_second * BATCH),
            floor=middle(floor_many, lambda done: done.per_second * BATCH),
            peers=beside({TRANSACTIONS.name: peer_many}, lambda done: done.per_second * BATCH),
            target="25 000/s",
            limit=25_000,
            more_is_better=True,
        ),
    ]
