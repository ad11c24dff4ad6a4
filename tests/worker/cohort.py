"""Many due reminders of one sort: one fiche is brought there by its verbs, PostgreSQL multiplies it.

Each fiche has a sender, a receiver and a person of its own, so that no address gets more than a few letters.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.utils import timezone

from referrals.models import Appointment, ContactChannel, Person, Referral, Reminder
from referrals.models.reminder import ReminderKind
from structures.models import Action, Structure
from tests.benchmarks.cases import multiply
from tests.territory import a_door, a_person, a_sent, a_structure, an_action


class Cohort:
    """What is due, and what is to become of it: `must_leave` and `must_drop` hold the keys of the reminders.

    Fiches are numbered; a second cohort in the same database goes on `after` the last number of the first.
    """

    def __init__(self, now: dt.datetime, after: int = 0) -> None:
        self.now = now
        self.must_leave: set[UUID] = set()
        self.must_drop: set[UUID] = set()
        self.numbered = after
        self._sender, self._receiver = a_structure(), a_structure()
        self._prescriber, self._trainer = a_door(self._sender).actor, a_door(self._receiver).actor
        self._action = an_action(self._receiver)

    def announcements(self, count: int, over: dt.timedelta) -> None:
        """Fiches whose receiver has not been told yet; they became due one after the other during `over`."""
        late = "make_interval(secs => {})".format(f"{over.total_seconds()} * mod(n, 1000) / 1000")
        fiche = a_sent(self._action, self._prescriber, now=self.now - dt.timedelta(hours=1))
        shifted = {f"{field}": f't."{field}" - {late}' for field in ("sent_at", "clock_from", "consent_at")}
        kinds = [ReminderKind.SENT]
        leave, _ = self._multiply(fiche, count, kinds, shifted, {"due_at": f't."due_at" - {late}'})
        self.must_leave |= leave

    def recalls(self, count: int) -> None:
        """Fiches of 24 days ago: their three recalls became due, one after the other, and only the last is true."""
        fiche = a_sent(self._action, self._prescriber, now=self.now - dt.timedelta(days=24))
        leave, others = self._multiply(fiche, count, [ReminderKind.UNANSWERED])
        self.must_leave |= leave
        self.must_drop |= others

    def meetings(self, count: int, in_days: int) -> None:
        """Rendez-vous of which the person should have been reminded; it still may be when it is ahead."""
        made_at = self.now - dt.timedelta(days=20)
        person = a_person(self._prescriber, made_at, contact_channel=ContactChannel.EMAIL, email="p@example.org")
        fiche = a_sent(self._action, self._prescriber, person, made_at)
        day = timezone.localdate(self.now) + dt.timedelta(days=in_days)
        at = timezone.make_aware(dt.datetime.combine(day, dt.time(10)))
        fiche.accept(self._trainer, made_at + dt.timedelta(hours=1), appointment_at=at)
        found, _ = self._multiply(fiche, count, [ReminderKind.APPOINTMENT])
        if at > self.now:
            self.must_leave |= found
        else:
            self.must_drop |= found

    def _multiply(
        self,
        fiche: Referral,
        count: int,
        kinds: Iterable[ReminderKind],
        of_fiche: dict[str, str] | None = None,
        of_reminder: dict[str, str] | None = None,
    ) -> tuple[set[UUID], set[UUID]]:
        """Write the fiche again `count` times with its due reminders of those kinds: the keys of the last of each
        fiche, and of those before."""
        first, last = self.numbered + 1, self.numbered + count
        self.numbered = last
        numbers = f"SELECT n::int FROM generate_series({first}, {last}) AS n"
        self._multiply_neighbours(fiche.person, numbers)
        fiche_values = {
            "id": _key("fiche"),
            "reference": "'R-' || translate(lpad(upper(to_hex(n)), 6, '0'), '01', 'XY')",
            "person_id": _key("person"),
            "sender_id": _key("sender"),
            "sender_member_id": "NULL",
            "receiver_id": _key("receiver"),
            "action_id": "(SELECT a.id FROM structures_action a WHERE a.slug = 'cohort-' || n)",
        }
        multiply(fiche, numbers, fiche_values | (of_fiche or {}))
        for appointment in Appointment.objects.planned().filter(referral=fiche):
            multiply(appointment, numbers, {"id": _key("appointment"), "referral_id": _key("fiche")})
        sets: list[set[UUID]] = []
        for reminder in Reminder.objects.due(self.now).filter(referral=fiche, kind__in=list(kinds)):
            known = set(Reminder.objects.order_by("id").values_list("pk", flat=True))
            key = f"md5('{reminder.pk}' || n)::uuid"
            multiply(reminder, numbers, {"id": key, "referral_id": _key("fiche")} | (of_reminder or {}))
            sets.append(set(Reminder.objects.order_by("id").values_list("pk", flat=True)) - known)
        Reminder.objects.filter(referral=fiche).delete()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return sets[-1], set().union(*sets[:-1])

    def _multiply_neighbours(self, person: Person, numbers: str) -> None:
        for role in ("sender", "receiver"):
            columns = {
                "id": _key(role),
                "name": f"'{role} ' || n",
                "source_id": f"'cohort-{role}-' || n",
                "email": f"'{role}-' || n || '@example.org'",
            }
            multiply(Structure.objects.get(pk=self._receiver.pk), numbers, columns)
        names = {"slug": "'cohort-' || n", "source_id": "'cohort-' || n"}
        multiply(Action.objects.get(pk=self._action.pk), numbers, {"structure_id": _key("receiver")} | names)
        address = "CASE WHEN t.email = '' THEN '' ELSE 'personne-' || n || '@example.org' END"
        multiply(person, numbers, {"id": _key("person"), "email": address, "recorded_by_id": _key("sender")})


def _key(table: str) -> str:
    """The key of row `n`, as SQL: as scattered as a random one."""
    return f"md5('{table}' || n)::uuid"
