"""The story of one fiche, from the draft to the exit, told by the verbs of the two structures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from django.utils import timezone

from referrals.deadlines import EXPIRY_DAYS, UNDO, UNREACHABLE_WORKING_DAYS, add_working_days
from referrals.demo import words
from referrals.demo.attendance import attend
from referrals.demo.case import Case, Chosen
from referrals.demo.checks import six_months
from referrals.demo.fates import Fate, roll
from referrals.demo.office_hours import later, meeting_time, not_before, some_time
from referrals.demo.papers import bring_paper
from referrals.demo.people import LADDER
from referrals.matching import snapshot
from referrals.models import (
    Actor,
    Bilan,
    BilanKind,
    BilanSource,
    BilanWay,
    ClarificationKind,
    ConsentHow,
    ConsentScope,
    Exit,
    ExitKind,
    FollowUpMonths,
    Link,
    NoPlaceLeft,
    Positioning,
    Referral,
)
from referrals.models.clarification import CONTACT_QUESTION
from referrals.models.event import WORKER
from referrals.states import AppointmentState, Reason, State, Verb
from structures.certificates import CertificateResult
from structures.eligibility import closing
from structures.models import Session
from structures.scales import axes_of, levels_of
from structures.vocabulary import ActionShape, Cecrl, NeedTheme

EVERYTHING = tuple(ConsentScope)
LITTLE = (ConsentScope.CONTACT, ConsentScope.NEEDS)

JOBS = (ExitKind.CDI, ExitKind.CDD_LONG, ExitKind.BUSINESS, ExitKind.APPRENTICESHIP, ExitKind.TRAINING, ExitKind.MOVED)
"""Exits after which the person needs no other fiche."""


class Turn(Enum):
    """What the person's path does after the fiche."""

    ONWARDS = "onwards"
    RETRY = "retry"
    OVER = "over"


@dataclass(frozen=True)
class Ending:
    """Where a fiche has led: the turn of the path, and the bilan that may open the next one."""

    turn: Turn
    at: dt.datetime
    bilan: Bilan | None = None


Telling = Generator[dt.datetime, None, Ending | None]
"""A part of a story that ends with an `Ending`, or with `None` where the path stands still."""

RETRIED = {
    Reason.NO_PLACE,
    Reason.NOT_ELIGIBLE,
    Reason.OUT_OF_ZONE,
    Reason.TIMETABLE,
    Reason.COST,
    Reason.OTHER,
    Reason.OTHER_OFFER,
    Reason.NO_SHOW,
    Reason.UNREACHABLE,
}
"""Reasons after which the prescripteur may try another action."""


def tell_fiche(case: Case, actor: Actor, chosen: Chosen, at: dt.datetime, opened_by: Bilan | None = None) -> Telling:
    """Draft at `at` (already reached), send, and follow to the end."""
    fate, match = chosen.fate, chosen.match
    referral = Referral.objects.draft(
        case.person,
        match.action,
        actor,
        at,
        needs=chosen.needs,
        motive=words.NEXT_STEP if opened_by else case.motive(chosen.needs),
        matched=snapshot(match),
        opened_by=opened_by,
        session=match.next_session if fate.joins_session else None,
    )
    bring_paper(case.world.seed, referral, actor, at)
    if not fate.sent:
        return None
    at += dt.timedelta(minutes=case.dice.randint(2, 8))
    yield at
    send(case, referral, actor, at)
    if fate.recalled:
        at += UNDO / 2
        yield at
        referral.recall(actor, at)
        at = later(case.dice, at, 1)
        yield at
        send(case, referral, actor, at)
    return (yield from follow(case, referral, fate, at))


def send(case: Case, referral: Referral, actor: Actor, at: dt.datetime) -> None:
    """Send with the person's consent; a minor's guardian gives it."""
    how = case.dice.choice((ConsentHow.ORAL, ConsentHow.ORAL, ConsentHow.WRITTEN, ConsentHow.PHONE))
    scope = EVERYTHING if case.dice.random() < 0.85 else LITTLE
    referral.send(actor, at, consent_how=ConsentHow.GUARDIAN if case.invented.is_minor else how, consent_scope=scope)


