"""Addresses of the import of actions."""

from django.urls import URLPattern, path

from structures.imports import views

urlpatterns: list[URLPattern] = [
    path("actions/gestion/imports/", views.import_list, name="import_list"),
    path("actions/gestion/imports/modele.<slug:kind>", views.import_model, name="import_model"),
    path("actions/gestion/imports/<int:pk>/", views.import_detail, name="import_detail"),
    path("actions/gestion/imports/<int:pk>/colonnes/", views.import_columns, name="import_columns"),
    path("actions/gestion/imports/<int:pk>/importer/", views.import_run, name="import_run"),
    path("actions/gestion/imports/<int:pk>/annuler/", views.import_undo, name="import_undo"),
    path("actions/gestion/imports/<int:pk>/a-corriger/", views.import_faults, name="import_faults"),
]
