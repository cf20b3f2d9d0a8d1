"""An outbox worker that publishes by a client: of a server, or of `tidings.App` (`notifications.sync`)."""

import json
from collections.abc import Sequence
from functools import partial

from tidings.client import Client, ClientError, TidingsProblem
from tidings.outbox.tables import opened_table
from tidings.outbox.worker import Away, OutboxWorker, Refused

# Problems of a notification itself; with every other one, the next try may be taken.
_REFUSALS = frozenset({400, 404, 413, 415, 422})


def outbox_worker(db: str, client: Client) -> OutboxWorker:
    """The worker of the table in a database: `run()` it in a thread or a process, `stop()` it from another.

    `db` is `postgresql://..` (psycopg), `sqlite:///file` or a file. The client may publish; it is not closed.
    """
    return OutboxWorker(partial(opened_table, db), partial(_publish, client))


def _publish(client: Client, texts: Sequence[str], name: str) -> None:
    try:
        notifications = [json.loads(text) for text in texts]
        if not all(isinstance(one, dict) for one in notifications):
            raise Refused("a notification is an object of JSON")
        client.publish_batch(notifications, idempotency_key=name)
    except TidingsProblem as problem:
        if problem.status in _REFUSALS or problem.code == "topic_forbidden":
            raise Refused(str(problem)) from problem
        raise Away(str(problem)) from problem
    except ClientError as error:
        raise Away(str(error)) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"invalid: {error}") from error
