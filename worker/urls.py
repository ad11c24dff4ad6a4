"""The addresses that tell how letters leave: the support's page, what monitoring reads."""

from django.urls import path

from worker import views
from worker.metrics import metrics

app_name = "worker"
urlpatterns = [
    path("exploitation/", views.operation, name="operation"),
    path("exploitation/renvoyer/", views.replay, name="replay"),
    path("exploitation/<uuid:pk>/abandonner/", views.abandon, name="abandon"),
    path("sante/envois", views.posting_health, name="posting_health"),
    path("metrics", metrics, name="metrics"),
]
