"""The storm of `bin/bench chaos`, in a short form: nothing lost, nothing doubled but what the window explains."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.utils import timezone

from tests.worker.cohort import Cohort
from tests.worker.storm import is_tried, storm

pytestmark = pytest.mark.django_db(transaction=True)


def test_workers_killed_connections_cut_and_a_mail_server_that_fails_lose_and_double_nothing(tmp_path: Path) -> None:
    cohort = Cohort(timezone.now())
    cohort.announcements(240, over=dt.timedelta(weeks=3))
    cohort.recalls(10)
    cohort.meetings(15, in_days=-3)
    cohort.meetings(15, in_days=1)
    with storm(tmp_path, workers=2, seed=1, delay=0.01) as weather:
        weather.blow(lambda: weather.kills >= 6 or is_tried(), every=0.7, seconds=60)
        weather.settle_down(60)
        verdict = weather.verdict(cohort.must_leave, cohort.must_drop)
        logs = weather.celery.logs()
    assert verdict.is_sound, verdict
    assert verdict.due == 300
    assert verdict.kills >= 1
    assert verdict.sent + verdict.refused >= len(cohort.must_leave)
    assert "@example.org" not in logs
