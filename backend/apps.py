from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register

from backend import checks


class BackendConfig(AppConfig):
    """The Django project itself: base templates, components and template tags."""

    name = "backend"
    verbose_name = "Relais"

    def ready(self) -> None:
        """Register what `manage.py check` says about protection."""
        register(checks.doors_are_closed, Tags.security)
        register(checks.attachments_stand_apart, Tags.security)
        register(checks.demo_reaches_nobody, Tags.security)
        register(checks.ready_for_real_people, Tags.security, deploy=True)


class RelaisAdminConfig(AdminConfig):
    """Makes `django.contrib.admin.site` the site of `backend.admin`, so that apps register as usual."""

    default_site = "backend.admin.RelaisAdminSite"
