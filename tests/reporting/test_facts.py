"""What the figures are read from: equal to counting every row, at every moment, whatever happened before.

`FACTS_EXAMPLES` plays more histories.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from referrals.models import (
    Bilan,
    BilanKind,
    Exit,
    ExitKind,
    FollowUp,
    FollowUpChannel,
    FollowUpSituation,
    Need,
    Person,
    PersonMerge,
    Prediagnosis,
    Referral,
    ReminderPolicy,
)
from referrals.models.event import WORKER
from referrals.models.followup import WITHOUT_ANSWER
from referrals.models.merge import CannotMerge, version_of
from referrals.models.referral import ConsentHow, NoPlaceLeft, StaleReferral
from referrals.policies import PolicyKind
from referrals.states import REASONS, UnmetReason, Verb
from reporting import indicators as what
from reporting.boxes import EXIT_BOXES, SUBJECTS
from reporting.counting import Counting
from reporting.facts import fold, fold_all, outlive, rebuild
from reporting.models import Age, Cell, Fact, Pending, Volume
from reporting.scope import Period, Place, Scope, View
from reporting.secrecy import SMALLEST_GROUP
from structures.models import Structure
from structures.vocabulary import Cecrl, NeedTheme, Programme, Sex
from tests.reporting.conftest import NOW, Field, at
from tests.reporting.plain import Plain, steps_of
from tests.territory import EVERYTHING, a_need, a_person, a_structure, an_action

EXAMPLES = int(os.environ.get("FACTS_EXAMPLES", "20"))
YEAR = Period(dt.date(2026, 1, 1), dt.date(2026, 12, 31))
SPRING = Period(dt.date(2026, 3, 10), dt.date(2026, 5, 20))


def counted(field: Field, period: Period = YEAR, **filters: Any) -> Counting:
    """The territory's figures."""
    return Counting(Scope(field.doors[field.ville], View.TERRITORY, period, NOW, **filters))


def assert_equal(counting: Counting, plain: Plain) -> None:
    """Every number of the page is the one counted row by row."""
    ledger = counting.ledger
    names = [one.name for group in SUBJECTS.values() for one in group] + ["needs", "unmet"]
    assert {name: ledger.number(name) for name in names} == {name: plain.numbers[name] for name in names}
    for name in names:
        behind, exact = ledger.people(name), len(plain.people[name])
        assert behind == exact if behind < SMALLEST_GROUP else exact >= SMALLEST_GROUP, name
    for month in counting.scope.period.months:
        for series in ("sent", "answered"):
            assert ledger.number(("month", month, series)) == plain.months[month, series]
    delays = counting.tally.delays
    assert Counter(delays.answered) == plain.answered
    assert Counter(delays.unanswered) == plain.unanswered
    lines = {
        (line.key, one.name): line.group.number(one) for line in counting.lines for one in (what.SENT, what.ENTERED)
    }
    assert Counter({key: n for key, n in lines.items() if n}) == Counter(
        {key: n for key, n in plain.structures.items() if key[1] in ("sent", "entered")}
    )
    crossing = counting.unmet.by_theme
    for (theme, reason), n in plain.unmet.items():
        assert ledger.number(("unmet_themes", theme, reason)) == n
    assert ledger.number("unmet") == sum(plain.unmet.values()) == sum(plain.places.values())
    assert set(crossing.row_keys) == {theme for theme, _ in plain.unmet}
    for cell in set(counting.after_exit.cells) | set(plain.news):
        assert ledger.number(("after_exit", *cell)) == plain.news[cell]


def cells() -> list[tuple[Any, ...]]:
    return sorted(Cell.objects.values_list("cut", "value", "day", "measure", "code", "n"))


def assert_steps() -> None:
    """What a fact tells of the way from one fiche to the next is what the fiches say."""
    told = {fact.source: fact for fact in Fact.objects.filter(subject=1)}
    for fiche in Referral.objects.sent().select_related("opened_by", "opened_after").order_by("id"):
        fact = told.pop(fiche.pk)
        kind = EXIT_BOXES[fact.left_for].value if fact.left_for else ""
        assert (fact.previous, kind, fact.span) == steps_of(fiche)
        assert fact.person == fiche.person_id
    assert not told
    for fact in Fact.objects.filter(subject=3):
        left = Exit.objects.select_related("referral").get(referral=fact.source)
        assert left.referral.entered_on is not None
        assert (fact.span, fact.left_for) == ((left.on - left.referral.entered_on).days, fact.box)


