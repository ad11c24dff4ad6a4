"""Everything that happens without a click.

Beat only wakes: due dates live in the database, so that any number of beats and workers is harmless, and a wake that
is lost is made up for by the next one.
"""

from typing import Any

from celery.schedules import crontab

WAKE_SECONDS = 10.0
REFRESH_SECONDS = 3600.0

SCHEDULE: dict[str, dict[str, Any]] = {
    "wake": {
        "task": "worker.tasks.wake",
        "schedule": WAKE_SECONDS,
        # Wakes that found every worker busy, or none there, do not pile up.
        "options": {"expires": WAKE_SECONDS},
    },
    "count_facts": {
        "task": "worker.tasks.count_facts",
        # Figures are right without it: what is not counted yet is read from the queue, which it keeps short.
        "schedule": WAKE_SECONDS,
        "options": {"expires": WAKE_SECONDS},
    },
    "refresh": {
        "task": "worker.tasks.refresh",
        "schedule": REFRESH_SECONDS,
        "options": {"expires": REFRESH_SECONDS},
    },
    # A night that is missed is made up for by the next one.
    "forget_imports": {"task": "worker.tasks.forget_imports", "schedule": crontab(hour=3, minute=10)},
    "forget_notices": {"task": "worker.tasks.forget_notices", "schedule": crontab(hour=3, minute=30)},
    "sweep_attachments": {"task": "worker.tasks.sweep_attachments", "schedule": crontab(hour=3, minute=20)},
    "ask_to_confirm": {
        "task": "worker.tasks.ask_to_confirm",
        # Before the offices open. What a lost pass left is asked for by the next one.
        "schedule": crontab(hour=7, minute=20),
    },
}
