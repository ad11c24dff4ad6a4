"""The addresses of the statistics."""

from django.urls import path

from reporting.views import dashboard

app_name = "reporting"
urlpatterns = [path("statistiques/", dashboard, name="dashboard")]
