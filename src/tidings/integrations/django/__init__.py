"""A Django application with the outbox's table: add `"tidings.integrations.django"` to INSTALLED_APPS.

from django.db import connection, transaction
from tidings import outbox

with transaction.atomic():
    like.save()
    outbox.notify(connection, to={"user": author.pk}, type="like", title="Bob liked your post")
"""
