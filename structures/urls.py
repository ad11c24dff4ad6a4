"""Addresses of the catalogue."""

from django.urls import URLPattern, URLResolver, include, path

from structures import views

app_name = "structures"
urlpatterns: list[URLPattern | URLResolver] = [
    path("actions/", views.action_list, name="action_list"),
    path("actions/<slug:slug>/", views.action_detail, name="action_detail"),
    path("actions/<slug:slug>/imprimer/", views.action_sheet, name="action_sheet"),
    path("", include("structures.imports.urls")),
]
