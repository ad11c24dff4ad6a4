"""The Celery application. Only this package speaks Celery."""

import os

from celery import Celery

from worker.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("relais")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks(["worker"])
