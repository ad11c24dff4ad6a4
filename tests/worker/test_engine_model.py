"""The engine against a model: random verbs, jumps of the clock, and workers that die anywhere.

The model knows nothing of reminders: it says which letters the deeds owe, when they are due, and when they are no
longer true. What really arrived, on a real mail server, is compared with it. `ENGINE_MODEL_EXAMPLES` plays longer.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from local.valkey import free_port
from referrals import deadlines, notifications
from referrals.models import Bilan, BilanKind, ContactChannel, Event, EventKind, Exit, Message, Referral, Reminder
from referrals.models.message import INTERRUPTED, MessageQuerySet, MessageState
from referrals.models.reminder import ReminderKind, ReminderState
from referrals.notifications.kinds import STALE_AFTER
from referrals.states import State
from tests.smtp_server import Inbox, SmtpServer
from tests.territory import EVERYTHING, NOW, a_door, a_draft, a_member, a_person, a_structure, an_action
from worker.channels.smtp import SmtpChannel
from worker.drain import drain
from worker.post import RECHECK_AFTER, LockLost

EXAMPLES = int(os.environ.get("ENGINE_MODEL_EXAMPLES", "0"))
STEPS = 30
FICHES = 3
NEVER = dt.timedelta(days=3650)

KIND = {
    "referral_received": ReminderKind.SENT,
    "referral_accepted": ReminderKind.ANSWERED,
    "referral_waitlisted": ReminderKind.ANSWERED,
    "referral_declined": ReminderKind.ANSWERED,
    "referral_cancelled": ReminderKind.CANCELLED,
    "referral_missed": ReminderKind.MISSED,
    "referral_expired_sender": ReminderKind.EXPIRED,
    "referral_expired_receiver": ReminderKind.EXPIRED,
    "referral_reopened_receiver": ReminderKind.REOPENED,
    "question_asked": ReminderKind.ASKED,
    "question_answered": ReminderKind.CLARIFIED,
    "referral_assigned": ReminderKind.ASSIGNED,
    "referral_resumed": ReminderKind.RESUMED,
    "place_offered": ReminderKind.OFFERED,
    "place_confirmed": ReminderKind.OFFER_CONFIRMED,
    "place_passed_sender": ReminderKind.OFFER_PASSED,
    "place_passed_receiver": ReminderKind.OFFER_PASSED,
    "bilan_returned": ReminderKind.BILAN_RETURNED,
}
"""The letters that the model counts, and how late each may leave (`STALE_AFTER`, by kind)."""

ANSWERS = ("referral_accepted", "referral_waitlisted", "referral_declined")
CLOSINGS = (*ANSWERS, "referral_cancelled", "referral_missed", "referral_expired_sender", "referral_expired_receiver")
PENDING = {State.SENT, State.WAITLISTED}
OPEN = {State.SENT, State.WAITLISTED, State.OFFERED, State.ACCEPTED, State.ENTERED}
WITH = {State.ACCEPTED, State.ENTERED, State.ENDED}


class Crash(BaseException):
    """The worker dies here. Nothing of the engine catches it."""


@dataclass
class Owed:
    """A letter that a deed owes; `written` once a worker that did not end well may have written it."""

    due: dt.datetime
    written: bool = False


@dataclass
class Fiche:
    """What the model knows of a fiche."""

    row: Referral
    sender: Any
    receiver: Any
    colleague: Any
    sent_at: dt.datetime
    state: State = State.SENT
    paused: bool = False
    reopened: bool = False
    known: bool = False
    clock_from: dt.datetime = NOW
    paused_since: dt.datetime = NOW
    closed_at: dt.datetime = NOW
    appointment_at: dt.datetime | None = None
    bilan_returned: bool = False
    is_assigned: bool = False
    offered_until: dt.datetime = NOW
    answered_at: dt.datetime | None = None
    answered_from: State = State.SENT
    superseded: Owed | None = None
    owed: dict[str, Owed] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    maybe: Counter[str] = field(default_factory=Counter)

    def owe(self, letter: str, due: dt.datetime) -> None:
        """A deed is to be told; one of the same kind that has not been told is told no more."""
        self.forget(letter)
        self.owed[letter] = Owed(due)

    def forget(self, *letters: str) -> None:
        """It is no longer true, or was overtaken."""
        for letter in letters:
            owed = self.owed.pop(letter, None)
            if owed is not None and owed.written:
                self.maybe[letter] += 1

    def is_true(self, letter: str, now: dt.datetime) -> bool:
        """Whether it may still be told."""
        match letter:
            case "referral_received":
                return self.state == State.SENT and not self.paused
            case "referral_accepted":
                return self.state in WITH
            case "referral_waitlisted":
                return self.state == State.WAITLISTED
            case "referral_declined":
                return self.state == State.DECLINED
            case "referral_cancelled":
                return self.known
            case "referral_missed":
                return self.state == State.MISSED
            case "referral_expired_sender" | "referral_expired_receiver":
                return self.state == State.EXPIRED
            case "question_asked":
                return self.paused
            case "question_answered" | "referral_reopened_receiver":
                return self.state in PENDING
            case "referral_assigned":
                return self.is_assigned and self.state in OPEN
            case "referral_resumed":
                return self.state == State.ENTERED
            case "place_offered":
                return self.allows(letter, now)
        return True

    def allows(self, letter: str, now: dt.datetime) -> bool:
        """Whether a letter that asks for something may arrive now; those that tell of a deed always may."""
        match letter:
            case "referral_received" | "referral_unanswered" | "referral_unanswered_sender":
                return self.state == State.SENT and not self.paused
            case "question_asked" | "question_waiting" | "question_unanswered":
                return self.paused
            case "place_offered":
                return self.state == State.OFFERED and now < self.offered_until
            case "entry_to_confirm":
                return self.state == State.ACCEPTED
            case "appointment_reminder":
                return self.state == State.ACCEPTED and self.appointment_at is not None and now < self.appointment_at
            case "bilan_due" | "bilan_missing":
                return self.state in (State.ENTERED, State.ENDED) and not self.bilan_returned
            case "six_months":
                return self.state == State.ENDED
        return True


class Seam:
    """A place in the engine at which, the n-th time that the worker under test comes by, something happens."""

    def __init__(self, place: str, after: bool, turn: int, event: Callable[[], None]) -> None:
        self.place, self.after, self.turn, self.event = place, after, turn, event
        self.thread = threading.get_ident()
        self.happened = False
        self.in_hand = ""
        """The Message-ID of the letter that the worker under test has claimed and not marked."""
        self.at_risk = ""
        """The letter that was in hand when it happened."""

    def _wrap(self, place: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.thread:
                return real(*args, **kwargs)
            self.turn -= place == self.place
            now = place == self.place and self.turn == 0
            if now and not self.after:
                self._happen()
            result = real(*args, **kwargs)
            if place == "claim":
                self.in_hand = result.message_id if result is not None else ""
            elif place == "mark":
                self.in_hand = ""
            if now and self.after:
                self._happen()
            return result

        return wrapped

    def _happen(self) -> None:
        self.happened = True
        self.at_risk = self.in_hand
        self.event()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Lie in wait while a worker works."""
        places: dict[str, tuple[Any, str]] = {
            "decide": (notifications, "decide"),
            "carry out": (notifications, "carry_out"),
            "claim": (MessageQuerySet, "claim"),
            "post": (SmtpChannel, "post"),
            "mark": (Message, "mark_sent"),
        }
        with ExitStack() as stack:
            for place, (owner, name) in places.items():
                stack.enter_context(mock.patch.object(owner, name, self._wrap(place, getattr(owner, name))))
            yield


