"""The rules of reminders: what a structure may set, who wins, what follows, and what never happens."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from referrals import deadlines
from referrals.forms.policies import PolicyForm
from referrals.models import Event, Exit, Message, Referral, Reminder, ReminderPolicy
from referrals.models.policy import REMINDER_OF
from referrals.models.referral import ConsentHow
from referrals.models.reminder import LASTING, ReminderKind, ReminderState
from referrals.models.replanning import rehearse_rule, set_rule
from referrals.outlook import delay_words, example, planned_for
from referrals.permissions import Door
from referrals.policies import SPECS, USUAL, PolicyKind, Rule
from referrals.states import OPEN, Reason, State
from structures.clocks import METROPOLE
from structures.models import Action, Structure
from structures.vocabulary import Role
from tests.territory import EVERYTHING, NOW, TODAY, a_door, a_draft, a_member, a_sent, a_structure, an_action
from worker.reminders import Settler

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


class Path:
    """A sender, a receiver with two actions, and a fiche sent on Tuesday 17 November 2026."""

    def __init__(self, **receiver: Any) -> None:
        self.sender: Door = a_door(a_structure("Mission locale", email="ml@example.org"))
        self.structure: Structure = a_structure("Alire", **{"email": "alire@example.org"} | receiver)
        self.receiver: Door = a_door(self.structure)
        self.action: Action = an_action(self.structure)
        self.other: Action = an_action(self.structure)
        self.referral: Referral = a_sent(self.action, self.sender.actor)

    def rule(self, kind: PolicyKind, *delays: int, is_on: bool = True, action: Action | None = None) -> int:
        structure = self.structure if SPECS[kind].side == "receiver" else self.sender.structure
        assert structure is not None
        rule = Rule(kind, is_on, delays or USUAL[kind].delays, USUAL[kind].stop_after)
        return set_rule(structure, action, kind, rule, NOW)

    def send(self, action: Action | None = None) -> Referral:
        return a_sent(action or self.action, self.sender.actor)

    def days(self, kind: ReminderKind, referral: Referral | None = None) -> list[dt.date]:
        rows = Reminder.objects.filter(referral=referral or self.referral, kind=kind, state=ReminderState.PLANNED)
        return [METROPOLE.day_of(row.due_at) for row in rows.order_by("due_at")]


@pytest.fixture
def path() -> Path:
    return Path()


def after(*delays: int) -> list[dt.date]:
    return [deadlines.add_working_days(TODAY, delay) for delay in delays]


def settle_all(now: dt.datetime) -> None:
    settler = Settler(lambda: now)
    while settler.settle_batch():
        pass


# What the database refuses


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"delays": [7, 3]}, "policy_delays_in_order"),
        ({"delays": [3, 3]}, "policy_delays_in_order"),
        ({"delays": []}, "policy_delays_within_bounds"),
        ({"delays": [0]}, "policy_delays_within_bounds"),
        ({"delays": [41]}, "policy_delays_within_bounds"),
        ({"delays": [1, 2, 3, 4, 5, 6]}, "policy_delays_within_bounds"),
        ({"kind": "acknowledgement", "delays": [1]}, "policy_delays_within_bounds"),
        ({"kind": "appointment", "delays": [2]}, "policy_delays_within_bounds"),
        ({"kind": "expiry", "delays": [30], "is_on": False}, "policy_that_must_hold_is_on"),
        ({"stop_after": 0}, "policy_stops_within_half_a_year"),
        ({"stop_after": 181}, "policy_stops_within_half_a_year"),
        ({"kind": "consent", "delays": [-30], "action": True}, "policy_of_an_action_where_it_decides"),
        ({"structure": True, "action": True}, "policy_of_an_action_of_its_structure"),
    ],
)
def test_the_database_refuses_a_rule_that_cannot_hold(path: Path, values: dict[str, Any], name: str) -> None:
    row: dict[str, Any] = {"structure": path.structure, "kind": "unanswered", "delays": [3], "stop_after": 14}
    row |= values
    row["action"] = path.action if values.get("action") else None
    if values.get("structure"):
        row["structure"] = path.sender.structure
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        ReminderPolicy.objects.create(**row)
    assert error.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]


@pytest.mark.parametrize("of_action", [False, True])
def test_there_is_one_rule_of_a_kind_for_a_structure_and_one_for_an_action(path: Path, of_action: bool) -> None:
    row = {"structure": path.structure, "kind": "unanswered", "delays": [3], "stop_after": 14}
    row["action"] = path.action if of_action else None
    ReminderPolicy.objects.create(**row)
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        ReminderPolicy.objects.create(**row)
    assert "policy_once_per" in str(error.value)


def test_the_usual_rules_are_legal() -> None:
    for rule in USUAL.values():
        rule.check()


# Who wins


def test_an_action_decides_before_its_structure_and_the_structure_before_what_is_usual(path: Path) -> None:
    assert path.days(ReminderKind.UNANSWERED) == after(3, 7, 12)
    path.rule(PolicyKind.UNANSWERED, 2, 9)
    path.rule(PolicyKind.UNANSWERED, 5, action=path.other)
    assert path.days(ReminderKind.UNANSWERED, path.send()) == after(2, 9)
    assert path.days(ReminderKind.UNANSWERED, path.send(path.other)) == after(5)
    set_rule(path.structure, path.other, PolicyKind.UNANSWERED, None, NOW)
    assert path.days(ReminderKind.UNANSWERED, path.send(path.other)) == after(2, 9)


def test_the_sender_decides_of_its_own_letters_and_not_of_the_receivers(path: Path) -> None:
    sender = path.sender.structure
    assert sender is not None
    set_rule(sender, None, PolicyKind.UNANSWERED, Rule(PolicyKind.UNANSWERED, True, (20,), 14), NOW)
    set_rule(path.structure, None, PolicyKind.CONSENT, Rule(PolicyKind.CONSENT, False, (-30,), 30), NOW)
    fiche = path.send()
    assert path.days(ReminderKind.UNANSWERED, fiche) == after(3, 7, 12)
    assert path.days(ReminderKind.CONSENT_ENDING, fiche) == [deadlines.add_months(TODAY, 24) - 30 * DAY]


def test_a_rule_that_is_switched_off_plans_nothing(path: Path) -> None:
    path.rule(PolicyKind.UNANSWERED, is_on=False)
    fiche = path.send()
    assert path.days(ReminderKind.UNANSWERED, fiche) == []
    assert path.days(ReminderKind.EXPIRY, fiche) == [TODAY + 30 * DAY]


def test_the_closing_follows_its_rule_on_the_screens_and_for_the_worker(path: Path) -> None:
    path.rule(PolicyKind.EXPIRY, 20)
    fiche = Referral.objects.get(pk=path.send().pk)
    assert fiche.closes_on() == TODAY + 20 * DAY
    assert path.days(ReminderKind.EXPIRY_NOTICE, fiche) == [TODAY + 15 * DAY]
    settle_all(NOW + 19 * DAY)
    assert Referral.objects.get(pk=fiche.pk).state == State.SENT
    settle_all(NOW + 20 * DAY)
    assert Referral.objects.get(pk=fiche.pk).state == State.EXPIRED


def test_each_structure_is_written_to_on_its_own_clock_and_holidays() -> None:
    there = Path(commune_code="98735")
    due = Reminder.objects.filter(referral=there.referral, kind=ReminderKind.UNANSWERED).earliest("due_at").due_at
    assert due.astimezone(there.structure.clock.zone).hour == 8
    assert there.structure.clock.day_of(due) == dt.date(2026, 11, 23), "the 20th is Matariʻi there"


def test_a_verb_reads_the_rules_in_one_query(path: Path) -> None:
    draft = a_draft(path.action, path.sender.actor)
    draft = Referral.objects.with_everything().get(pk=draft.pk)
    with CaptureQueriesContext(connection) as queries:
        draft.send(path.sender.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
    assert sum('FROM "referrals_reminderpolicy"' in query["sql"] for query in queries) == 1


def test_many_fiches_share_one_query_for_their_rules(path: Path) -> None:
    path.rule(PolicyKind.UNANSWERED, 5, action=path.other)
    fiches = [path.send(), path.send(path.other), path.send()]
    with CaptureQueriesContext(connection) as queries:
        ReminderPolicy.objects.attach(fiches)
        delays = [fiche.rules[PolicyKind.UNANSWERED].delays for fiche in fiches]
    assert len(queries) == 1
    assert delays == [(3, 7, 12), (5,), (3, 7, 12)]


# A rule changes


def test_what_is_planned_for_open_fiches_follows_the_new_rule(path: Path) -> None:
    kept = path.send(path.other)
    path.rule(PolicyKind.UNANSWERED, 8, action=path.other)
    assert path.rule(PolicyKind.UNANSWERED, 4, 7) == 1
    assert path.days(ReminderKind.UNANSWERED) == after(4, 7)
    assert path.days(ReminderKind.UNANSWERED, kept) == after(8)
    dropped = Reminder.objects.filter(referral=path.referral, reason="policy")
    assert {METROPOLE.day_of(row.due_at) for row in dropped} == set(after(3, 12))


def test_a_rule_set_back_plans_again_what_it_had_withdrawn(path: Path) -> None:
    path.rule(PolicyKind.UNANSWERED, is_on=False)
    assert path.days(ReminderKind.UNANSWERED) == []
    set_rule(path.structure, None, PolicyKind.UNANSWERED, None, NOW)
    assert path.days(ReminderKind.UNANSWERED) == after(3, 7, 12)
    assert not ReminderPolicy.objects.exists()


def test_a_letter_already_due_or_gone_stays_and_is_not_sent_twice(path: Path) -> None:
    now = NOW + 4 * DAY
    settle_all(now)
    rule = Rule(PolicyKind.UNANSWERED, True, (1, 3, 6), 14)
    set_rule(path.structure, None, PolicyKind.UNANSWERED, rule, now)
    assert path.days(ReminderKind.UNANSWERED) == after(6), "what a rule would have given before it is not made up for"
    settle_all(NOW + 60 * DAY)
    letters = Message.objects.filter(referral=path.referral, letter="referral_unanswered", to="alire@example.org")
    done = Reminder.objects.filter(kind=ReminderKind.UNANSWERED, state=ReminderState.DONE)
    assert letters.count() == done.count()
    assert done.filter(due_at__lte=now).count() == 1


def test_an_answered_fiche_is_not_asked_again_by_a_new_rule(path: Path) -> None:
    path.referral.accept(path.receiver.actor, NOW)
    assert path.rule(PolicyKind.UNANSWERED, 5) == 0
    assert path.days(ReminderKind.UNANSWERED) == []


def test_a_paused_fiche_is_not_asked_again_by_a_new_rule(path: Path) -> None:
    path.referral.ask(path.receiver.actor, NOW, question="Le permis ?")
    assert path.rule(PolicyKind.UNANSWERED, 5) == 0


def test_a_bilan_that_is_back_is_not_asked_for_again_by_a_new_rule(path: Path) -> None:
    path.referral.accept(path.receiver.actor, NOW)
    path.referral.enter(path.receiver.actor, NOW, on=TODAY, bilan_due_on=TODAY + 30 * DAY)
    assert len(path.days(ReminderKind.BILAN_DUE)) == 3
    bilan = path.referral.bilans.model.objects.start(path.referral, "final", path.receiver.actor, NOW)
    bilan.hand_in(path.receiver.actor, NOW)
    assert path.rule(PolicyKind.FINAL_BILAN, 5) == 0
    assert path.days(ReminderKind.BILAN_DUE) == []


def test_a_rehearsal_counts_as_the_deed_and_writes_nothing(path: Path) -> None:
    before = list(Reminder.objects.order_by("pk").values_list("pk", "state", "due_at"))
    rule = Rule(PolicyKind.EXPIRY, True, (40,), 180)
    count = rehearse_rule(path.structure, None, PolicyKind.EXPIRY, rule, NOW)
    assert list(Reminder.objects.order_by("pk").values_list("pk", "state", "due_at")) == before
    assert not ReminderPolicy.objects.exists()
    assert set_rule(path.structure, None, PolicyKind.EXPIRY, rule, NOW) == count == 1
    assert path.days(ReminderKind.EXPIRY_NOTICE) == [TODAY + 35 * DAY]


def test_many_open_fiches_are_planned_anew_batch_by_batch(path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("referrals.models.replanning.BATCH", 2)
    fiches = [path.referral, *[path.send() for _ in range(4)]]
    assert path.rule(PolicyKind.UNANSWERED, 6) == 5
    assert all(path.days(ReminderKind.UNANSWERED, fiche) == after(6) for fiche in fiches)


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_the_reminders_are_those_of_the_rule_that_stands() -> None:
    path = Path()
    barrier = threading.Barrier(2)

    def change(delay: int) -> None:
        try:
            barrier.wait()
            set_rule(path.structure, None, PolicyKind.UNANSWERED, Rule(PolicyKind.UNANSWERED, True, (delay,), 14), NOW)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=[delay]) for delay in (4, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = ReminderPolicy.objects.all()
    assert path.days(ReminderKind.UNANSWERED) == after(*row.delays)


def test_a_verb_that_read_the_rule_before_it_changed_is_put_right_by_the_worker(path: Path) -> None:
    stale = path.send()
    # As when the manager's change is committed between the verb's reading and its commit: planned by the old rule.
    ReminderPolicy.objects.create(structure=path.structure, kind="expiry", delays=[40], stop_after=180)
    ReminderPolicy.objects.create(structure=path.structure, kind="unanswered", delays=[5], stop_after=14)
    Reminder.objects.exclude(referral=stale).delete()
    settle_all(NOW + 3 * DAY)
    assert path.days(ReminderKind.UNANSWERED, stale) == [*after(5, 7, 12)]
    settle_all(NOW + 30 * DAY)
    assert path.days(ReminderKind.EXPIRY, stale) == [TODAY + 40 * DAY]
    settle_all(NOW + 40 * DAY)
    assert Referral.objects.get(pk=stale.pk).state == State.EXPIRED


def test_a_rule_says_how_late_its_letters_may_leave(path: Path) -> None:
    set_rule(path.structure, None, PolicyKind.UNANSWERED, Rule(PolicyKind.UNANSWERED, True, (3,), 5), NOW)
    other = path.send()
    settle_all(last := Reminder.objects.filter(referral=other, kind="unanswered").get().due_at + 5 * DAY)
    done = Reminder.objects.filter(kind=ReminderKind.UNANSWERED, state=ReminderState.DONE)
    assert done.count() == 2
    late = path.send()
    Reminder.objects.filter(referral=late, kind="unanswered").update(due_at=last - 5 * DAY - DAY / 24)
    settle_all(last)
    assert Reminder.objects.get(referral=late, kind="unanswered").reason == "stale"


# What never happens


def delays_of(kind: PolicyKind) -> st.SearchStrategy[tuple[int, ...]]:
    spec = SPECS[kind]
    if not spec.most:
        return st.just(())
    numbers = st.integers(spec.low, spec.high)
    return st.lists(numbers, min_size=1, max_size=spec.most, unique=True).map(lambda found: tuple(sorted(found)))


@st.composite
def legal_rules(draw: st.DrawFn, kind: PolicyKind | None = None) -> Rule:
    kind = kind or draw(st.sampled_from(list(PolicyKind)))
    is_on = draw(st.booleans()) or not SPECS[kind].may_be_off
    return Rule(kind, is_on, draw(delays_of(kind)), draw(st.integers(1, 180)))


ALL_RULES = st.tuples(*[legal_rules(kind) for kind in PolicyKind])


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


DRAWN = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def planned(path: Path, fiche: Referral) -> dict[ReminderKind, list[dt.datetime]]:
    found: dict[ReminderKind, list[dt.datetime]] = {}
    for row in Reminder.objects.filter(referral=fiche, state=ReminderState.PLANNED).order_by("due_at"):
        found.setdefault(ReminderKind(row.kind), []).append(row.due_at)
    return found


@given(legal_rules())
def test_a_legal_rule_is_legal_and_its_days_come_in_order_and_differ(rule: Rule) -> None:
    rule.check()
    for clock in (METROPOLE,):
        days = rule.days_from(TODAY, clock)
        assert days == sorted(set(days))
        assert len(days) == (len(rule.delays) if rule.is_on else 0)


@given(legal_rules(), st.data())
def test_a_rule_one_step_outside_its_bounds_is_refused(rule: Rule, data: st.DataObject) -> None:
    spec = rule.spec
    wrong = [Rule(rule.kind, rule.is_on, rule.delays, stop) for stop in (0, 181)]
    if spec.most:
        wrong += [Rule(rule.kind, rule.is_on, (one,), rule.stop_after) for one in (spec.low - 1, spec.high + 1)]
        wrong += [Rule(rule.kind, rule.is_on, (*rule.delays, rule.delays[-1]), rule.stop_after)]
        wrong += [Rule(rule.kind, rule.is_on, (), rule.stop_after)]
    with pytest.raises(ValidationError):
        data.draw(st.sampled_from(wrong)).check()


@given(ALL_RULES)
@DRAWN
def test_whatever_the_rules_nothing_is_planned_after_its_event_nor_twice(path: Path, rules: tuple[Rule, ...]) -> None:
    with taken_back():
        for rule in rules:
            structure = path.structure if rule.spec.side == "receiver" else path.sender.structure
            assert structure is not None
            set_rule(structure, None, rule.kind, rule, NOW)
        fiche = Referral.objects.get(pk=path.send().pk)
        found = planned(path, fiche)
        closing = fiche.closes_on()
        assert closing is not None
        for kind in (ReminderKind.EXPIRY_NOTICE,):
            assert all(METROPOLE.day_of(due) < closing for due in found.get(kind, []))
        assert all(due > NOW for dues in found.values() for due in dues)
        fiche.accept(path.receiver.actor, NOW, appointment_at=NOW + 9 * DAY)
        found = planned(path, fiche)
        assert all(due <= NOW + 9 * DAY for due in found.get(ReminderKind.APPOINTMENT, []))
        assert all(METROPOLE.day_of(due) > TODAY + 9 * DAY for due in found.get(ReminderKind.ENTRY_TO_CONFIRM, []))
        assert not {ReminderKind.UNANSWERED, ReminderKind.ESCALATED, ReminderKind.EXPIRY} & found.keys()
        fiche.enter(path.receiver.actor, NOW, on=TODAY, bilan_due_on=TODAY + 90 * DAY)
        found = planned(path, fiche)
        assert all(METROPOLE.day_of(due) < TODAY + 90 * DAY for due in found.get(ReminderKind.INTERIM_BILAN, []))


@given(ALL_RULES, st.sampled_from(["decline", "cancel", "expire", "end"]), st.integers(0, 900))
@DRAWN
def test_whatever_the_rules_nothing_leaves_for_a_closed_fiche_but_what_tells_of_it(
    path: Path, rules: tuple[Rule, ...], verb: str, days: int
) -> None:
    with taken_back():
        for rule in rules:
            structure = path.structure if rule.spec.side == "receiver" else path.sender.structure
            assert structure is not None
            set_rule(structure, None, rule.kind, rule, NOW)
        fiche = Referral.objects.get(pk=path.send().pk)
        match verb:
            case "decline":
                fiche.decline(path.receiver.actor, NOW, reason=Reason.NO_PLACE)
            case "cancel":
                fiche.cancel(path.sender.actor, NOW, reason=Reason.MOVED)
            case "expire":
                fiche.expire(path.receiver.actor, NOW)
            case _:
                fiche.accept(path.receiver.actor, NOW)
                fiche.enter(path.receiver.actor, NOW, on=TODAY)
                Exit.objects.record(fiche, path.receiver.actor, NOW, on=TODAY, kind="cdi")
        assert fiche.state not in OPEN
        settle_all(NOW + days * DAY)
        asked = Message.objects.filter(referral=fiche, reminder__kind__in=set(REMINDER_OF.values()) - set(LASTING))
        if verb == "end":
            # A bilan that is owed stays owed after the exit; nothing else does.
            asked = asked.exclude(reminder__kind=ReminderKind.BILAN_DUE)
        assert not asked.exists()


@given(legal_rules(PolicyKind.UNANSWERED), st.integers(1, 70))
@DRAWN
def test_whatever_the_rule_recalls_come_in_their_order_once_each_until_the_answer(
    path: Path, rule: Rule, answered_after: int
) -> None:
    with taken_back():
        set_rule(path.structure, None, PolicyKind.UNANSWERED, rule, NOW)
        fiche = Referral.objects.get(pk=path.send().pk)
        for number in range(1, answered_after):
            settle_all(NOW + number * DAY)
        fiche.refresh_from_db()
        if fiche.state == State.SENT:
            fiche.accept(path.receiver.actor, NOW + answered_after * DAY)
        before = list(Event.objects.filter(referral=fiche, kind="reminded", data__kind="unanswered").order_by("at"))
        assert [event.data["tier"] for event in before] == list(range(len(before)))
        settle_all(NOW + 400 * DAY)
        assert Event.objects.filter(referral=fiche, kind="reminded", data__kind="unanswered").count() == len(before)


# What each of the new letters says, and when it does not leave


def letters(fiche: Referral) -> list[tuple[str, str]]:
    return list(Message.objects.filter(referral=fiche).order_by("letter", "to").values_list("letter", "to"))


def due(path: Path, kind: ReminderKind) -> list[tuple[str, str]]:
    row = Reminder.objects.filter(referral=path.referral, kind=kind, state=ReminderState.PLANNED).earliest("due_at")
    Reminder.objects.exclude(pk=row.pk).delete()
    settle_all(row.due_at)
    return letters(path.referral)


def test_the_acknowledgement_leaves_only_where_it_is_wanted(path: Path) -> None:
    assert not path.days(ReminderKind.ACKNOWLEDGED)
    path.rule(PolicyKind.ACKNOWLEDGEMENT)
    path.referral = path.send()
    ((letter, _),) = due(path, ReminderKind.ACKNOWLEDGED)
    assert letter == "referral_acknowledged"


def test_both_structures_hear_of_the_closing_before_it(path: Path) -> None:
    assert [letter for letter, _ in due(path, ReminderKind.EXPIRY_NOTICE)] == [
        "referral_expiring_receiver",
        "referral_expiring_sender",
    ]


def test_the_coordination_of_the_departement_hears_of_a_silence_and_no_other(path: Path) -> None:
    Structure.objects.filter(pk=path.structure.pk).update(postal_code="41000", is_sensitive=True)
    a_member(a_structure("Ville", postal_code="41000"), Role.COORDINATOR, email="ville@example.org")
    a_member(a_structure("Tours", postal_code="37000"), Role.COORDINATOR, email="tours@example.org")
    assert due(path, ReminderKind.ESCALATED) == [("referral_escalated", "ville@example.org")]
    body = Message.objects.get().body_text
    assert "Alire" not in body, "a sensitive structure is not named"
    assert path.referral.person.last_name not in body


def test_without_a_coordinator_nobody_is_told(path: Path) -> None:
    assert due(path, ReminderKind.ESCALATED) == []
    assert Reminder.objects.get().reason == "no_address"


def test_an_intermediate_bilan_is_asked_for_where_it_is_wanted_until_one_is_back(path: Path) -> None:
    path.rule(PolicyKind.INTERIM_BILAN, 20, 40)
    fiche = Referral.objects.get(pk=path.referral.pk)
    fiche.accept(path.receiver.actor, NOW)
    fiche.enter(path.receiver.actor, NOW, on=TODAY, bilan_due_on=TODAY + 90 * DAY)
    assert path.days(ReminderKind.INTERIM_BILAN) == [TODAY + 20 * DAY, TODAY + 40 * DAY]
    settle_all(NOW + 20 * DAY)
    assert ("interim_bilan_due", "alire@example.org") in letters(fiche)
    bilan = fiche.bilans.model.objects.start(fiche, "intermediate", path.receiver.actor, NOW + 21 * DAY)
    bilan.hand_in(path.receiver.actor, NOW + 21 * DAY)
    settle_all(NOW + 40 * DAY)
    assert [letter for letter, _ in letters(fiche)].count("interim_bilan_due") == 1
    assert Reminder.objects.filter(kind=ReminderKind.INTERIM_BILAN, reason="returned").count() == 1


def test_an_exit_that_nobody_noted_is_asked_for_until_it_is(path: Path) -> None:
    path.referral.accept(path.receiver.actor, NOW)
    path.referral.enter(path.receiver.actor, NOW, on=TODAY, bilan_due_on=TODAY + 10 * DAY)
    assert path.days(ReminderKind.EXIT_DUE) == [TODAY + 17 * DAY]
    Exit.objects.record(path.referral, path.receiver.actor, NOW, on=TODAY, kind="cdi")
    assert path.days(ReminderKind.EXIT_DUE) == []


def test_an_old_consent_is_told_to_the_sender_while_the_fiche_goes_on(path: Path) -> None:
    path.referral.accept(path.receiver.actor, NOW)
    path.referral.enter(path.receiver.actor, NOW, on=TODAY)
    assert path.days(ReminderKind.CONSENT_ENDING) == [dt.date(2028, 10, 18)]
    ((letter, _),) = due(path, ReminderKind.CONSENT_ENDING)
    assert letter == "consent_ending"


def test_nothing_is_said_of_a_consent_once_its_term_is_past(path: Path) -> None:
    Reminder.objects.exclude(kind=ReminderKind.CONSENT_ENDING).delete()
    path.referral.accept(path.receiver.actor, NOW)
    Reminder.objects.exclude(kind=ReminderKind.CONSENT_ENDING).delete()
    path.rule(PolicyKind.CONSENT, -7)
    settle_all(NOW + 740 * DAY)
    assert Reminder.objects.get(reason="past").kind == ReminderKind.CONSENT_ENDING


def test_a_file_without_any_act_for_two_years_is_told_of_once(path: Path) -> None:
    twin = a_sent(path.action, path.sender.actor, path.referral.person, NOW + DAY)
    for fiche in (path.referral, twin):
        fiche.decline(path.receiver.actor, NOW + DAY, reason=Reason.NO_PLACE)
    Reminder.objects.exclude(kind=ReminderKind.RETENTION).delete()
    for number in range(690, 760):
        settle_all(NOW + number * DAY)
    assert Message.objects.filter(letter="retention_near").values_list("referral", flat=True).get() == twin.pk
    told = Message.objects.get(letter="retention_near")
    assert METROPOLE.day_of(told.created_at) == deadlines.add_months(TODAY + DAY, 24) - 30 * DAY


def test_a_closed_fiche_whose_sender_switched_the_rule_off_tells_nothing(path: Path) -> None:
    path.referral.decline(path.receiver.actor, NOW, reason=Reason.NO_PLACE)
    path.rule(PolicyKind.RETENTION, is_on=False)
    settle_all(NOW + 720 * DAY)
    assert not Message.objects.filter(letter="retention_near").exists()


def test_a_file_that_lives_is_told_of_two_years_after_its_last_act(path: Path) -> None:
    path.referral.decline(path.receiver.actor, NOW, reason=Reason.NO_PLACE)
    later = NOW + 300 * DAY
    path.referral.person.change(path.sender.actor, later, commune="Vineuil")
    settle_all(NOW + 720 * DAY)
    assert not Message.objects.filter(letter="retention_near").exists()
    assert path.days(ReminderKind.RETENTION) == [deadlines.add_months(METROPOLE.day_of(later), 24) - 30 * DAY]


# In words


@given(legal_rules())
def test_what_is_shown_in_the_form_is_read_back_as_it_was(rule: Rule) -> None:
    posted: dict[str, Any] = {"delays": delay_words(rule.delays), "stop_after": str(rule.stop_after)}
    if rule.is_on:
        posted["is_on"] = "on"
    form = PolicyForm(posted, kind=rule.kind, rule=USUAL[rule.kind])
    assert form.is_valid(), form.errors
    assert form.rule == rule


@pytest.mark.parametrize("typed", ["3,7,12", "3 7 12", "12, 7 et 3", " 3 ; 7; 12 "])
def test_delays_are_read_as_people_write_them(typed: str) -> None:
    kind = PolicyKind.UNANSWERED
    form = PolicyForm({"is_on": "on", "delays": typed, "stop_after": "14"}, kind=kind, rule=USUAL[kind])
    assert form.is_valid(), form.errors
    assert form.rule.delays == (3, 7, 12)


@pytest.mark.parametrize("typed", ["", "trois", "3-7", "3, 3", "0", "41", "1 2 3 4 5 6", "-3", "3.5", "9999"])
def test_delays_that_cannot_hold_are_refused_next_to_the_field(typed: str) -> None:
    kind = PolicyKind.UNANSWERED
    form = PolicyForm({"is_on": "on", "delays": typed, "stop_after": "14"}, kind=kind, rule=USUAL[kind])
    assert not form.is_valid()
    assert form.errors["delays"]


@given(ALL_RULES)
def test_the_example_shows_every_day_in_order(rules: tuple[Rule, ...]) -> None:
    chapters = example({rule.kind: rule for rule in rules}, METROPOLE, TODAY)
    for chapter in chapters:
        days = [line.day for line in chapter.lines]
        assert days == sorted(days)
        assert all(day >= TODAY for day in days)


def test_the_example_is_what_a_real_fiche_plans(path: Path) -> None:
    shown = [line.day for line in example(dict(USUAL), METROPOLE, TODAY)[0].lines]
    real = [
        one.day for one in planned_for(path.referral, sends=False) if one.day > TODAY and one.day < TODAY + 365 * DAY
    ]
    assert shown == real


def test_every_kind_of_reminder_can_be_shown_on_its_fiche_and_its_sender_never_reads_who_follows_it(path: Path) -> None:
    for kind in ReminderKind:
        Reminder.objects.plan(path.referral, NOW, (kind, NOW + 3 * DAY))
    shown = planned_for(path.referral, sends=False)
    assert {kind.label for kind in ReminderKind} <= {line.what for line in shown}
    assert all(line.to_whom for line in shown)
    assert ReminderKind.ASSIGNED.label not in {line.what for line in planned_for(path.referral, sends=True)}
