"""The table of contents: which app answers which address."""

from django.contrib import admin
from django.urls import include, path

from backend import views
from backend.health import health

urlpatterns = [
    path("sante", health, name="health"),
    path("admin/", admin.site.urls),
    path("apparence/", views.theme, name="theme"),
    path("style/", views.style, name="style"),
    path("compte/", include("accounts.urls")),
    path("api/v1/", include("referrals.api.urls")),
    path("", include("worker.urls")),
    path("", include("structures.urls")),
    path("", include("reporting.urls")),
    path("", include("referrals.urls")),
]