def facts() -> list[tuple[Any, ...]]:
    names = [field.name for field in Fact._meta.fields if field.name != "id"]
    return sorted(Fact.objects.values_list(*names), key=str)


# --- A random history, by the real verbs

FILTERS: list[tuple[dict[str, Any], Callable[[Any, dt.date], bool]]] = [
    ({}, lambda row, day: True),
    ({"place": Place.QPV}, lambda row, day: row.person.in_qpv is True),
    ({"place": Place.UNKNOWN}, lambda row, day: row.person.in_qpv is None),
    ({"quartier": "nord"}, lambda row, day: row.person.quartier == "nord"),
    ({"sex": Sex.WOMAN}, lambda row, day: row.person.sex == "F"),
    ({"sex": "inconnu"}, lambda row, day: row.person.sex == ""),
    ({"level": Cecrl.A1}, lambda row, day: row.person.french_oral == "A1"),
    ({"age": Age.YOUNG}, lambda row, day: row.person.age(day) is not None and 18 <= row.person.age(day) <= 25),
    ({"age": Age.UNKNOWN}, lambda row, day: row.person.birth_date is None),
    ({"theme": NeedTheme.DIGITAL}, lambda row, day: "digital" in _themes(row)),
    ({"programme": Programme.FSE}, lambda row, day: "fse" in _programmes(row)),
    ({"sex": Sex.WOMAN, "level": Cecrl.A1}, lambda row, day: row.person.sex == "F" and row.person.french_oral == "A1"),
    (
        {"theme": NeedTheme.FRENCH, "place": Place.QPV, "programme": Programme.FSE},
        lambda row, day: "french" in _themes(row) and row.person.in_qpv is True and "fse" in _programmes(row),
    ),
]


def _themes(row: Any) -> set[str]:
    return {row.theme} if isinstance(row, Need) else {need.theme for need in row.needs.order_by("id")}


def _programmes(row: Any) -> set[str]:
    fiches = row.referrals.filter(sent_at__isnull=False).order_by("id") if isinstance(row, Need) else [row]
    return {one for fiche in fiches for one in fiche.action.programmes}


