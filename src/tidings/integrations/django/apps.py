"""The application as Django sees it."""

from django.apps import AppConfig


class TidingsConfig(AppConfig):
    """Its migration makes the table of the outbox."""

    name = "tidings.integrations.django"
    label = "tidings"
