"""The addresses of the statistics."""

from django.urls import path

from reporting.alerts import alerts
from reporting.saved_views import (
    saved_view_delete,
    saved_view_list,
    saved_view_new,
    saved_view_rename,
    saved_view_restore,
)
from reporting.session_reports import (
    session_report_detail,
    session_report_list,
    session_report_pdf,
    session_report_print,
)
from reporting.views import dashboard, export, pathways

app_name = "reporting"
urlpatterns = [
    path("statistiques/", dashboard, name="dashboard"),
    path("statistiques/alertes/", alerts, name="alerts"),
    path("statistiques/export.<str:kind>", export, name="export"),
    path("statistiques/vues/", saved_view_list, name="saved_view_list"),
    path("statistiques/vues/nouvelle/", saved_view_new, name="saved_view_new"),
    path("statistiques/vues/<int:pk>/", saved_view_rename, name="saved_view_rename"),
    path("statistiques/vues/<int:pk>/supprimer/", saved_view_delete, name="saved_view_delete"),
    path("statistiques/vues/<int:pk>/retablir/", saved_view_restore, name="saved_view_restore"),
    path("statistiques/parcours/", pathways, name="pathways"),
    path("statistiques/sessions/", session_report_list, name="session_report_list"),
    path("statistiques/sessions/<int:pk>/", session_report_detail, name="session_report_detail"),
    path("statistiques/sessions/<int:pk>/imprimer/", session_report_print, name="session_report_print"),
    path("statistiques/sessions/<int:pk>/bilan.pdf", session_report_pdf, name="session_report_pdf"),
]