class History:
    """Some persons and fiches to which anything may happen, one step a day at most."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.now = at(1, 5)
        other = a_structure("Confluences", is_prescriber=False)
        self.actions = [
            field.action,
            an_action(field.alire, "Atelier", themes=[NeedTheme.DIGITAL], programmes=["fse"]),
            an_action(other, "Chantier", programmes=["fse", "plie"]),
        ]
        self.persons = [
            a_person(field.sender, self.now, sex=sex, in_qpv=qpv, quartier=quartier, french_oral=level, birth_date=born)
            for sex, qpv, quartier, level, born in (
                ("F", True, "nord", "A1", dt.date(2004, 6, 1)),
                ("F", False, "", "", dt.date(1980, 1, 1)),
                ("M", True, "nord", "B1", None),
                ("", None, "", "A1", dt.date(2000, 4, 15)),
            )
        ]
        for person in self.persons:
            a_need(person, field.sender, NeedTheme.FRENCH)
        self.fiches: list[Referral] = []
        ReminderPolicy.objects.create(structure=field.alire, kind=PolicyKind.THREE_MONTHS, stop_after=30)

    def step(self, kind: int, which: int, hours: int) -> None:
        """One thing happens, if it may."""
        self.now = min(self.now + dt.timedelta(hours=hours), NOW)
        deeds = [
            self.send, self.send, self.send, self.accept, self.accept, self.waitlist, self.decline, self.redirect,
            self.retract, self.cancel, self.expire, self.reopen, self.enter, self.enter, self.miss, self.exit,
            self.exit, self.resume, self.bilan, self.check, self.needs, self.close_need, self.person, self.merge,
            self.programmes, self.recall,
        ]  # fmt: skip
        try:
            with transaction.atomic():
                deeds[kind % len(deeds)](which)
        except (StaleReferral, NoPlaceLeft, CannotMerge, ValueError):
            pass

    def fiche(self, which: int) -> Referral:
        if not self.fiches:
            raise ValueError("no fiche yet")
        return Referral.objects.get(pk=self.fiches[which % len(self.fiches)].pk)

    def send(self, which: int) -> None:
        person = Person.objects.get(pk=self.persons[which % len(self.persons)].pk)
        if person.merged_into_id:
            raise ValueError("merged away")
        needs = list(person.needs.open().order_by("id"))[: 1 + which % 2]
        action = self.actions[which % len(self.actions)]
        opened: dict[str, Any] = {}
        if which % 3 == 0:
            opened["opened_by"] = Bilan.objects.filter(referral__person=person).order_by("id").first()
        elif which % 3 == 1:
            opened["opened_after"] = FollowUp.objects.filter(referral__person=person).order_by("id").first()
        fiche = Referral.objects.draft(person, action, self.field.sender, self.now, needs=needs, **opened)
        fiche.send(self.field.sender, self.now, consent_how=ConsentHow.ORAL, consent_scope=EVERYTHING)
        self.fiches.append(fiche)

    def recall(self, which: int) -> None:
        self.fiche(which).recall(self.field.sender, self.now)

    def accept(self, which: int) -> None:
        self.fiche(which).accept(self.field.receiver, self.now)

    def waitlist(self, which: int) -> None:
        self.fiche(which).waitlist(self.field.receiver, self.now)

    def decline(self, which: int) -> None:
        reasons = REASONS[Verb.DECLINE]
        self.fiche(which).decline(self.field.receiver, self.now, reason=reasons[which % len(reasons)])

    def redirect(self, which: int) -> None:
        self.fiches.append(self.fiche(which).redirect(self.field.receiver, self.now, to=self.actions[which % 3]))

    def retract(self, which: int) -> None:
        self.fiche(which).retract(self.field.receiver, self.now)

    def cancel(self, which: int) -> None:
        self.fiche(which).cancel(self.field.sender, self.now, reason=REASONS[Verb.CANCEL][which % 7])

    def expire(self, which: int) -> None:
        self.fiche(which).expire(WORKER, self.now)

    def reopen(self, which: int) -> None:
        self.fiche(which).reopen(self.field.sender, self.now, note="")

    def enter(self, which: int) -> None:
        self.fiche(which).enter(self.field.receiver, self.now, on=self.now.date())

    def miss(self, which: int) -> None:
        self.fiche(which).miss(self.field.receiver, self.now, reason=REASONS[Verb.MISS][which % 5])

    def exit(self, which: int) -> None:
        kinds = list(ExitKind)
        # Some exits are old enough for their check to be due.
        Exit.objects.record(
            self.fiche(which), self.field.receiver, self.now, on=self.now.date(), kind=kinds[which % len(kinds)]
        )

    def resume(self, which: int) -> None:
        self.fiche(which).resume(self.field.receiver, self.now, note="")

    def bilan(self, which: int) -> None:
        actor = self.field.receiver if which % 3 else self.field.sender
        fiche = self.fiche(which)
        if fiche.entered_on is None:
            raise ValueError("not entered")
        bilan = Bilan.objects.start(fiche, list(BilanKind)[which % 3], actor, self.now)
        if which % 4:
            bilan.hand_in(actor, self.now)

    def check(self, which: int) -> None:
        checks = list(FollowUp.objects.order_by("id"))
        if not checks:
            raise ValueError("no check")
        check = checks[which % len(checks)]
        situation = list(FollowUpSituation)[which % 4]
        match which % 7:
            case 0:
                check.begin(self.now)
            case 1:
                check.ask(WORKER, self.now, FollowUpChannel.SMS)
            case 2:
                check.answer(WORKER, self.now, situation=situation)
            case 3 | 4:
                by = [FollowUpChannel.EMAIL, FollowUpChannel.SMS][which % 2]
                if check.asked_by != by:
                    check.ask(WORKER, self.now, by)
                check.answer(WORKER, self.now, situation=situation, by=by)
            case 5:
                check.close_without_answer(WORKER, self.now, state=WITHOUT_ANSWER[which % 3])
            case _:
                check.put_on_call_list()

    def needs(self, which: int) -> None:
        person = Person.objects.get(pk=self.persons[which % len(self.persons)].pk)
        themes = list(NeedTheme)
        Prediagnosis.objects.record(person, {themes[which % 5]: 1}, self.field.sender, self.now)
        need = person.needs.order_by("-created_at", "id").first()
        if need is not None and which % 2:
            need.note_match(list(UnmetReason)[which % len(UnmetReason)])

    def close_need(self, which: int) -> None:
        need = self.persons[which % len(self.persons)].needs.order_by("id").first()
        if need is not None:
            need.close(self.field.sender, self.now)

    def person(self, which: int) -> None:
        person = Person.objects.get(pk=self.persons[which % len(self.persons)].pk)
        choices: list[dict[str, Any]] = [
            {"sex": "M"}, {"in_qpv": False, "quartier": "vienne"}, {"french_oral": "A2"}, {"birth_date": None},
            {"first_name": "Zoé"},
        ]  # fmt: skip
        person.change(self.field.sender, self.now, **choices[which % len(choices)])

    def merge(self, which: int) -> None:
        standing = PersonMerge.objects.standing().order_by("id").first()
        if standing is not None:
            standing.undo(self.field.sender, self.now)
            return
        keep, lose = (Person.objects.get(pk=self.persons[(which + n) % 4].pk) for n in (0, 1))
        PersonMerge.objects.merge(keep, lose, self.field.sender, self.now, values={}, seen=version_of(keep, lose))

    def programmes(self, which: int) -> None:
        action = self.actions[which % len(self.actions)]
        action.programmes = [] if action.programmes else ["fse"]
        action.save(update_fields=["programmes"])


STEPS = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 60), st.sampled_from([0, 0, 3, 26, 75, 400])), min_size=6, max_size=28
)


@pytest.mark.django_db
@given(steps=STEPS, folds=st.sets(st.integers(0, 27), max_size=3), chosen=st.integers(0, len(FILTERS) - 1))
@settings(max_examples=EXAMPLES, deadline=None)
def test_after_any_history_every_figure_is_the_one_counted_row_by_row(
    steps: list[tuple[int, int, int]], folds: set[int], chosen: int
) -> None:
    with transaction.atomic():
        field = Field()
        history = History(field)
        for number, step in enumerate(steps):
            history.step(*step)
            if number in folds:
                fold(NOW, most=3)
        asked = [FILTERS[0], FILTERS[chosen]]
        plain = [(period, filters, Plain(period.start, period.end, NOW, keeps))
                 for period in (YEAR, SPRING) for filters, keeps in asked]  # fmt: skip
        for period, filters, expected in plain:
            assert_equal(counted(field, period, **filters), expected)
        fold_all(NOW)
        assert not Pending.objects.exists()
        assert_steps()
        for period, filters, expected in plain:
            assert_equal(counted(field, period, **filters), expected)
        folded = cells(), facts(), sorted(Volume.objects.filter(n__gt=0).values_list("receiver", "month", "n"))
        for _ in rebuild(NOW):
            pass
        assert folded == (cells(), facts(), sorted(Volume.objects.values_list("receiver", "month", "n")))
        transaction.set_rollback(True)


# --- The rest


def test_a_structure_an_action_and_a_prescriber_narrow_the_facts(field: Field) -> None:
    other = an_action(field.alire, "Atelier")
    field.sent(at(3, 2), by=field.pimms)
    field.sent(at(3, 2), action=other)
    field.sent(at(3, 3), action=other)
    a_need(a_person(field.sender), field.sender)
    for _ in range(2):
        assert counted(field, sender=field.mission.pk).ledger.number("needs") == 1
        assert counted(field, sender=field.pimms.pk).ledger.number("needs") == 0
        assert counted(field, action=other.slug).ledger.number("needs") == 0
        assert counted(field, sender=field.pimms.pk).ledger.number("sent") == 1
        assert counted(field, action=other.slug).ledger.number("sent") == 2
        assert counted(field, receiver=field.alire.pk).ledger.number("sent") == 3
        assert counted(field, sender=field.pimms.pk, action=other.slug).ledger.number("sent") == 0
        fold_all(NOW)


def test_a_structure_that_becomes_sensitive_is_shown_apart_at_once(field: Field) -> None:
    field.sent(at(3, 2))
    fold_all(NOW)
    assert [line.name for line in counted(field).lines] == ["Alire"]
    Structure.objects.filter(pk=field.alire.pk).update(is_sensitive=True)
    assert [line.name for line in counted(field).lines] == ["Structures protégées"]
    fold_all(NOW)
    assert [line.name for line in counted(field).lines] == ["Structures protégées"]


def test_structures_beyond_the_list_are_added_up(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reporting.reading.LISTED", 2)
    for number, fiches in enumerate((3, 1, 2, 1)):
        action = an_action(a_structure(f"S{number}", is_prescriber=False))
        for _ in range(fiches):
            field.sent(at(3, 2), action=action).accept(field.receiver, at(3, 4))
    for _ in range(2):
        found = counted(field)
        assert [(line.name, line.group.number(what.SENT)) for line in found.lines] == [
            ("S0", 3), ("S2", 2), ("Autres structures", 2),
        ]  # fmt: skip
        assert [line.group.median for line in found.lines] == [2.0, 2.0, 2.0]
        fold_all(NOW)


def test_the_largest_structures_are_listed_when_there_are_too_many_fiches_to_put_in_order(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.reading.BROAD", 3)
    monkeypatch.setattr("reporting.reading.LISTED", 1)
    other = an_action(a_structure("Petite", is_prescriber=False))
    field.sent(at(3, 2), action=other)
    for _ in range(4):
        field.sent(at(3, 2))
    fold_all(NOW)
    found = counted(field)
    assert [(line.name, line.group.number(what.SENT)) for line in found.lines] == [
        ("Alire", 4),
        ("Autres structures", 1),
    ]


def test_rebuilding_twice_changes_nothing_and_says_how_far_it_is(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    field.sent(at(3, 2)).accept(field.receiver, at(3, 4))
    call_command("rebuild_facts")
    first = cells(), facts()
    call_command("rebuild_facts")
    assert (cells(), facts()) == first
    assert "Fiche envoyée\u00a0: 1 lignes" in capsys.readouterr().out


def test_erasing_somebody_changes_no_figure_and_leaves_nothing_that_leads_back(field: Field) -> None:
    first = field.sent(at(3, 2))
    following = first.redirect(field.receiver, at(3, 4), to=an_action(field.alire, "Atelier"))
    a_need(first.person, field.sender)
    for _ in range(3):
        field.sent(at(3, 2))
    fold_all(NOW)
    following.accept(field.receiver, at(3, 5))  # still in the queue
    before = counted(field)
    person, files = first.person_id, [first.pk, following.pk]
    with transaction.atomic():
        assert outlive([person], NOW) == 3
        erase(person, files)
    for _ in range(2):
        after = counted(field)
        for name in ("sent", "accepted", "redirected", "needs"):
            assert after.ledger.number(name) == before.ledger.number(name)
            assert after.ledger.people(name) == before.ledger.people(name), name
        assert after.tally.delays == before.tally.delays
        cut = {fact.box: fact for fact in Fact.objects.filter(outlived=True, subject=1)}
        redirected, expected = cut[6], cut[10]
        assert (expected.previous, expected.person) == (redirected.source, redirected.person)
        assert redirected.day == expected.day == dt.date(2026, 3, 1)
        told = {fact.source for fact in cut.values()} | {redirected.person, expected.person, expected.previous}
        assert not told & {person, *files}
        for _ in rebuild(NOW):
            pass


def erase(person: Any, files: list[Any]) -> None:
    """Delete the file of somebody, past the watchers of the journal."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, column, keys in (
            ("referrals_reminder", "referral_id", files),
            ("referrals_message", "referral_id", files),
            ("referrals_event", "referral_id", files),
            ("referrals_referral_needs", "referral_id", files),
            ("referrals_need", "person_id", [person]),
        ):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [keys])
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM referrals_referral WHERE id = ANY(%s)", [files])


