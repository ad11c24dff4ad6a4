"""Who came to the sessions, and what their structures published of them."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from referrals.deadlines import is_working_day
from referrals.demo import words
from referrals.demo.agenda import Story
from referrals.demo.case import Case
from referrals.demo.chance import dice_for
from referrals.demo.office_hours import later, some_time
from referrals.demo.world import World
from referrals.models import Actor, Attendance, Half, Presence, Referral, SessionReport
from referrals.models.attendance import half_days
from referrals.models.session_report import participants
from structures.models import Session

USUAL_DAYS = (1, 3)
"""Tuesday and Thursday, for the actions whose timetable is not known."""
MOST = 60
"""Half-days noted of one person."""


def attend(case: Case, referral: Referral, receiver: Actor, until: dt.datetime) -> None:
    """Note the half-days of somebody in a session, from the entry to the day of `until`."""
    if referral.session is None or referral.entered_on is None:
        return
    dice = dice_for(case.world.seed, f"attendance {case.person.last_name} {referral.action.slug}")
    rate = dice.uniform(0.6, 0.98)
    last = timezone.localdate(until)
    days = [referral.entered_on + dt.timedelta(days=n) for n in range((last - referral.entered_on).days)]
    held = [(day, half) for day in days if is_working_day(day) for half in _halves(referral, day)]
    Attendance.objects.bulk_create(
        Attendance(
            referral=referral,
            on=day,
            half=half,
            mark=Presence.PRESENT if dice.random() < rate else dice.choice((Presence.EXCUSED, Presence.ABSENT)),
            author=receiver.user,
            noted_at=until,
        )
        for day, half in held[:MOST]
    )


def _halves(referral: Referral, day: dt.date) -> list[Half]:
    if referral.action.timetable:
        return half_days(referral.action, day)
    return [Half.MORNING] if day.weekday() in USUAL_DAYS else []


def publish_reports(world: World) -> list[Story]:
    """A story for each session that ends: its structure publishes the bilan collectif some days later."""
    ended = Session.objects.filter(ends_on__isnull=False).select_related("action__structure").order_by("ends_on", "id")
    return [_publish(world, session, session.ends_on) for session in ended if session.ends_on]


def _publish(world: World, session: Session, ends_on: dt.date) -> Story:
    dice = dice_for(world.seed, f"report {session.action.slug} {session.code}")
    at = later(dice, some_time(dice, ends_on), dice.randint(8, 15))
    yield at
    if not participants(session):
        return
    receiver = world.receiver(dice, session.action.structure)
    SessionReport.objects.write(session, dice.choice(words.REPORTS), receiver, at)
    SessionReport.objects.select_related("session").get(session=session).publish(receiver, at)
