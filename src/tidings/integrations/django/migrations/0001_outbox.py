"""Make the table of the outbox."""

from typing import Any

from django.db import migrations

from tidings.outbox import TABLE, ddl


def make(apps: Any, schema_editor: Any) -> None:
    """Raises ValueError for a database that the outbox is not for."""
    schema_editor.execute(ddl(schema_editor.connection.vendor))


def drop(apps: Any, schema_editor: Any) -> None:
    """Drop the table, and with it the notifications that were not published."""
    schema_editor.execute(f"DROP TABLE {TABLE}")


class Migration(migrations.Migration):
    """One table, which no model describes."""

    operations = (migrations.RunPython(make, drop),)
