"""What must stand on today's screens, for each of the main logins: told backwards from today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from referrals.deadlines import add_months, is_working_day
from referrals.demo.agenda import Story
from referrals.demo.case import Case
from referrals.demo.chance import dice_for
from referrals.demo.fates import Fate
from referrals.demo.fiche import tell_fiche
from referrals.demo.kinds import KIND
from referrals.demo.office_hours import last_working_day, local, working_days_before
from referrals.demo.world import World
from referrals.models import ContactChannel
from referrals.states import AppointmentState, Reason, Verb
from structures.vocabulary import NeedTheme, Status


@dataclass(frozen=True)
class Situation:
    """Where a fiche stands today, and how long ago the person was met: working days, or else calendar days."""

    fate: Fate
    working_days: int = 0
    days: int = 0
    months: int = 0
    channel: ContactChannel | None = None


SOON = Fate(answer_days=2, meeting_days=3, joins_session=False, lasts_days=90, bilan_days=0, confirm_days=0)

SENT_NOW = Situation(Fate(answer=None))
DRAFT = Situation(Fate(sent=False), working_days=1)
QUESTIONED = Situation(Fate(answer=None, asks="open"), working_days=3)
CLARIFIED = Situation(Fate(answer=None, asks="answered"), working_days=5)
SENT_LATE = Situation(Fate(answer=None, asks_link=True), working_days=7)
ANSWERED = Situation(replace(SOON, meeting_days=9, came=None), working_days=4)
DECLINED = Situation(Fate(answer=Verb.DECLINE, answer_days=2, reason=Reason.NO_PLACE), working_days=4)
NOT_FOR_THEM = Situation(Fate(answer=Verb.DECLINE, answer_days=1, reason=Reason.NOT_ELIGIBLE), working_days=3)
AT_WORK = replace(DECLINED, fate=replace(DECLINED.fate, reason=Reason.TIMETABLE))
TOO_DEAR = replace(DECLINED, fate=replace(DECLINED.fate, reason=Reason.COST))
ADVISED = Situation(
    Fate(answer=Verb.REDIRECT, answer_days=2, advised=(NeedTheme.EMPLOYMENT, NeedTheme.DIGITAL)), working_days=5
)
REOPENED = Situation(replace(DECLINED.fate, afterwards="reopened"), working_days=6)
GONE = Situation(Fate(answer=None, afterwards="moved_away"), working_days=4)
CAME_BACK = Situation(Fate(answer=None, afterwards="came_back"), working_days=5)
WAITING = Situation(Fate(answer=Verb.WAITLIST, answer_days=2, after_wait=None), working_days=12)
OFFERED = Situation(Fate(answer=Verb.WAITLIST, answer_days=1, after_wait=Verb.OFFER, wait_days=3), working_days=5)
CONFIRMED = Situation(replace(OFFERED.fate, after_wait=Verb.CONFIRM), working_days=7)
LET_GO = Situation(replace(OFFERED.fate, after_wait=Verb.LAPSE), working_days=9)
TO_CONFIRM = Situation(replace(SOON, came=None, entrusted=True), working_days=7)
MEETS_TODAY = Situation(replace(SOON, came=None), working_days=5)
MEETS_TOMORROW = Situation(replace(SOON, came=None), working_days=4, channel=ContactChannel.CALL)
BY_THE_SENDER = replace(MEETS_TOMORROW, channel=ContactChannel.PRESCRIBER)
EXCUSED = Situation(replace(SOON, meeting_days=6, first_meeting=AppointmentState.EXCUSED, came=None), working_days=6)
CAME = Situation(replace(SOON, first_meeting=AppointmentState.CAME, came=None), working_days=7)
POSITIONED = Situation(replace(SOON, confirm_days=1, closed_days=None), working_days=8)
BILAN_LATE = Situation(replace(SOON, bilan=None), days=112)
BILAN_STARTED = Situation(replace(SOON, bilan="draft"), days=108)
EXIT_TO_NOTE = Situation(replace(SOON, closed_days=None), days=108)
RESUMED = Situation(replace(SOON, closed_days=1, afterwards="resumed"), days=112)
TO_CALL = Situation(replace(SOON, closed_days=0, check="open"), days=112, months=6, channel=ContactChannel.CALL)
TO_CALL_BY_THE_SENDER = replace(TO_CALL, channel=ContactChannel.PRESCRIBER)
# Not yet long enough ago for a call.
ASKED = replace(TO_CALL, days=104, channel=ContactChannel.EMAIL)
TO_CALL_BACK = replace(TO_CALL, fate=replace(TO_CALL.fate, check="wants_call"), channel=ContactChannel.EMAIL)


@dataclass(frozen=True)
class Scene:
    """One person in one situation: who sends (a structure's key), to which action (its slug), of which kind."""

    sender: str
    action: str
    kind: str
    situation: Situation


SCENES: tuple[Scene, ...] = (
    # The Mission locale's conseillère follows most of them; each receiver has something of each queue.
    Scene("mission-locale-blaisois", "cria-bilan", "basic_skills", SENT_NOW),
    Scene("mission-locale-blaisois", "cria-bilan", "basic_skills", POSITIONED),
    Scene("mission-locale-blaisois", "accv-parcours-mobilite", "mobility", SENT_LATE),
    Scene("mission-locale-blaisois", "accv-permis-b", "mobility", DECLINED),
    Scene("mission-locale-blaisois", "cidff-accompagnement", "woman", ANSWERED),
    Scene("mission-locale-blaisois", "bio-jardin-cocagne", "worksite", EXIT_TO_NOTE),
    Scene("mission-locale-blaisois", "bio-jardin-cocagne", "worksite", TO_CALL_BY_THE_SENDER),
    Scene("mission-locale-blaisois", "cria-bilan", "basic_skills", DRAFT),
    Scene("quartiers-proximite", "cria-bilan", "learner", MEETS_TODAY),
    Scene("quartiers-proximite", "cria-bilan", "learner", SENT_LATE),
    Scene("quartiers-proximite", "cidff-accompagnement", "woman", SENT_NOW),
    Scene("quartiers-proximite", "cidff-accompagnement", "woman", NOT_FOR_THEM),
    Scene("quartiers-proximite", "accv-diagnostic-mobilite", "mobility", POSITIONED),
    Scene("quartiers-proximite", "alire-apph", "basic_skills", DRAFT),
    Scene("cria-41", "alire-apph", "basic_skills", SENT_NOW),
    Scene("cria-41", "alire-apph", "basic_skills", BILAN_LATE),
    Scene("cria-41", "alire-apph", "basic_skills", TO_CALL),
    Scene("cria-41", "accv-permis-b", "mobility", WAITING),
    Scene("cria-41", "accv-parcours-mobilite", "mobility", DRAFT),
    Scene("plie-blaisois", "alire-apph", "basic_skills", TO_CONFIRM),
    Scene("cidff-41", "alire-apph", "basic_skills", BILAN_STARTED),
    Scene("mdcs-blois", "alire-apph", "basic_skills", WAITING),
    Scene("mission-locale-blaisois", "accv-permis-b", "mobility", TO_CALL_BACK),
    Scene("plie-blaisois", "accv-parcours-mobilite", "mobility", SENT_NOW),
    Scene("plie-blaisois", "bio-jardin-cocagne", "worksite", CAME),
    Scene("plie-blaisois", "bio-jardin-cocagne", "worksite", DRAFT),
    Scene("france-travail-blois", "bio-jardin-cocagne", "worksite", SENT_NOW),
    Scene("france-travail-blois", "bio-jardin-cocagne", "worksite", BILAN_LATE),
    Scene("france-travail-blois", "plie-accompagnement", "senior", SENT_LATE),
    Scene("france-travail-blois", "plie-accompagnement", "senior", BILAN_LATE),
    Scene("france-travail-blois", "mde-clauses-insertion", "senior", SENT_NOW),
    Scene("france-travail-blois", "ml-pas-de-quartier", "youth", SENT_NOW),
    Scene("mdcs-blois", "cidff-accompagnement", "woman", EXIT_TO_NOTE),
    Scene("mdcs-blois", "cidff-accompagnement", "woman", BILAN_LATE),
    Scene("mdcs-blois", "cidff-accompagnement", "woman", TO_CALL),
    Scene("mdcs-blois", "accv-parcours-mobilite", "mobility", BILAN_LATE),
    Scene("mdcs-blois", "accv-parcours-mobilite", "mobility", TO_CONFIRM),
    Scene("mdcs-blois", "accv-permis-b", "mobility", ASKED),
    Scene("cias-blaisois", "qp-ateliers-proximite", "literacy", SENT_NOW),
    Scene("cias-blaisois", "qp-ateliers-proximite", "literacy", BILAN_LATE),
    Scene("cias-blaisois", "cidff-accompagnement", "woman", ASKED),
    Scene("cias-blaisois", "alire-apph", "basic_skills", AT_WORK),
    Scene("cias-blaisois", "accv-permis-b", "mobility", TOO_DEAR),
    Scene("cidff-41", "cria-bilan", "learner", SENT_NOW),
    Scene("cidff-41", "accv-permis-b", "mobility", DRAFT),
    Scene("cidff-41", "alire-apph", "basic_skills", EXCUSED),
    Scene("maison-emploi-blaisois", "bio-jardin-cocagne", "worksite", SENT_LATE),
    Scene("mission-locale-blaisois", "accv-parcours-mobilite", "mobility", ADVISED),
    Scene("mission-locale-blaisois", "cidff-accompagnement", "woman", REOPENED),
    Scene("mission-locale-blaisois", "accv-parcours-mobilite", "mobility", GONE),
    Scene("mission-locale-blaisois", "alire-apph", "basic_skills", CAME_BACK),
    Scene("mission-locale-blaisois", "bio-jardin-cocagne", "worksite", RESUMED),
    Scene("mission-locale-blaisois", "alire-apph", "basic_skills", OFFERED),
    Scene("quartiers-proximite", "accv-permis-b", "mobility", OFFERED),
    Scene("mission-locale-blaisois", "accv-parcours-mobilite", "mobility", CONFIRMED),
    Scene("cidff-41", "accv-permis-b", "mobility", LET_GO),
    Scene("mission-locale-blaisois", "alire-apph", "basic_skills", QUESTIONED),
    Scene("cria-41", "cidff-accompagnement", "woman", QUESTIONED),
    Scene("plie-blaisois", "alire-apph", "basic_skills", CLARIFIED),
    Scene("mission-locale-blaisois", "accv-parcours-mobilite", "mobility", BY_THE_SENDER),
    Scene("plie-blaisois", "cria-bilan", "basic_skills", MEETS_TOMORROW),
)


def tell_scenes(world: World, scenes: Sequence[Scene]) -> Iterator[Story]:
    """One story for each scene."""
    for number, scene in enumerate(scenes):
        yield _tell(world, scene, number)


def _tell(world: World, scene: Scene, number: int) -> Story:
    dice = dice_for(world.seed, f"scene {number}")
    situation, now = scene.situation, world.agenda.now
    start = _start(situation, now) + dt.timedelta(minutes=dice.randint(0, 9))
    action, kind = world.actions[scene.action], KIND[scene.kind]
    theme = next(NeedTheme(theme) for theme in action.themes if any(theme in needs for needs in kind.needs))
    at_home = replace(kind, where={"blois": 1.0}, in_qpv=1.0 if scene.kind in ("youth", "woman") else kind.in_qpv)
    forced: dict[str, Any] = {"availability": []}
    if situation.channel is not None:
        forced["contact_channel"] = situation.channel
    if scene.action == "accv-permis-b":
        forced["licence"] = "none"
    invented = world.people.invent(dice, at_home, timezone.localdate(start), **forced)
    if situation.channel == ContactChannel.EMAIL:
        invented.noted["email"] = f"personne{number}@example.org"
    if scene.kind in ("senior", "worksite", "mobility"):
        invented.noted["statuses"] = sorted({*invented.noted["statuses"], Status.JOB_SEEKER})
    case = Case(world, kind, dice, world.prescriber(dice, scene.sender), invented, [theme], [scene.action])
    yield start
    case.meet(start)
    at = start + dt.timedelta(minutes=dice.randint(10, 20))
    yield at
    chosen = case.choose(case.needs_to_answer(), case.sender, at, fate=situation.fate)
    if chosen is None or chosen.match.action != action:
        raise LookupError(f"scene {number}: {action.slug} does not fit {kind.key}")
    yield from tell_fiche(case, case.sender, chosen, at)


def _start(situation: Situation, now: dt.datetime) -> dt.datetime:
    """When the person was met."""
    today = timezone.localdate(now)
    if situation.days:
        since = add_months(today, -situation.months) - dt.timedelta(days=situation.days)
        return local(last_working_day(since), dt.time(14, 0))
    if situation.working_days:
        return local(working_days_before(today, situation.working_days), dt.time(11, 0))
    # Half an hour to record, prepare and send; before the doors open, the afternoon of the last working day.
    recent = now - dt.timedelta(minutes=70)
    if is_working_day(today) and dt.time(8, 30) <= timezone.localtime(recent).time() <= dt.time(17, 0):
        return recent
    return local(last_working_day(today - dt.timedelta(days=1)), dt.time(16, 0))