def aside(work: Callable[[], Any]) -> None:
    """Run on a connection of its own, and wait for the end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if thread.is_alive() or failures:
        raise AssertionError(failures or "two workers wait for each other")


PLACES = st.sampled_from(["decide", "carry out", "claim", "post", "post", "post", "mark"])
EVENTS = st.sampled_from(["die", "die", "cut", "beside", "beside then die", "cut, beside"])
JUMPS = st.sampled_from(
    [dt.timedelta(minutes=m) for m in (1, 4, 11, 60)] + [dt.timedelta(days=d) for d in (1, 3, 8, 22, 40)]
)


class Engine(RuleBasedStateMachine):
    """Verbs and workers in any order."""

    inbox: Inbox
    server: SmtpServer
    settings: Any

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.fiches: list[Fiche] = []
        self.excused: Counter[str] = Counter()
        Message.objects.all().delete()
        Reminder.objects.all().delete()
        self.inbox.clear()
        self.server.handler.refusal = self.server.handler.when_kept = None

    def teardown(self) -> None:
        """However the run went, a quiet week ends it: whatever was owed has then been told."""
        self.pass_time(dt.timedelta(hours=2))
        self.work()
        assert not Reminder.objects.due(self.now).exists()
        assert not Message.objects.filter(state__in=[MessageState.PENDING, MessageState.SENDING]).exists()

    # The clock

    @rule(jump=JUMPS)
    def pass_time(self, jump: dt.timedelta) -> None:
        """Minutes or weeks during which no worker works."""
        self.now += jump

    def _tick(self) -> dt.datetime:
        """No two deeds happen at the same moment."""
        self.now += dt.timedelta(seconds=7)
        return self.now

    # The verbs

    def _pick(self, data: st.DataObject, which: Callable[[Fiche], bool]) -> Fiche | None:
        found = [fiche for fiche in self.fiches if which(fiche)]
        if not found:
            return None
        fiche = data.draw(st.sampled_from(range(len(found))).map(found.__getitem__), label="fiche")
        fiche.row.refresh_from_db()
        return fiche

    @precondition(lambda self: len(self.fiches) < FICHES)
    @rule()
    def send(self) -> None:
        """A new fiche."""
        sender, receiver = a_door(a_structure()).actor, a_structure()
        now = self._tick()
        person = a_person(sender, now, contact_channel=ContactChannel.EMAIL, email="personne@example.org")
        row = a_draft(an_action(receiver), sender, person, now)
        row.send(sender, now, consent_how="oral", consent_scope=EVERYTHING)
        fiche = Fiche(row, sender, a_door(receiver).actor, a_member(receiver), now, clock_from=now)
        fiche.owe("referral_received", now + deadlines.UNDO)
        self.fiches.append(fiche)

    @rule(data=st.data())
    def recall(self, data: st.DataObject) -> None:
        """Take a sending back in time, then send it again."""
        soon = self.now + dt.timedelta(seconds=7)
        fiche = self._pick(
            data, lambda f: f.state == State.SENT and not f.reopened and soon <= f.sent_at + deadlines.UNDO
        )
        if fiche is None:
            return
        fiche.row.recall(fiche.sender, self._tick())
        fiche.forget("referral_received", "question_asked")
        now = self._tick()
        fiche.row.send(fiche.sender, now, consent_how="oral", consent_scope=EVERYTHING)
        fiche.sent_at = fiche.clock_from = now
        fiche.paused = False
        fiche.owe("referral_received", now + deadlines.UNDO)

    def _answer(self, fiche: Fiche, letter: str, state: State, now: dt.datetime) -> None:
        former = next((fiche.owed[name] for name in ANSWERS if name in fiche.owed), None)
        fiche.superseded = former
        fiche.forget(*ANSWERS, "referral_received", "question_asked")
        fiche.answered_at, fiche.answered_from = now, fiche.state
        fiche.state, fiche.known = state, True
        self._unpause(fiche, now)
        fiche.owe(letter, now + deadlines.UNDO)

    def _unpause(self, fiche: Fiche, now: dt.datetime) -> None:
        if fiche.paused:
            fiche.clock_from += now - fiche.paused_since
        fiche.paused = False

    @rule(data=st.data(), days=st.none() | st.integers(1, 9))
    def accept(self, data: st.DataObject, days: int | None) -> None:
        """With a rendez-vous or without."""
        if fiche := self._pick(data, lambda f: f.state in PENDING):
            now = self._tick()
            at = None if days is None else now.replace(hour=9, minute=0) + dt.timedelta(days=days)
            fiche.row.accept(fiche.receiver, now, appointment_at=at)
            fiche.appointment_at = at
            self._answer(fiche, "referral_accepted", State.ACCEPTED, now)

    @rule(data=st.data())
    def waitlist(self, data: st.DataObject) -> None:
        """No place yet."""
        if fiche := self._pick(data, lambda f: f.state == State.SENT):
            now = self._tick()
            fiche.row.waitlist(fiche.receiver, now)
            self._answer(fiche, "referral_waitlisted", State.WAITLISTED, now)

    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        """No place at all."""
        if fiche := self._pick(data, lambda f: f.state in PENDING):
            now = self._tick()
            fiche.row.decline(fiche.receiver, now, reason="no_place")
            self._answer(fiche, "referral_declined", State.DECLINED, now)
            fiche.closed_at = now

    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        """The answer is taken back in time; what it had replaced is told again."""
        fiche = self._pick(data, lambda f: f.row.may_be_retracted(self.now + dt.timedelta(seconds=7)))
        if fiche is None or fiche.answered_at is None or not fiche.row.may_be_retracted(self.now):
            return
        now = self._tick()
        if not fiche.row.may_be_retracted(now):
            return
        fiche.row.retract(fiche.receiver, now)
        # A question that was asked since is closed with the answer.
        fiche.forget(*ANSWERS, "question_asked")
        self._unpause(fiche, now)
        fiche.appointment_at = None
        fiche.state = fiche.answered_from
        if fiche.state == State.SENT:
            fiche.known = fiche.reopened or fiche.told["referral_received"] > 0 or fiche.row.clarifications.exists()
            if fiche.sent_at + deadlines.UNDO > fiche.answered_at:
                fiche.owe("referral_received", fiche.sent_at + deadlines.UNDO)
        elif fiche.superseded is not None:
            fiche.owed["referral_waitlisted"] = Owed(fiche.superseded.due)
        fiche.answered_at = None

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """The sender takes a fiche back for good."""
        if fiche := self._pick(data, lambda f: f.state in PENDING | {State.OFFERED, State.ACCEPTED}):
            now = self._tick()
            unsure = fiche.maybe["referral_received"] > 0 or (
                "referral_received" in fiche.owed and fiche.owed["referral_received"].written
            )
            fiche.row.cancel(fiche.sender, now, reason="not_interested")
            fiche.forget("referral_received", "question_asked", "place_offered")
            fiche.state, fiche.closed_at = State.CANCELLED, now
            self._unpause(fiche, now)
            fiche.owe("referral_cancelled", now)
            if unsure and not fiche.known:
                # Whether the dead worker had settled the first letter decides whether this one is written.
                fiche.owed.pop("referral_cancelled")
                fiche.maybe["referral_cancelled"] += 1

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """A question before deciding."""
        if fiche := self._pick(data, lambda f: f.state in PENDING and not f.paused):
            now = self._tick()
            fiche.row.ask(fiche.receiver, now, question="A-t-elle le permis ?")
            fiche.paused, fiche.paused_since, fiche.known = True, now, True
            fiche.forget("referral_received")
            fiche.owe("question_asked", now)

    @rule(data=st.data())
    def clarify(self, data: st.DataObject) -> None:
        """The sender answers it."""
        if fiche := self._pick(data, lambda f: f.paused):
            now = self._tick()
            fiche.row.clarify(fiche.sender, now, answer="Oui.")
            fiche.forget("question_asked")
            self._unpause(fiche, now)
            fiche.owe("question_answered", now)
            if fiche.state == State.SENT and fiche.sent_at + deadlines.UNDO > now:
                fiche.owe("referral_received", fiche.sent_at + deadlines.UNDO)

    @rule(data=st.data(), days=st.integers(1, 9))
    def meet(self, data: st.DataObject, days: int) -> None:
        """Set or move the rendez-vous."""
        if fiche := self._pick(data, lambda f: f.state == State.ACCEPTED):
            now = self._tick()
            fiche.appointment_at = now.replace(hour=9, minute=0) + dt.timedelta(days=days)
            fiche.row.meet(fiche.receiver, now, at=fiche.appointment_at, minutes=60)

    @rule(data=st.data())
    def enter(self, data: st.DataObject) -> None:
        """The person comes."""
        if fiche := self._pick(data, lambda f: f.state == State.ACCEPTED):
            now = self._tick()
            fiche.row.enter(fiche.receiver, now, on=timezone.localdate(now))
            fiche.state = State.ENTERED

    @rule(data=st.data())
    def miss(self, data: st.DataObject) -> None:
        """The person never came."""
        if fiche := self._pick(data, lambda f: f.state == State.ACCEPTED):
            now = self._tick()
            fiche.row.miss(fiche.receiver, now, reason="no_show")
            fiche.state, fiche.closed_at = State.MISSED, now
            fiche.owe("referral_missed", now)

    @rule(data=st.data())
    def hand_in(self, data: st.DataObject) -> None:
        """The final bilan is returned."""
        if fiche := self._pick(data, lambda f: f.state in (State.ENTERED, State.ENDED) and not f.bilan_returned):
            now = self._tick()
            bilan = Bilan.objects.start(fiche.row, BilanKind.FINAL, fiche.receiver, now)
            assert bilan.hand_in(fiche.receiver, now)
            fiche.bilan_returned = True
            fiche.owe("bilan_returned", now)

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """The exit."""
        if fiche := self._pick(data, lambda f: f.state == State.ENTERED):
            now = self._tick()
            Exit.objects.record(fiche.row, fiche.receiver, now, on=timezone.localdate(now), kind="searching")
            fiche.state, fiche.closed_at = State.ENDED, now

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """The person comes back to the action."""
        soon = self.now + dt.timedelta(seconds=7)
        fiche = self._pick(data, lambda f: f.state == State.ENDED and f.row.resuming_hindrance(soon) is None)
        if fiche is None or fiche.row.resuming_hindrance(soon) is not None:
            return
        now = self._tick()
        fiche.row.resume(fiche.receiver, now, note="")
        fiche.state = State.ENTERED
        fiche.owe("referral_resumed", now)

    @rule(data=st.data(), to=st.sampled_from(["colleague", "oneself", "nobody"]))
    def assign(self, data: st.DataObject, to: str) -> None:
        """Entrust the fiche to somebody; who takes it themselves is not told."""
        if fiche := self._pick(data, lambda f: f.state in OPEN):
            now = self._tick()
            user = {"colleague": fiche.colleague, "oneself": fiche.receiver.user, "nobody": None}[to]
            fiche.row.assign(fiche.receiver, now, to=user)
            fiche.forget("referral_assigned")
            fiche.is_assigned = user is not None
            if to == "colleague":
                fiche.owe("referral_assigned", now)

    @rule(data=st.data())
    def offer(self, data: st.DataObject) -> None:
        """A place, to one of the list; what the worker lets go at its hour is followed by `_watched`."""
        if fiche := self._pick(data, lambda f: f.state == State.WAITLISTED):
            now = self._tick()
            fiche.row.offer(fiche.receiver, now)
            # While a place is offered, nobody waits for an answer to the rest.
            fiche.forget(*ANSWERS, "question_asked", "question_answered", "referral_reopened_receiver")
            fiche.state, fiche.answered_at = State.OFFERED, None
            assert fiche.row.offered_until is not None
            fiche.offered_until = fiche.row.offered_until
            self._unpause(fiche, now)
            fiche.owe("place_offered", now)

    @rule(data=st.data(), by_receiver=st.booleans())
    def confirm(self, data: st.DataObject, by_receiver: bool) -> None:
        """The place that is offered is taken; the other side is told."""
        soon = self.now + dt.timedelta(seconds=7)
        if fiche := self._pick(data, lambda f: f.state == State.OFFERED and soon < f.offered_until):
            now = self._tick()
            fiche.row.confirm(fiche.receiver if by_receiver else fiche.sender, now)
            fiche.forget("place_offered")
            fiche.state = State.ACCEPTED
            fiche.owe("referral_accepted" if by_receiver else "place_confirmed", now)

    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        """The place that is offered is left to the next one."""
        if fiche := self._pick(data, lambda f: f.state == State.OFFERED):
            now = self._tick()
            fiche.row.lapse(fiche.sender, now)
            self._passed(fiche, now)

    def _passed(self, fiche: Fiche, now: dt.datetime) -> None:
        fiche.state = State.WAITLISTED
        fiche.forget("place_offered")
        fiche.owe("place_passed_sender", now)
        fiche.owe("place_passed_receiver", now)

    @rule(data=st.data())
    def reopen(self, data: st.DataObject) -> None:
        """A closed fiche is opened again."""
        closed = {State.CANCELLED, State.DECLINED, State.EXPIRED, State.MISSED}
        fiche = self._pick(
            data, lambda f: f.state in closed and f.row.reopening_hindrance(self.now + dt.timedelta(minutes=1)) is None
        )
        if fiche is None or fiche.row.reopening_hindrance(self.now + dt.timedelta(minutes=1)) is not None:
            return
        now = self._tick()
        fiche.row.reopen(fiche.sender, now, note="")
        fiche.forget(*CLOSINGS)
        fiche.state, fiche.reopened, fiche.known, fiche.clock_from = State.SENT, True, True, now
        fiche.appointment_at = fiche.answered_at = None
        fiche.owe("referral_reopened_receiver", now)
        if fiche.sent_at + deadlines.UNDO > now:
            fiche.owe("referral_received", fiche.sent_at + deadlines.UNDO)

    # The workers

    @rule()
    def work(self) -> None:
        """A worker that nothing disturbs, and then, for what was tried a moment ago, another one."""
        self._watched(lambda: drain(lambda: self.now))
        if Message.objects.filter(state=MessageState.PENDING).exists():
            # What the first one told may be no longer true by then.
            self._note_written()
            self.now += dt.timedelta(minutes=75)
            self._watched(lambda: drain(lambda: self.now))
        self._compare()

    @rule()
    def work_while_the_mail_server_is_down(self) -> None:
        """What is due is settled; letters wait."""
        port, self.settings.EMAIL_PORT = self.settings.EMAIL_PORT, free_port()
        try:
            self._watched(lambda: drain(lambda: self.now))
        finally:
            self.settings.EMAIL_PORT = port
        self._note_written()

    @rule(refusal=st.sampled_from(["451 try later", "cut"]))
    def work_while_the_mail_server_misbehaves(self, refusal: str) -> None:
        """It refuses all it gets, or takes one letter and hangs up without a word."""
        handler = self.server.handler
        if refusal == "cut":

            def cut(server: Any) -> None:
                handler.when_kept = None
                self.excused[self.inbox.message_ids()[-1]] += 1
                server.transport.abort()

            handler.when_kept = cut
        else:
            handler.refusal = refusal
        try:
            self._watched(lambda: drain(lambda: self.now))
        finally:
            handler.refusal = handler.when_kept = None
        self._note_written()

    @rule(place=PLACES, after=st.booleans(), turn=st.integers(1, 3), event=EVENTS)
    def work_and_die(self, place: str, after: bool, turn: int, event: str) -> None:
        """Something happens to a worker somewhere: it dies, loses its connection, another one works beside it."""

        def happen() -> None:
            if "cut" in event:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    pid = cursor.fetchone()[0]
                aside(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s, 5000)", [pid]))
            if "beside" in event:
                aside(lambda: drain(lambda: self.now))
            if "die" in event:
                raise Crash

        seam = Seam(place, after, turn, happen)
        with seam.open():
            self._watched(lambda: self._killed(seam))
        if seam.happened and event != "beside" and seam.at_risk:
            self.excused[seam.at_risk] += 1
        self._note_written()

    def _killed(self, seam: Seam) -> None:
        try:
            drain(lambda: self.now)
        except (Crash, LockLost, DatabaseError, InterfaceError):
            # Its connection ends with it.
            assert seam.happened
            connection.close()

    # What is compared

    def _watched(self, work: Callable[[], Any]) -> None:
        """Work, follow what expired meanwhile, and judge each letter that arrived."""
        before = len(self.inbox)
        written = set(Message.objects.order_by("id").values_list("message_id", flat=True))
        allowed = {fiche.row.pk: copy(fiche) for fiche in self.fiches}
        work()
        for fiche in self.fiches:
            fiche.row.refresh_from_db()
            if fiche.row.state == State.EXPIRED and fiche.state == State.SENT:
                assert not fiche.paused
                assert self.now - fiche.clock_from >= dt.timedelta(days=deadlines.EXPIRY_DAYS - 1)
                fiche.state, fiche.closed_at = State.EXPIRED, self.now
                fiche.forget("referral_received")
                fiche.owe("referral_expired_sender", self.now)
                fiche.owe("referral_expired_receiver", self.now)
            if fiche.row.state == State.WAITLISTED and fiche.state == State.OFFERED:
                assert self.now >= fiche.offered_until
                self._passed(fiche, self.now)
            assert fiche.row.state == fiche.state
        for message_id in self.inbox.message_ids()[before:]:
            letter = Message.objects.get(message_id=message_id)
            fiche = next(one for one in self.fiches if one.row.pk == letter.referral_id)
            # One that was written a moment ago by a worker that died is not checked again.
            if message_id not in written or self.now - letter.created_at > RECHECK_AFTER:
                asks = [one.allows(letter.letter, self.now) for one in (allowed[fiche.row.pk], fiche)]
                assert any(asks), f"{letter.letter} to a fiche {fiche.state}"

    def _note_written(self) -> None:
        """After a worker that did not end well, nobody knows which letters are written."""
        for fiche in self.fiches:
            for letter, owed in list(fiche.owed.items()):
                owed.written = owed.written or owed.due <= self.now
                if owed.written and not fiche.is_true(letter, self.now):
                    # Dropped, or not looked at yet: should it be true again later, it may be told or not.
                    fiche.forget(letter)

    def _compare(self) -> None:
        """After an undisturbed worker everything due has been told, once, and nothing else."""
        arrived = set(self.inbox.message_ids())
        for fiche in self.fiches:
            for letter, owed in list(fiche.owed.items()):
                if owed.due > self.now:
                    continue
                late = self.now - owed.due > STALE_AFTER.get(KIND[letter], NEVER)
                if fiche.is_true(letter, self.now) and not late:
                    fiche.told[letter] += 1
                    fiche.known = fiche.known or letter == "referral_received"
                    del fiche.owed[letter]
                else:
                    fiche.forget(letter)
            rows = Message.objects.filter(referral=fiche.row, letter__in=KIND).select_related("reminder").order_by("id")
            reached = Counter(
                row.letter
                for row in rows
                # The recall of an offered place is the same letter.
                if row.reminder is not None and row.reminder.kind == KIND[row.letter]
                if row.message_id in arrived or row.state == MessageState.FAILED
            )
            for letter in KIND:
                least = fiche.told[letter]
                most = least + fiche.maybe[letter]
                assert least <= reached[letter] <= most, f"{letter}: {reached[letter]}, not {least} to {most}"

    @invariant()
    def nothing_arrives_twice_but_by_the_window(self) -> None:
        """A letter taken twice has the same Message-ID, was in a dying worker's hand, and its row says so."""
        counted = Counter(self.inbox.message_ids())
        for row in Message.objects.filter(message_id__in=list(counted)).order_by("id"):
            times = counted[row.message_id]
            assert times <= 1 + self.excused[row.message_id], f"{row.letter} arrived {times} times"
            assert times == 1 or row.error.startswith(INTERRUPTED)
            told = Event.objects.filter(kind=EventKind.RESENT, referral=row.referral_id, data__letter=row.letter)
            assert times == 1 or row.state != MessageState.SENT or told.exists()
        assert Message.objects.filter(message_id__in=list(counted)).count() == len(counted)

    @invariant()
    def what_is_marked_sent_arrived_and_what_is_dropped_says_why(self) -> None:
        """Nothing is lost in silence."""
        sent = Message.objects.filter(state=MessageState.SENT).order_by("id").values_list("message_id", flat=True)
        assert set(sent) <= set(self.inbox.message_ids())
        assert not Reminder.objects.filter(state=ReminderState.DROPPED, reason="").exists()
        assert not Message.objects.filter(state=MessageState.FAILED, error="").exists()


@pytest.mark.django_db(transaction=True)
def test_whatever_happens_each_letter_that_is_owed_arrives_once(
    smtp: Inbox, smtp_server: SmtpServer, settings: Any
) -> None:
    machine = type("Machine", (Engine,), {"inbox": smtp, "server": smtp_server, "settings": settings})
    run_state_machine_as_test(machine, settings=PLAY)


PLAY = settings(
    max_examples=EXAMPLES or 20,
    # A longer play also looks for the shortest game that fails: that takes minutes.
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
