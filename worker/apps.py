from django.apps import AppConfig


class WorkerConfig(AppConfig):
    """Everything that happens without a click."""

    name = "worker"
    verbose_name = "Envois"