def follow(case: Case, referral: Referral, fate: Fate, at: dt.datetime) -> Telling:
    """From the sending to the answer, and on."""
    dice, decks = case.dice, case.world.decks
    sender = Actor(user=referral.sender_member, structure=referral.sender)
    receiver = case.world.receiver(dice, referral.receiver)
    if fate.asks:
        at = later(dice, at, 1)
        yield at
        number = dice.randrange(len(words.QUESTIONS))
        referral.ask(receiver, at, question=words.QUESTIONS[number][0])
        if fate.asks == "answered":
            at = later(dice, at, 1)
            yield at
            referral.clarify(sender, at, answer=words.QUESTIONS[number][1])
    if fate.asks_link:
        at = later(dice, at, 4)
        yield at
        Link.objects.ask(referral.reference, at)
    if fate.answer is None and fate.afterwards in ("moved_away", "came_back"):
        at = later(dice, at, 1)
        yield at
        case.person.move_away(sender, at, on=timezone.localdate(at), to="Tours")
        if fate.afterwards == "came_back":
            at = later(dice, at, 1)
            yield at
            case.person.come_back(sender, at)
    if fate.answer is None:
        return None
    wanted = later(dice, at, fate.answer_days)
    expires_on = timezone.localdate(at) + dt.timedelta(days=EXPIRY_DAYS)
    if timezone.localdate(wanted) >= expires_on:
        at = later(dice, some_time(dice, expires_on), 2)
        yield at
        # The worker has closed it, unless it stopped before: `agenda` leaves its last day to the real one.
        referral.refresh_from_db()
        return Ending(Turn.RETRY, at) if referral.state == State.EXPIRED else None
    at = wanted
    yield at
    if fate.answer_days == 0:
        # A verb withdraws the announcement of a fiche that nobody was told of: this one had been announced.
        case.world.agenda.post_letters(at)
    match fate.answer:
        case Verb.CANCEL:
            return (yield from _cancel(case, referral, sender, at, fate.reason))
        case Verb.DECLINE:
            reason = fate.reason or decks.declines.draw()
            if reason == Reason.UNREACHABLE:
                at = yield from _seek_contact(case, referral, receiver, at)
            ending = _decline(case, referral, receiver, at, reason)
            if fate.afterwards == "reopened":
                at = later(dice, at, 1)
                yield at
                referral.reopen(sender, at, note=words.REOPENING)
                return None
            return ending
        case Verb.REDIRECT if fate.advised:
            referral.advise(receiver, at, themes=fate.advised, note=words.ADVISING)
            return Ending(Turn.OVER, at)
        case Verb.REDIRECT:
            return (yield from _redirect(case, referral, receiver, at))
        case Verb.WAITLIST:
            referral.waitlist(receiver, at, note=dice.choice(words.WAITING))
            if fate.after_wait is None:
                return None
            at = later(dice, at, fate.wait_days)
            yield at
            if fate.after_wait in (Verb.OFFER, Verb.CONFIRM, Verb.LAPSE):
                return (yield from _offer(case, referral, sender, fate, at))
            if fate.after_wait == Verb.DECLINE:
                return _decline(case, referral, receiver, at, Reason.NO_PLACE)
            if fate.after_wait == Verb.CANCEL:
                return (yield from _cancel(case, referral, sender, at, None))
    return (yield from _accept(case, referral, receiver, fate, at))


def _seek_contact(
    case: Case, referral: Referral, receiver: Actor, at: dt.datetime
) -> Generator[dt.datetime, None, dt.datetime]:
    """Ask the sender for another way to reach the person, in vain; returns when the fiche may be declined."""
    referral.ask(receiver, at, kind=ClarificationKind.CONTACT, question=CONTACT_QUESTION)
    at = later(case.dice, at, UNREACHABLE_WORKING_DAYS)
    yield at
    return at


def _decline(case: Case, referral: Referral, receiver: Actor, at: dt.datetime, reason: Reason) -> Ending:
    conditions = closing(referral.action.conditions()) if reason == Reason.NOT_ELIGIBLE else []
    unmet = {answer["kind"] for answer in referral.matched.get("answers", []) if answer["state"] == "unmet"}
    named = [one for one in conditions if one["code"].rpartition("-")[0] in unmet] or conditions[:1]
    note = case.dice.choice(words.REASON_NOTES[reason])
    referral.decline(receiver, at, reason=reason, note=note, criteria=named)
    if reason == Reason.FOUND_JOB:
        _close_needs(case, referral, Actor(user=referral.sender_member, structure=referral.sender), at)
    return Ending(Turn.RETRY if reason in RETRIED else Turn.OVER, at)


def _offer(case: Case, referral: Referral, sender: Actor, fate: Fate, at: dt.datetime) -> Telling:
    """A place frees up: it is offered, and confirmed the day after, or let go."""
    coming = referral.action.sessions.filter(starts_on__gt=timezone.localdate(at)).order_by("starts_on", "id")
    referral.offer(WORKER, at, session=next((one for one in coming if one.places_left != 0), None))
    if fate.after_wait == Verb.OFFER:
        return None
    at = later(case.dice, at, 1)
    yield at
    if fate.after_wait == Verb.CONFIRM:
        referral.confirm(sender, at)
    else:
        referral.lapse(sender, at)
    return None