@pytest.mark.django_db(transaction=True)
def test_two_verbs_at_once_on_fiches_of_the_same_day_wait_for_nobody_and_both_count() -> None:
    field = Field()
    # Of two actions: the places that an action counts are one row, for which its answers do wait.
    fiches = [field.sent(at(3, 2), action=action) for action in (field.action, an_action(field.alire))]
    fold_all(NOW)
    together = threading.Barrier(3, timeout=20)
    failed: list[Exception] = []

    def answer(fiche: Referral) -> None:
        try:
            with transaction.atomic():
                fiche.accept(field.receiver, at(3, 4))
                together.wait()  # both have written, none is committed, and the worker counts meanwhile
                together.wait()
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=answer, args=[fiche]) for fiche in fiches]
    for thread in threads:
        thread.start()
    together.wait()
    fold_all(NOW)
    assert counted(field).ledger.number("accepted") == 0, "nothing is counted before it is committed"
    together.wait()
    for thread in threads:
        thread.join(20)
    assert not failed
    assert counted(field).ledger.number("accepted") == 2
    fold_all(NOW)
    assert counted(field).ledger.number("accepted") == 2


@pytest.mark.django_db(transaction=True)
def test_only_one_writes_facts_at_a_time() -> None:
    field = Field()
    field.sent(at(3, 2))
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(rebuild(NOW))
            holds.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(20)
    assert fold(NOW) == 0
    assert counted(field).ledger.number("sent") == 1, "the page goes on reading what was there"
    done.set()
    thread.join(20)
    assert counted(field).ledger.number("sent") == 1
