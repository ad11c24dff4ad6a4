"""What is erased every night."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from structures.models import ImportBatch
from tests.territory import a_batch, a_structure
from worker import tasks
from worker.celery import app
from worker.schedule import SCHEDULE

pytestmark = pytest.mark.django_db


def test_each_night_erases_the_tables_of_more_than_thirty_days() -> None:
    now = timezone.now()
    recent = a_batch(a_structure(), now, [["Nom"], ["Atelier"]])
    a_batch(a_structure(), now - dt.timedelta(days=31), [["Nom"], ["Atelier"]])
    tasks.forget_imports()
    assert list(ImportBatch.objects.all()) == [recent]


def test_every_task_of_the_schedule_exists() -> None:
    assert all(entry["task"] in app.tasks for entry in SCHEDULE.values())
