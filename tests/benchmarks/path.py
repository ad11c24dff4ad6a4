"""The main path through the real views: from the first interview to the exit, as each role in turn.

`bin/bench path [--rounds N]`. Each round records one invented person, whose two fiches go from sending to return, on
the real catalogue. One figure per request: what the server takes to answer, without a network or a browser. `ratio`
compares the heaviest request with the health page of the same run, so that it holds from one machine to another.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import string
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from referrals.models import BilanKind, ConsentHow, ConsentScope, ContactChannel, ExitKind, Person, Referral
from referrals.states import State
from structures.catalogue import load_catalogue
from structures.models import Structure
from structures.vocabulary import Cecrl, NeedTheme, Quartier, Role, Sex
from tests.benchmarks.harness import percentile, prepare, progress, report
from tests.territory import a_member

BLOIS = Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
HEALTH = "health"
SEED = 20261117
SCOPES = [scope.value for scope in ConsentScope]


class Watch:
    """Times requests by the name of their step, and counts what each asks of the database."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}
        self.queries: dict[str, list[int]] = {}
        self.asked = 0

    def count(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """One query more."""
        self.asked += 1
        return execute(*arguments)

    def get(self, step: str, client: Client, path: str) -> HttpResponse:
        """Open a page. Raises `RuntimeError` when it is not shown."""
        return self._measure(step, lambda: client.get(path), 200)

    def post(self, step: str, client: Client, path: str, **data: Any) -> HttpResponse:
        """Send a form. Raises `RuntimeError` when it is refused: what is measured is the path that succeeds."""
        return self._measure(step, lambda: client.post(path, data), 302, 204)

    def _measure(self, step: str, ask: Callable[[], Any], *expected: int) -> HttpResponse:
        self.asked = 0
        started = time.perf_counter()
        with connection.execute_wrapper(self.count):
            answer = ask()
        elapsed = 1000 * (time.perf_counter() - started)
        if answer.status_code not in expected:
            raise RuntimeError(f"{step}: {answer.status_code} instead of {expected}")
        self.times.setdefault(step, []).append(elapsed)
        self.queries.setdefault(step, []).append(self.asked)
        return answer


class Office:
    """The real catalogue, and one browser session for each role."""

    def __init__(self) -> None:
        load_catalogue(BLOIS)
        self.adviser = self._session("Mission locale", Role.PRESCRIBER)
        self.trainer = self._session("Cria 41", Role.RECEIVER)
        self.teacher = self._session("Alire", Role.RECEIVER)
        self.city = self._session("Ville de Blois", Role.COORDINATOR)
        self.nobody = Client(SERVER_NAME="localhost")
        self.dice = random.Random(SEED)

    @staticmethod
    def _session(structure: str, *roles: Role) -> Client:
        client = Client(SERVER_NAME="localhost")
        client.force_login(a_member(Structure.objects.get(short_name=structure), *roles))
        return client

    def name(self) -> str:
        """A name like no other: a likely duplicate would stop the form."""
        return "".join(self.dice.choices(string.ascii_lowercase, k=12)).capitalize()


def record_person(office: Office, watch: Watch) -> Person:
    """The first interview, needs included."""
    watch.get("home", office.adviser, "/")
    watch.get("person form", office.adviser, "/personnes/nouvelle/")
    last_name = office.name()
    watch.post(
        "record a person",
        office.adviser,
        "/personnes/nouvelle/",
        first_name=office.name(),
        last_name=last_name,
        birth_date="04/05/1996",
        phone="02 61 91 12 34",
        sex=Sex.WOMAN.value,
        contact_channel=ContactChannel.CALL.value,
        quartier=Quartier.NORD.value,
        needs=[NeedTheme.FRENCH.value],
    )
    return Person.objects.get(last_name=last_name)


def send_fiche(office: Office, watch: Watch, person: Person, action: str, **origin: str) -> Referral:
    """From the suggestions to the sending."""
    opened = watch.post("open a fiche", office.adviser, f"/personnes/{person.pk}/fiches/", action=action, **origin)
    watch.get("send form", office.adviser, opened["Location"])
    fiche = Referral.objects.get(person=person, action__slug=action)
    watch.post(
        "send",
        office.adviser,
        f"/fiches/{fiche.reference}/envoyer/",
        version=fiche.version,
        motive="Souhaite progresser en français.",
        consent_how=ConsentHow.ORAL.value,
        consent_scope=SCOPES,
    )
    return fiche


def accept(watch: Watch, receiver: Client, fiche: Referral, now: dt.datetime) -> None:
    """The receiver's queue, the fiche, and the answer."""
    watch.get("receiver's queue", receiver, "/")
    watch.get("fiche page", receiver, f"/fiches/{fiche.reference}/")
    fiche.refresh_from_db()
    meeting = timezone.localtime(now) + dt.timedelta(days=1)
    path = f"/fiches/{fiche.reference}/accepter/"
    watch.post("accept", receiver, path, version=fiche.version, appointment_at=f"{meeting:%Y-%m-%dT%H:%M}")
    fiche.refresh_from_db()


def position(office: Office, watch: Watch, fiche: Referral, now: dt.datetime) -> str:
    """The positionnement; the identifier of the bilan that it returns."""
    path = f"/fiches/{fiche.reference}/positionnement/"
    watch.get("positionnement form", office.trainer, path)
    watch.post(
        "positionnement",
        office.trainer,
        path,
        version=fiche.version,
        on=timezone.localdate(now).isoformat(),
        level_oral=1,
        level_written=1,
        french_oral=Cecrl.A1.value,
        french_written=Cecrl.A1.value,
        conclusion="Se présente et comprend des consignes simples.",
        recommended=[NeedTheme.FRENCH.value],
    )
    return str(fiche.bilans.get().pk)


def follow(office: Office, watch: Watch, fiche: Referral, now: dt.datetime) -> None:
    """The person comes; the final bilan is begun, saved and returned; the exit is noted."""
    today = timezone.localdate(now).isoformat()
    path = f"/fiches/{fiche.reference}"
    watch.post("enter", office.teacher, f"{path}/venue/", version=fiche.version, on=today)
    started = watch.post("begin a bilan", office.teacher, f"{path}/bilans/{BilanKind.FINAL.value}/")
    watch.get("bilan form", office.teacher, started["Location"])
    bilan = fiche.bilans.get()
    written = {
        "on": today,
        "before_oral": 1,
        "after_oral": 2,
        "french_oral_before": Cecrl.A1.value,
        "french_oral_after": Cecrl.A2.value,
        "hours": 60,
        "attendance": 90,
        "summary": "Parle et lit au niveau A2.",
    }
    watch.post("save a bilan", office.teacher, f"/bilans/{bilan.pk}/brouillon/", **written)
    watch.post("return a bilan", office.teacher, f"/bilans/{bilan.pk}/rendre/", **written)
    watch.get("bilan page", office.adviser, f"/bilans/{bilan.pk}/")
    fiche.refresh_from_db()
    leaving = {"version": fiche.version, "kind": ExitKind.CDI.value, "on": today}
    watch.post("exit", office.teacher, f"{path}/sortie/", **leaving)


def walk(office: Office, watch: Watch) -> None:
    """One round. Raises `RuntimeError` when the path does not end where it should."""
    now = timezone.now()
    watch.get(HEALTH, office.nobody, "/sante")
    person = record_person(office, watch)
    watch.get("suggestions", office.adviser, f"/personnes/{person.pk}/suggestions/")
    first = send_fiche(office, watch, person, "cria-bilan")
    accept(watch, office.trainer, first, now)
    bilan = position(office, watch, first, now)
    watch.get("suggestions from a bilan", office.adviser, f"/personnes/{person.pk}/suggestions/?bilan={bilan}")
    second = send_fiche(office, watch, person, "alire-fli", bilan=bilan)
    accept(watch, office.teacher, second, now)
    follow(office, watch, second, now)
    watch.get("pathway", office.adviser, f"/personnes/{person.pk}/")
    watch.get("statistics", office.city, "/statistiques/")
    second.refresh_from_db()
    if second.state != State.ENDED:
        raise RuntimeError(f"the path ends on {second.state}")


def main(argv: list[str]) -> None:
    """Walk the path, print the figures."""
    parser = argparse.ArgumentParser(prog="bin/bench path", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="persons recorded (30 unless told)")
    rounds = parser.parse_args(argv).rounds
    if rounds < 1:
        parser.error("--rounds is 1 or more")
    prepare()
    with tempfile.TemporaryDirectory() as folder, override_settings(STATIC_ROOT=folder):
        # Pages name their static files by the manifest, as in production.
        call_command("collectstatic", interactive=False, verbosity=0)
        office = Office()
        # The first round compiles the templates: it is walked, and not kept.
        walk(office, Watch())
        watch = Watch()
        for _ in progress(range(rounds), "rounds"):
            walk(office, watch)
    p95 = {step: percentile(times, 95) for step, times in watch.times.items()}
    heaviest = max(p95, key=lambda step: p95[step])
    p50 = {step: percentile(times, 50) for step, times in watch.times.items()}
    most = {step: max(queries) for step, queries in watch.queries.items()}
    report(
        "path",
        ["step", "requests", "p50 ms", "p95 ms", "queries"],
        [[step, len(times), p50[step], p95[step], most[step]] for step, times in watch.times.items()],
        {
            "rounds_count": rounds,
            "requests_count": sum(len(times) for times in watch.times.values()),
            "round_ms": round(sum(map(sum, watch.times.values())) / rounds, 1),
            "heaviest": heaviest,
            "heaviest_p95_ms": round(p95[heaviest], 2),
            "health_p95_ms": round(p95[HEALTH], 2),
            "ratio": round(p95[heaviest] / p95[HEALTH], 1),
            "steps": {
                step: {"p50_ms": round(p50[step], 2), "p95_ms": round(p95[step], 2), "queries_count": most[step]}
                for step in watch.times
            },
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
