"""What Celery runs: each task is two lines around a plain function that can be called without Celery."""

from django.utils import timezone

from referrals.freshness import ask_structures
from referrals.models import Attachment, FailingAddress, Notification, PersonBatch
from reporting.facts import fold_all
from structures.models import ImportBatch
from worker import stopping
from worker.catalogue import refresh_offers
from worker.celery import app
from worker.drain import drain


@app.task
def wake() -> None:
    """Settle what is due and post what is written."""
    drain(stopping=stopping.is_asked)


@app.task
def count_facts() -> None:
    """Count what has changed, for the statistics."""
    fold_all(timezone.now())


@app.task
def refresh() -> None:
    """Bring the offers whose session has begun or is over up to date."""
    refresh_offers()


@app.task
def forget_imports() -> None:
    """Erase the cells of old imports, of actions and of persons."""
    now = timezone.now()
    ImportBatch.objects.forget(now)
    PersonBatch.objects.forget(now)


@app.task
def sweep_attachments() -> None:
    """Remove the files that an upload cut short left without a row."""
    Attachment.objects.sweep(timezone.now())


@app.task
def forget_notices() -> None:
    """Forget old notifications, and the failing addresses that nobody has any more."""
    now = timezone.now()
    Notification.objects.forget(now)
    FailingAddress.objects.sweep(now)


@app.task
def ask_to_confirm() -> None:
    """Ask structures whether their actions are still true."""
    ask_structures(timezone.now())
