"""One worker of `bin/bench reminders`, in a process of its own.

`python -m tests.worker.pickup engine|limit` says when it is ready, begins at a line on its input, and ends when nothing
is due.
"""

from __future__ import annotations

import sys

import django

django.setup()

from django.db import connection, transaction  # noqa: E402 # the models need Django set up
from django.utils import timezone  # noqa: E402

from referrals.models import Message  # noqa: E402
from worker.channels.smtp import SmtpChannel  # noqa: E402
from worker.drain import drain  # noqa: E402

NEXT = (
    "SELECT id FROM referrals_message WHERE state = 'pending' AND not_before <= %s"
    " ORDER BY not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
DONE = "UPDATE referrals_message SET state = 'sent', sent_at = %s WHERE id = %s"


def engine() -> None:
    """The worker's own drain, by one wake after the other, as Celery would give them."""
    while True:
        done = drain()
        if not (done.settled or done.posted.handled):
            return


def limit() -> None:
    """A plain loop: take a row that nobody holds, post it, mark it, commit.

    The letters are written beforehand, and go through the same channel. Nothing is re-checked and nothing rendered, no
    link is issued, no claim is left for others to see: killed, it doubles what it was posting and cannot tell.
    """
    channel = SmtpChannel()
    while True:
        if not channel.is_ready:
            channel.open()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(NEXT, [timezone.now()])
            found = cursor.fetchone()
            if found is None:
                return
            channel.post(Message.objects.get(pk=found[0]))
            cursor.execute(DONE, [timezone.now(), found[0]])


if __name__ == "__main__":
    work = {"engine": engine, "limit": limit}[sys.argv[1]]
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    work()
    print("done", flush=True)