def _cancel(case: Case, referral: Referral, sender: Actor, at: dt.datetime, reason: Reason | None) -> Telling:
    reason = reason or case.world.decks.cancels.draw()
    referral.cancel(sender, at, reason=reason, note=case.dice.choice(words.REASON_NOTES[reason]))
    if reason == Reason.FOUND_JOB:
        at += dt.timedelta(minutes=2)
        yield at
        _close_needs(case, referral, sender, at)
    return Ending(Turn.RETRY if reason == Reason.OTHER_OFFER else Turn.OVER, at)


def _redirect(case: Case, referral: Referral, receiver: Actor, at: dt.datetime) -> Telling:
    """To another action that fits, of the same structure where it has one; declined when there is none."""
    needs = list(referral.needs.order_by("priority", "theme", "id"))
    sender = Actor(user=referral.sender_member, structure=referral.sender)
    found = [one for one in case.suggestions(needs, sender, at).matches if one.action.slug not in case.tried]
    if not found:
        return _decline(case, referral, receiver, at, Reason.NO_PLACE)
    best = next((one for one in found if one.action.structure_id == referral.receiver_id), found[0])
    following = referral.redirect(receiver, at, to=best.action, matched=snapshot(best), note=words.REDIRECTING)
    case.tried.add(best.action.slug)
    fate = roll(case.dice, best.action.get_shape(), full=best.is_full)
    if fate.answer == Verb.REDIRECT:
        fate = replace(fate, answer=Verb.ACCEPT)
    return (yield from follow(case, following, fate, at))


def _accept(case: Case, referral: Referral, receiver: Actor, fate: Fate, at: dt.datetime) -> Telling:
    """Accept with a rendez-vous or for a session; then the person comes, or not."""
    dice = case.dice
    today = timezone.localdate(at)
    session = referral.session if fate.joins_session else None
    coming = session is not None and session.starts_on > today
    meeting: dt.datetime | None = None
    place = ""
    if not coming:
        meeting = meeting_time(dice, add_working_days(today, fate.meeting_days))
        place = f"{referral.receiver}, {referral.action.commune or 'Blois'}"
    note = dice.choice(words.ANSWERS)
    try:
        referral.accept(receiver, at, appointment_at=meeting, appointment_place=place, session=session, note=note)
    except NoPlaceLeft:
        # The places went since the fiche was prepared: the person waits, or goes on waiting.
        if referral.state == State.SENT:
            referral.waitlist(receiver, at, note=dice.choice(words.WAITING))
        return None
    if fate.entrusted:
        referral.assign(receiver, at, to=case.world.colleague(receiver))
    entry = _entry_day(session, meeting)
    if fate.withdrawn:
        at = later(dice, at, 1)
        if timezone.localdate(at) < entry:
            yield at
            sender = Actor(user=referral.sender_member, structure=referral.sender)
            return (yield from _cancel(case, referral, sender, at, None))
    if meeting is not None and fate.first_meeting != AppointmentState.PLANNED:
        at, meeting = yield from _meet(case, referral, receiver, fate, meeting, at)
        entry = timezone.localdate(meeting)
    if fate.came is None:
        return None
    at = not_before(dice, max(at, meeting or at), add_working_days(entry, fate.confirm_days))
    yield at
    if not fate.came:
        reason = fate.reason or case.world.decks.misses.draw()
        referral.miss(receiver, at, reason=reason, note=dice.choice(words.REASON_NOTES[reason]))
        return Ending(Turn.RETRY if reason in RETRIED else Turn.OVER, at)
    return (yield from _attend(case, referral, receiver, fate, entry, at))


def _meet(
    case: Case, referral: Referral, receiver: Actor, fate: Fate, meeting: dt.datetime, at: dt.datetime
) -> Generator[dt.datetime, None, tuple[dt.datetime, dt.datetime]]:
    """What becomes of the first rendez-vous, and the date that follows; gives the moment reached and that date."""
    dice, outcome = case.dice, fate.first_meeting
    planned = referral.appointments.get(state=AppointmentState.PLANNED)
    planned.referral = referral
    day = timezone.localdate(meeting)
    ahead = outcome in (AppointmentState.MOVED, AppointmentState.EXCUSED, AppointmentState.CANCELLED)
    at = later(dice, at, 1) if ahead else not_before(dice, max(at, meeting), day)
    if ahead and timezone.localdate(at) >= day:
        # Too short a notice to change anything: the person comes.
        return at, meeting
    yield at
    if outcome != AppointmentState.MOVED:
        planned.close(outcome, receiver, at)
    if outcome == AppointmentState.CAME or (fate.came is None and outcome != AppointmentState.MOVED):
        return at, meeting
    if outcome != AppointmentState.MOVED:
        at = later(dice, at, dice.choice((0, 1)))
        yield at
    following = meeting_time(dice, add_working_days(max(day, timezone.localdate(at)), dice.randint(2, 6)))
    place = f"{referral.receiver}, {referral.action.commune or 'Blois'}"
    referral.meet(receiver, at, at=following, minutes=planned.minutes, place=place)
    return at, following


