import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from referrals.french import moment_words
from worker.models import HeartbeatKind
from worker.state import Picture, Verdict

EXIT_CODES = {Verdict.FINE: 0, Verdict.LATE: 1, Verdict.STOPPED: 2}


class Command(BaseCommand):
    """The state of what leaves without a click, for cron and monitoring."""

    help = "Dit où en sont les envois. Code de sortie\u00a0: 0 tout va bien, 1 du retard, 2 plus rien ne part."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the form of the answer."""
        parser.add_argument("--json", action="store_true", help="répond par un objet JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the state and end with its exit code."""
        picture = Picture.take(timezone.now())
        self.stdout.write(json.dumps(_data(picture)) if options["json"] else _words(picture))
        if code := EXIT_CODES[picture.verdict]:
            sys.exit(code)


def _data(picture: Picture) -> dict[str, Any]:
    pulse = picture.pulse
    moments = {"oldest_due": pulse.oldest_due, "last_pickup": pulse.picked_up_at, "last_beat": pulse.beat_at}
    return {
        "verdict": picture.verdict.value,
        **{name: moment.isoformat() if moment is not None else None for name, moment in moments.items()},
        "reminders": {"due": picture.due, "late": picture.late},
        "letters": {
            lane.channel: {
                "due": lane.due,
                "late": lane.late,
                "retried": lane.retried,
                "sending": lane.sending,
                "failed": lane.failed,
            }
            for lane in picture.lanes
        },
        "dead_letters": [{"channel": one.channel, "code": one.code, "count": one.count} for one in picture.failures],
        "workers_alive": picture.alive(HeartbeatKind.WORKER),
        "beats_alive": picture.alive(HeartbeatKind.BEAT),
    }


def _words(picture: Picture) -> str:
    pulse = picture.pulse
    moments = (
        ("Plus ancien envoi dû", pulse.oldest_due),
        ("Dernier passage d’un worker", pulse.picked_up_at),
        ("Dernier signe de l’horloge", pulse.beat_at),
    )
    lines = [
        f"{picture.verdict.label}.",
        f"Relances dues\u00a0: {picture.due}, dont en retard\u00a0: {picture.late}.",
        *(
            f"{lane.label}\u00a0: {lane.due} à envoyer, {lane.late} en retard, {lane.retried} réessayées, "
            f"{lane.sending} en cours, {lane.failed} abandonnées."
            for lane in picture.lanes
        ),
        *(f"{label}\u00a0: {moment_words(moment) if moment is not None else 'aucun'}." for label, moment in moments),
        f"Workers vivants\u00a0: {picture.alive(HeartbeatKind.WORKER)}. "
        f"Horloges vivantes\u00a0: {picture.alive(HeartbeatKind.BEAT)}.",
    ]
    return "\n".join(lines)
