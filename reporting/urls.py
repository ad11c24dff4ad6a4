"""The addresses of the statistics."""

from django.urls import path

from reporting.alerts import alerts
from reporting.session_reports import (
    session_report_detail,
    session_report_list,
    session_report_pdf,
    session_report_print,
)
from reporting.views import dashboard, export

app_name = "reporting"
urlpatterns = [
    path("statistiques/", dashboard, name="dashboard"),
    path("statistiques/alertes/", alerts, name="alerts"),
    path("statistiques/export.csv", export, name="export"),
    path("statistiques/sessions/", session_report_list, name="session_report_list"),
    path("statistiques/sessions/<int:pk>/", session_report_detail, name="session_report_detail"),
    path("statistiques/sessions/<int:pk>/imprimer/", session_report_print, name="session_report_print"),
    path("statistiques/sessions/<int:pk>/bilan.pdf", session_report_pdf, name="session_report_pdf"),
]