def _entry_day(session: Session | None, meeting: dt.datetime | None) -> dt.date:
    if meeting is not None:
        return timezone.localdate(meeting)
    assert session is not None  # accepted without a rendez-vous: for a session
    return session.starts_on


def _attend(case: Case, referral: Referral, receiver: Actor, fate: Fate, entry: dt.date, at: dt.datetime) -> Telling:
    """The person came: what follows depends on the shape of the action."""
    dice = case.dice
    shape = referral.action.get_shape()
    if shape == ActionShape.POSITIONING:
        return (yield from _position(case, referral, receiver, fate, entry, at))
    due = entry + dt.timedelta(days=fate.lasts_days) if fate.lasts_days and referral.session is None else None
    referral.enter(receiver, at, on=entry, bilan_due_on=due)
    if not shape.expects_exit:
        if fate.closed_days is None:
            return None
        at = later(dice, at, fate.closed_days)
        yield at
        referral.end(receiver, at)
        _close_needs(case, referral, receiver, at)
        return Ending(Turn.ONWARDS, at)
    if shape == ActionShape.COURSE and {NeedTheme.FRENCH, NeedTheme.BASIC_SKILLS} & set(referral.action.themes):
        case.learns_basics(receiver, at)
    return (yield from _finish(case, referral, receiver, fate, at))


def _position(case: Case, referral: Referral, receiver: Actor, fate: Fate, entry: dt.date, at: dt.datetime) -> Telling:
    invented, dice = case.invented, case.dice
    standing = [need.theme for need in case.open_needs()]
    Positioning.objects.record(
        referral,
        receiver,
        at,
        on=entry,
        levels={axis.code: invented.levels[axis.code] for axis in axes_of(referral.action.measures)},
        french_oral=invented.french_oral,
        french_written=invented.french_written,
        anlci=invented.anlci,
        conclusion=dice.choice(words.CONCLUSIONS),
        private_notes=dice.choice(words.PRIVATE),
        recommended=standing[:2],
    )
    bilan = referral.bilans.get(kind=BilanKind.POSITIONING)
    if fate.closed_days is None:
        return None
    at = later(dice, at, fate.closed_days)
    yield at
    referral.end(receiver, at)
    return Ending(Turn.ONWARDS, at, bilan)


