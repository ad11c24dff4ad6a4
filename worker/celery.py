"""The Celery application. Only this package speaks Celery."""

import os

from celery import Celery
from celery.signals import worker_shutting_down

from worker import stopping
from worker.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

app = Celery("relais")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.conf.beat_scheduler = "worker.beat:SigningScheduler"
app.autodiscover_tasks(["worker"])
worker_shutting_down.connect(stopping.ask)
