"""The outbox: notifications written in the application's own transaction, published after its commit.

    from tidings import outbox

    with connection.transaction():
        connection.execute("INSERT INTO likes ...")
        outbox.notify(connection, to={"user": "alice"}, type="like", title="Bob liked your post")

Rule 1. `notify` writes one row on the connection that it is given, and nothing else: it neither commits nor connects.
Rule 2. A row is published once: its batch is written down before it is sent, and is the idempotency key.
Rule 3. Rows are claimed, never read by "id greater than": a transaction that commits late is not passed over.
Rule 4. A row that the server refuses keeps its error and blocks no other.
"""

from tidings.outbox.notify import notify, notify_async
from tidings.outbox.schema import DIALECTS, TABLE, ddl

__all__ = ["DIALECTS", "TABLE", "ddl", "notify", "notify_async"]