def _finish(case: Case, referral: Referral, receiver: Actor, fate: Fate, at: dt.datetime) -> Telling:
    """An action in sessions, an accompaniment or a chantier: bilans, then the typed exit."""
    dice = case.dice
    entered, due = referral.entered_on, referral.bilan_due_on
    assert entered is not None and due is not None  # every shape that expects an exit expects a bilan
    length = max((due - entered).days, 2)
    if fate.ends_early is not None:
        at = not_before(dice, at, entered + dt.timedelta(days=round(length * dice.uniform(0.15, 0.6))))
        yield at
        return _leave(case, referral, receiver, fate, fate.ends_early, at, None)
    if fate.bilan == "draft":
        at = not_before(dice, at, due - dt.timedelta(days=3))
        yield at
        Bilan.objects.start(referral, BilanKind.FINAL, receiver, at, summary=dice.choice(words.MIDWAY))
        return None
    if fate.midway and length > 40:
        at = not_before(dice, at, entered + dt.timedelta(days=length // 2))
        yield at
        _hand_in(case, referral, receiver, BilanKind.INTERMEDIATE, at, {"summary": dice.choice(words.MIDWAY)})
    if fate.bilan is None:
        return None
    wanted = some_time(dice, due) if fate.bilan_days <= 0 else later(dice, some_time(dice, due), fate.bilan_days)
    early = dt.timedelta(days=-min(fate.bilan_days, 0))
    at = not_before(dice, at, timezone.localdate(wanted - early))
    yield at
    attend(case, referral, receiver, at)
    writer = receiver
    if fate.bilan == "otherwise":
        writer = Actor(user=referral.sender_member, structure=referral.sender)
    bilan = _hand_in(case, referral, writer, BilanKind.FINAL, at, _reached(case, referral))
    if fate.closed_days is None:
        return None
    kind = fate.exit_kind or case.world.decks.exits[referral.action.get_shape()].draw()
    at = later(dice, at, fate.closed_days)
    yield at
    ending = _leave(case, referral, receiver, fate, kind, at, bilan)
    if fate.afterwards != "resumed":
        return ending
    at = later(dice, at, 1)
    yield at
    referral.resume(receiver, at, note=words.RESUMING)
    return None


def _reached(case: Case, referral: Referral) -> dict[str, Any]:
    """What the final bilan says was reached, a little above where the person started."""
    dice, invented, action = case.dice, case.invented, referral.action
    before = {axis.code: invented.levels[axis.code] for axis in axes_of(action.measures)}
    after = {
        axis: min(len(levels_of(axis)) - 1, level + dice.choice((0, 0, 1, 1, 2))) for axis, level in before.items()
    }
    hours = int(action.total_hours or (action.weekly_hours or 6) * (action.weeks or 12))
    attendance = dice.randint(62, 98)
    standing = [need.theme for need in case.open_needs() if need.theme not in action.themes]
    values: dict[str, Any] = {
        "levels_before": before,
        "levels_after": after,
        "hours": hours * attendance // 100,
        "attendance": attendance,
        "obstacles_left": standing[:2],
        "recommended": standing[:1] or [NeedTheme.EMPLOYMENT],
        "summary": dice.choice(words.SUMMARIES),
        "private_notes": dice.choice(words.PRIVATE),
        "certificates": [],
    }
    if NeedTheme.FRENCH in action.themes and invented.public == "fle":
        start = LADDER.index(Cecrl(case.person.french_oral or invented.french_oral))
        oral = LADDER[min(start + dice.choice((0, 1, 1)), LADDER.index(Cecrl.B2))]
        values["french_oral_after"] = oral
        if any(name.startswith("DELF") for name in action.certificates) and oral in DELF:
            values["certificates"] = [_certificate(case, DELF[oral])]
    elif "CléA" in action.certificates:
        values["certificates"] = [_certificate(case, "clea")]
    elif "Permis B" in action.certificates:
        values["certificates"] = [_certificate(case, "licence")]
    return values


DELF = {
    Cecrl.A1: "delf_a1",
    Cecrl.A2: "delf_a2",
    Cecrl.B1: "delf_b1",
    Cecrl.B2: "delf_b2",
}
"""The diploma of each level."""


def _certificate(case: Case, certificate: str) -> dict[str, str]:
    result = case.dice.choice((*[CertificateResult.OBTAINED] * 3, CertificateResult.PLANNED, CertificateResult.FAILED))
    return {"certificate": certificate, "result": result.value}


def _hand_in(
    case: Case, referral: Referral, writer: Actor, kind: BilanKind, at: dt.datetime, values: dict[str, Any]
) -> Bilan:
    bilan = Bilan.objects.start(referral, kind, writer, at, on=timezone.localdate(at))
    if bilan.hours is not None:
        # The attendance sheet has told them.
        values = {name: value for name, value in values.items() if name not in ("hours", "attendance")}
    if bilan.source == BilanSource.OTHERWISE:
        values = values | {"way": BilanWay.PAPER}
    bilan.write(**values)
    bilan.hand_in(writer, at)
    case.invented.levels.update(bilan.levels_after)
    return bilan


def _leave(
    case: Case,
    referral: Referral,
    receiver: Actor,
    fate: Fate,
    kind: ExitKind,
    at: dt.datetime,
    bilan: Bilan | None,
) -> Ending:
    """Record the exit; a story of its own waits for the six-month check."""
    exit = Exit.objects.record(referral, receiver, at, on=timezone.localdate(at), kind=kind)
    for followup in exit.followups.filter(months=FollowUpMonths.SIX):
        case.world.agenda.add(six_months(case, followup, receiver, fate.check))
    if kind in JOBS:
        _close_needs(case, referral, receiver, at)
        return Ending(Turn.OVER, at)
    if kind not in (ExitKind.ABANDONED, ExitKind.SEARCHING) and case.dice.random() < 0.6:
        _close_needs(case, referral, receiver, at)
    return Ending(Turn.ONWARDS, at, bilan)


def _close_needs(case: Case, referral: Referral, actor: Actor, at: dt.datetime) -> None:
    for need in referral.needs.open().select_related("person").order_by("priority", "theme", "id"):
        need.close(actor, at)
