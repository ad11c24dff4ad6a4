from django.apps import AppConfig


class BackendConfig(AppConfig):
    """The Django project itself: base templates, components and template tags."""

    name = "backend"
    verbose_name = "Relais"
