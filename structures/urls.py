"""Addresses of the catalogue."""

from django.urls import URLPattern, path

from structures import views

app_name = "structures"
urlpatterns: list[URLPattern] = [
    path("actions/", views.action_list, name="action_list"),
    path("actions/<slug:slug>/", views.action_detail, name="action_detail"),
    path("actions/<slug:slug>/imprimer/", views.action_sheet, name="action_sheet"),
]
