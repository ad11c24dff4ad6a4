"""A plan: which actions, in which order and why; preparing its fiches, and sending them under one consent."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as drawn_with
from hypothesis import strategies as st
from playwright.sync_api import expect

from referrals.deadlines import UNDO
from referrals.matching import suggest
from referrals.models import Actor, Event, EventKind, Need, Person, Prediagnosis, Referral, Reminder, ReminderKind
from referrals.models.reminder import ReminderState
from referrals.permissions import Door
from referrals.plan import FOLLOWED, MOST_STEPS, Step, propose
from referrals.states import State
from referrals.timeline import fiche_entries
from referrals.views.matching import fiches_of
from structures.catalogue import load_catalogue
from structures.eligibility import Answer, Profile
from structures.models import Action, Structure
from structures.vocabulary import ActionShape, HalfDay, NeedTheme, Role
from tests.browser.test_main_path import Visitor
from tests.territory import NOW, TODAY, a_door, a_draft, a_member, a_need, a_person, a_sent, a_structure, an_action

POSITIONING, COURSE, WORKSITE = ActionShape.POSITIONING, ActionShape.COURSE, ActionShape.WORKSITE
SCALES = ["cria"]
UNKNOWN_LEVEL = Answer("french_oral", "required", "unknown", "Niveau inconnu")


@dataclass
class Seen:
    """One suggestion, as a plan reads it."""

    action: Action
    needs_covered: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    is_full: bool = False
    distance_km: float | None = None


@dataclass
class Found:
    """The suggestions, as a plan reads them."""

    matches: list[Any]
    profile: Profile = field(default_factory=Profile)


def seen(name: str, shape: str, *themes: str, scales: Any = (), commune: str = "", **values: Any) -> Seen:
    number = sum(ord(letter) * 31**place for place, letter in enumerate(name))
    action = Action(pk=number, name=name, shape=shape, themes=list(themes), scales=list(scales), commune_code=commune)
    return Seen(action, tuple(themes), **values)


def needs_of(*themes: str) -> list[Need]:
    """Needs of the first, second, third priority."""
    return [Need(theme=theme, priority=min(rank, 3)) for rank, theme in enumerate(themes, start=1)]


def plan_of(matches: list[Seen], *themes: str, fiches: Any = (), **facts: Any) -> tuple[Step, ...]:
    return propose(Found(matches, Profile(**facts)), needs_of(*themes), fiches)


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.match.action.name for step in steps]


CRIA = seen("Positionnement", POSITIONING, "french", "basic_skills", "mobility", scales=SCALES)
DIAGNOSIS = seen("Diagnostic", POSITIONING, "mobility", scales=["mobility"])
FRENCH = seen("Cours", COURSE, "french", answers=(UNKNOWN_LEVEL,))
JOB = seen("Emploi", ActionShape.SUPPORT, "employment")
BUS = seen("Atelier mobilité", COURSE, "mobility")
YARD = seen("Chantier", WORKSITE, "employment", commune="41269")
LAW = seen("Droit", ActionShape.DROP_IN, "rights")


class TestWhichSteps:
    """Chosen from the suggestions alone, without the database."""

    def test_there_is_no_plan_for_a_single_need_or_a_single_action(self) -> None:
        assert plan_of([], "french", "mobility") == ()
        assert plan_of([CRIA, FRENCH], "french") == ()
        both = seen("Les deux", COURSE, "french", "mobility")
        assert plan_of([both, BUS], "french", "mobility", french_oral="A2") == ()

    def test_the_positionnement_comes_first_and_the_course_that_it_decides_waits_for_it(self) -> None:
        steps = plan_of([FRENCH, CRIA, JOB], "french", "employment")
        assert names(steps) == ["Positionnement", "Cours", "Emploi"]
        assert [step.after for step in steps] == [None, 1, None]
        assert steps[0].why == "D’abord : le niveau n’est pas connu, et il décide du cours."
        assert steps[1].why == "Après l’étape 1, qui dira si l’action convient."

    def test_a_known_level_needs_no_positionnement(self) -> None:
        assert names(plan_of([CRIA, FRENCH, JOB], "french", "employment", french_oral="A1")) == ["Cours", "Emploi"]

    def test_a_diagnosis_is_that_of_its_only_need_and_a_positionnement_of_several_is_not(self) -> None:
        assert names(plan_of([CRIA, DIAGNOSIS, BUS], "french", "mobility"))[:2] == ["Positionnement", "Diagnostic"]
        assert names(plan_of([CRIA, BUS], "french", "mobility")) == ["Positionnement", "Atelier mobilité"]

    def test_a_course_for_which_the_level_is_unknown_does_not_stand_for_another_need(self) -> None:
        both = seen("Cours et emploi", COURSE, "french", "employment", answers=(UNKNOWN_LEVEL,))
        steps = plan_of([both, CRIA, JOB], "french", "employment")
        assert [step.themes for step in steps if step.match is both] == [("french",)]
        alone = plan_of([both, CRIA], "french", "employment")
        assert [(step.match.action.name, step.after) for step in alone] == [
            ("Positionnement", None),
            ("Cours et emploi", 1),
        ]

    def test_what_was_evaluated_once_is_not_evaluated_again(self) -> None:
        @dataclass
        class Past:
            action: Action
            action_id: int
            state: str
            themes: list[str]

        past = Past(DIAGNOSIS.action, DIAGNOSIS.action.pk, State.ENDED, ["mobility"])
        assert names(plan_of([DIAGNOSIS, BUS, JOB], "mobility", "employment", fiches=[past])) == [
            "Atelier mobilité",
            "Emploi",
        ]
        running = Past(BUS.action, BUS.action.pk, State.SENT, ["mobility"])
        assert plan_of([DIAGNOSIS, BUS, JOB], "mobility", "employment", fiches=[running]) == ()

    def test_a_full_action_only_stands_for_want_of_another(self) -> None:
        full = seen("Complet", COURSE, "mobility", is_full=True)
        assert names(plan_of([full, BUS, JOB], "mobility", "employment")) == ["Atelier mobilité", "Emploi"]
        assert names(plan_of([full, JOB], "mobility", "employment")) == ["Complet", "Emploi"]

    def test_an_action_that_answers_two_needs_leaves_room_for_another(self) -> None:
        both = seen("Les deux", COURSE, "confidence", "employment")
        steps = plan_of([JOB, both, BUS, LAW], "confidence", "employment", "mobility", "rights")
        assert set(names(steps)) == {"Les deux", "Atelier mobilité", "Droit"}

    def test_first_priorities_are_answered_before_more_numerous_others(self) -> None:
        first = seen("Premier", COURSE, "housing")
        three = seen("Trois", COURSE, "confidence", "citizenship", "schooling")
        needs = [Need(theme="housing", priority=1), *(Need(theme=one, priority=2) for one in three.needs_covered)]
        steps = propose(Found([three, first]), needs)
        assert names(steps) == ["Premier", "Trois"]

    @pytest.mark.parametrize(
        ("far", "away"), [({"commune": "41269"}, "hors de sa commune"), ({"distance_km": 32.4}, "à 32\u00a0km")]
    )
    def test_mobility_comes_before_what_is_far_away(self, far: dict[str, Any], away: str) -> None:
        yard = seen("Chantier", WORKSITE, "employment", **far)
        steps = plan_of([yard, BUS], "employment", "mobility", commune_code="41018")
        assert names(steps) == ["Atelier mobilité", "Chantier"]
        assert [step.why for step in steps] == ["D’abord : la suite en dépend.", f"Après l’étape 1 : c’est {away}."]

    @pytest.mark.parametrize("near", [{"distance_km": 20.0, "commune": "41269"}, {"commune": "41018"}, {}])
    def test_what_is_near_or_nobody_knows_where_does_not_wait_for_mobility(self, near: dict[str, Any]) -> None:
        yard = seen("Chantier", WORKSITE, "employment", **near)
        steps = plan_of([yard, BUS], "employment", "mobility", commune_code="41018")
        assert names(steps) == ["Chantier", "Atelier mobilité"]
        assert [step.after for step in steps] == [None, None]

    def test_someone_on_foot_is_helped_to_travel_by_an_action_that_does_so_too(self) -> None:
        helps = seen("Remobilisation", ActionShape.SUPPORT, "confidence")
        helps.action.themes = ["confidence", "mobility"]
        on_foot = {"licence": "none", "has_vehicle": False, "commune_code": "41018"}
        assert names(plan_of([YARD, helps], "employment", "confidence", **on_foot)) == ["Remobilisation", "Chantier"]
        drives = on_foot | {"licence": "b"}
        assert names(plan_of([YARD, helps], "employment", "confidence", **drives)) == ["Chantier", "Remobilisation"]

    def test_what_stands_in_the_way_comes_before_what_one_attends(self) -> None:
        steps = plan_of([YARD, LAW], "employment", "rights")
        assert names(steps) == ["Droit", "Chantier"]
        assert steps[1].why == "Après l’étape 1, une fois ce frein levé."
        assert [step.after for step in plan_of([JOB, LAW], "employment", "rights")] == [None, None]


THEMES = [theme.value for theme in NeedTheme]
matches = st.lists(
    st.builds(
        lambda n, shape, themes, full, km, unknown: seen(
            f"Action {n}",
            shape,
            *themes,
            scales=SCALES,
            is_full=full,
            distance_km=km,
            answers=(UNKNOWN_LEVEL,) if unknown else (),
        ),
        st.integers(0, 99),
        st.sampled_from(ActionShape.values),
        st.lists(st.sampled_from(THEMES[:8]), min_size=1, max_size=3, unique=True),
        st.booleans(),
        st.none() | st.floats(0, 80),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda one: one.action.pk,
)
needs_drawn = st.lists(
    st.builds(Need, theme=st.sampled_from(THEMES[:8]), priority=st.integers(1, 3)),
    max_size=6,
    unique_by=lambda need: need.theme,
)


@given(matches, needs_drawn, st.sampled_from(["", "A2"]))
@drawn_with(deadline=None)
def test_a_plan_answers_open_needs_only_each_once_but_for_its_evaluation_and_no_action_twice(
    drawn: list[Any], needs: list[Need], level: str
) -> None:
    open_themes = {need.theme for need in needs}
    steps = propose(Found(drawn, Profile(french_oral=level)), needs)
    assert len(steps) == 0 or 2 <= len(steps) <= MOST_STEPS
    assert len({step.match.action.pk for step in steps}) == len(steps)
    for number, step in enumerate(steps, start=1):
        assert step.themes
        assert open_themes.issuperset(step.themes)
        assert set(step.themes) <= set(step.match.needs_covered)
        assert step.why.endswith(".")
        assert step.after is None or 1 <= step.after < number
        for other in steps[: number - 1]:
            if set(step.themes) & set(other.themes):
                assert other.match.action.shape == POSITIONING
                assert step.match.action.shape in FOLLOWED
    for theme in open_themes:
        assert sum(theme in step.themes for step in steps) <= 2


# The real catalogue


class TestOnTheRealCatalogue:
    """The examples of the documents of Blois."""

    @pytest.fixture(autouse=True)
    def catalogue(self, db: None) -> None:
        load_catalogue(Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json")

    def plan(self, *themes: str, **facts: Any) -> list[tuple[str, int | None]]:
        prescriber = Structure.objects.get(short_name="Mission locale")
        person = a_person(Actor(structure=prescriber), **{"quartier": "nord"} | facts)
        ranks = {theme: min(rank, 3) for rank, theme in enumerate(themes, start=1)}
        Prediagnosis.objects.record(person, ranks, Actor(structure=prescriber), NOW)
        needs = list(person.needs.order_by("priority", "theme"))
        found = suggest(person, needs, prescriber=prescriber, on=TODAY)
        return [(step.match.action.slug, step.after) for step in propose(found, needs)]

    def test_french_mobility_and_a_job_go_through_the_cria_and_the_accv(self) -> None:
        steps = self.plan("french", "mobility", "employment", sex="F")
        assert steps[:2] == [("cria-bilan", None), ("accv-diagnostic-mobilite", None)]
        assert steps[2] == ("cidff-accompagnement", None)

    def test_a_known_level_leads_straight_to_the_course_of_that_level(self) -> None:
        steps = self.plan("french", "mobility", schooling="abroad", french_oral="A2")
        assert [slug for slug, _ in steps][:2] == ["accv-diagnostic-mobilite", "begon-asl-3"]

    def test_rights_come_before_the_course_that_takes_the_whole_week(self) -> None:
        steps = self.plan("business", "rights", quartier="centre", sex="M", availability=HalfDay.values)
        assert steps == [("qp-pimms", None), ("bge-boutikecole", 1)]


# The screens


@pytest.fixture
def person(door: Door) -> Person:
    person = a_person(door.actor, sex="F", schooling="abroad")
    a_need(person, door.actor, NeedTheme.FRENCH, 1)
    a_need(person, door.actor, NeedTheme.EMPLOYMENT, 2)
    return person


@pytest.fixture
def offer(receiver: Structure) -> list[Action]:
    """A positionnement, the course that it decides, and help to find a job."""
    level = [{"kind": "french_oral", "need": "required", "max": "A1"}]
    return [
        an_action(receiver, "Positionnement", shape=POSITIONING, scales=SCALES, themes=["french", "basic_skills"]),
        an_action(receiver, "Emploi", shape=ActionShape.SUPPORT, themes=["employment"]),
        an_action(receiver, "Cours", criteria=level),
    ]


def page_of(person: Person) -> str:
    return reverse("referrals:suggestions", args=[person.pk])


def prepare(client: Client, person: Person, *actions: Action, **values: Any) -> Any:
    url = reverse("referrals:plan_create", args=[person.pk])
    return client.post(url, {"action": [action.slug for action in actions], **values}, follow=True)


def sending_of(person: Person) -> str:
    return reverse("referrals:plan_send", args=[person.pk])


def filled(person: Person, /, **changes: Any) -> dict[str, Any]:
    """What the page of sending posts, as it opens, with a consent; `changes` by action name and field."""
    data: dict[str, Any] = {"consent_how": "oral", "consent_scope": ["contact", "needs"]}
    for fiche in Referral.objects.filter(person=person, state=State.DRAFT).with_plan().select_related("action"):
        data |= {
            f"{fiche.reference}-when": "later" if fiche.after else "now",
            f"{fiche.reference}-motive": fiche.motive,
            f"{fiche.reference}-version": fiche.version,
        }
        for name, value in changes.pop(fiche.action.name, {}).items():
            data[f"{fiche.reference}-{name}"] = value
    return data | changes


def drafted() -> list[Referral]:
    """The fiches of the plan, in its order."""
    fiches = Referral.objects.with_plan().with_themes().select_related("action")
    return sorted(fiches, key=lambda one: one.step or 0)


def states(person: Person) -> dict[str, str]:
    return {fiche.action.name: fiche.state for fiche in person.referrals.select_related("action")}


def test_the_plan_shows_with_its_reasons_for_all_needs_and_not_for_one(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    page = logged.get(page_of(person)).content.decode()
    assert "Un parcours possible" in page
    assert "Après l’étape 1, qui dira si l’action convient." in page
    assert "Un parcours possible" not in logged.get(page_of(person) + "?besoin=french").content.decode()


def test_preparing_nothing_or_something_else_writes_nothing(
    logged: Client, person: Person, offer: list[Action], receiver: Structure
) -> None:
    assert "Cochez au moins une étape." in prepare(logged, person).content.decode()
    other = an_action(receiver, "Autre", themes=["housing"])
    assert "ont changé entre-temps" in prepare(logged, person, offer[0], other).content.decode()
    assert not Referral.objects.exists()


def test_the_ticked_steps_become_drafts_with_their_place_in_the_plan(
    logged: Client, door: Door, person: Person, offer: list[Action]
) -> None:
    response = prepare(logged, person, *offer)
    assert response.redirect_chain == [(sending_of(person), 302)]
    drafts = drafted()
    assert [(one.action, one.step, one.after, one.themes) for one in drafts] == [
        (offer[0], 1, None, ["french"]),
        (offer[2], 2, 1, ["french"]),
        (offer[1], 3, None, ["employment"]),
    ]
    assert len({one.plan for one in drafts}) == 1
    assert all(one.matched and one.motive for one in drafts)
    events = Event.objects.filter(referral=drafts[1])
    assert fiche_entries(drafts[1], events, door.structure)[0].detail == "Étape 2 d’un parcours"


def test_a_step_left_out_is_not_prepared_and_nothing_waits_for_it(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, offer[1], offer[2])
    assert [(one.action, one.step, one.after) for one in drafted()] == [(offer[2], 1, None), (offer[1], 2, None)]


def test_an_action_under_way_is_not_doubled(logged: Client, door: Door, person: Person, offer: list[Action]) -> None:
    fiche = a_sent(offer[1], door.actor, person, needs=person.needs.filter(theme="employment"))
    assert names(logged.get(page_of(person)).context["plan"]) == ["Positionnement", "Cours"]
    prepare(logged, person, offer[0], offer[2])
    prepare(logged, person, offer[0], offer[2])
    assert Referral.objects.count() == 3
    assert list(Referral.objects.filter(action=offer[1])) == [fiche]
    page = logged.get(page_of(person)).content.decode()
    assert "2 fiches en brouillon" in page
    assert "Un parcours possible" not in page


def test_without_a_plan_in_preparation_there_is_nothing_to_send(
    logged: Client, door: Door, person: Person, offer: list[Action]
) -> None:
    a_draft(offer[0], door.actor, person)
    response = logged.get(sending_of(person), follow=True)
    assert "Aucun parcours n’est en préparation." in response.content.decode()


def test_without_consent_nothing_leaves_and_what_was_typed_stays(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    data = filled(person, Emploi={"motive": "Cherche le matin."}) | {"consent_how": ""}
    response = logged.post(sending_of(person), data)
    assert response.status_code == 422
    page = response.content.decode()
    assert "Dites comment l’accord a été donné" in page
    assert "Cherche le matin." in page
    assert set(states(person).values()) == {State.DRAFT}


def test_a_word_that_may_not_be_written_is_refused_next_to_its_field(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    data = filled(person, Emploi={"motive": "Son numéro : 2 55 08 14 168 025 38"})
    response = logged.post(sending_of(person), data)
    assert response.status_code == 422
    fiche = Referral.objects.get(action=offer[1])
    page = response.content.decode()
    assert f'href="#fiche-{fiche.reference}"' in page
    assert "2 55 08 14 168 025 38" in page
    assert fiche.state == State.DRAFT


def test_sending_none_now_says_to_choose_or_to_keep(logged: Client, person: Person, offer: list[Action]) -> None:
    prepare(logged, person, *offer)
    later = {"when": "later"}
    response = logged.post(sending_of(person), filled(person, Positionnement=later, Emploi=later))
    assert response.status_code == 422
    assert "Choisissez au moins une fiche à envoyer maintenant" in response.content.decode()


def test_one_consent_sends_the_first_steps_and_keeps_what_waits(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    response = logged.post(sending_of(person), filled(person, Cours={"motive": "Le soir."}), follow=True)
    assert "2 fiches envoyées, 1 fiche gardée en brouillon." in response.content.decode()
    assert states(person) == {"Positionnement": State.SENT, "Emploi": State.SENT, "Cours": State.DRAFT}
    sent = Referral.objects.filter(state=State.SENT)
    assert {(one.consent_how, tuple(one.consent_scope)) for one in sent} == {("oral", ("contact", "needs"))}
    assert Event.objects.filter(kind=EventKind.SEND).count() == 2
    assert Reminder.objects.filter(kind=ReminderKind.SENT).count() == 2
    assert Referral.objects.get(action=offer[2]).motive == "Le soir."
    assert len(logged.get(sending_of(person)).context["steps"]) == 1


def sent_plan(client: Client, person: Person, offer: list[Action]) -> Any:
    """A plan of three whose first two fiches leave."""
    prepare(client, person, *offer)
    return client.post(sending_of(person), filled(person), follow=True)


def recall_of(person: Person) -> str:
    return reverse("referrals:plan_recall", args=[person.pk])


def test_a_plan_sent_by_mistake_is_taken_back_whole_in_one_click(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    assert f'action="{recall_of(person)}"' in sent_plan(logged, person, offer).content.decode()
    response = logged.post(recall_of(person), follow=True)
    assert response.redirect_chain[-1][0] == sending_of(person)
    assert "2 envois sont annulés" in response.content.decode()
    assert set(states(person).values()) == {State.DRAFT} and len(response.context["steps"]) == 3
    assert not Reminder.objects.filter(state=ReminderState.PLANNED).exists()
    assert Event.objects.filter(kind=EventKind.RECALL).count() == 2
    again = logged.post(recall_of(person), follow=True)
    assert "plus d’envoi à annuler" in again.content.decode()


def test_the_page_of_each_fiche_offers_to_take_the_plan_back_during_ten_minutes(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    sent_plan(logged, person, offer)
    one, other = Referral.objects.filter(state=State.SENT).order_by("pk")
    page = reverse("referrals:referral_detail", args=[one.reference])
    assert "Annuler l’envoi du plan (2 fiches)" in logged.get(page).content.decode()
    later = timezone.now() + UNDO + dt.timedelta(seconds=1)
    with time_machine.travel(later, tick=False):
        assert recall_of(person) not in logged.get(page).content.decode()
        assert "plus d’envoi à annuler" in logged.post(recall_of(person), follow=True).content.decode()
    assert {fiche.state for fiche in (one, other)} == {State.SENT}
    logged.post(reverse("referrals:referral_recall", args=[other.reference]))
    assert recall_of(person) not in logged.get(page).content.decode()


def test_a_fiche_that_was_answered_meanwhile_stays_sent_and_is_named(
    logged: Client, door: Door, person: Person, offer: list[Action]
) -> None:
    sent_plan(logged, person, offer)
    answered = Referral.objects.get(action=offer[1])
    answered.waitlist(door.actor, timezone.now())
    response = logged.post(recall_of(person), follow=True)
    assert f"Déjà traitée, la fiche {answered.reference} reste envoyée." in response.content.decode()
    assert states(person)["Emploi"] == State.WAITLISTED and states(person)["Positionnement"] == State.DRAFT


def test_taking_a_plan_back_leaves_a_fiche_sent_apart_and_an_older_plan(
    logged: Client, door: Door, person: Person, offer: list[Action]
) -> None:
    before = timezone.now() - dt.timedelta(minutes=2)
    place = {"plan": "older", "step": 1, "after": None}
    older = a_sent(an_action(offer[0].structure), door.actor, person, before, place=place)
    sent_plan(logged, person, offer)
    apart = a_sent(an_action(offer[0].structure), door.actor, person, timezone.now())
    assert "2 envois sont annulés" in logged.post(recall_of(person), follow=True).content.decode()
    for left in (apart, older):
        left.refresh_from_db()
        assert left.state == State.SENT


def test_everything_can_be_kept_in_preparation_without_consent(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    data = filled(person, Emploi={"motive": "Plus tard."}, garder="1") | {"consent_how": ""}
    response = logged.post(sending_of(person), data, follow=True)
    assert "3 fiches gardées en brouillons." in response.content.decode()
    assert set(states(person).values()) == {State.DRAFT}
    assert Referral.objects.get(action=offer[1]).motive == "Plus tard."


def test_what_is_typed_is_saved_on_the_way(logged: Client, person: Person, offer: list[Action]) -> None:
    prepare(logged, person, *offer)
    data = filled(person, Emploi={"motive": "En cours de frappe"}, garder="1") | {"consent_how": ""}
    assert logged.post(sending_of(person), data, headers={"HX-Request": "true"}).status_code == 200
    assert Referral.objects.get(action=offer[1]).motive == "En cours de frappe"


def test_an_action_that_takes_no_more_fiches_is_said_and_kept_for_later(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    Action.objects.filter(pk=offer[1].pk).update(is_published=False)
    page = logged.get(sending_of(person)).content.decode()
    assert "n’est plus au catalogue" in page
    assert logged.post(sending_of(person), filled(person)).status_code == 422
    assert set(states(person).values()) == {State.DRAFT}


def test_when_a_colleague_sent_one_first_nothing_leaves_and_it_is_said(
    logged: Client, door: Door, person: Person, offer: list[Action]
) -> None:
    prepare(logged, person, *offer)
    data = filled(person, Emploi={"motive": "Le matin."})
    fiche = Referral.objects.get(action=offer[0])
    data[f"{fiche.reference}-version"] = fiche.version + 1
    response = logged.post(sending_of(person), data)
    assert response.status_code == 409
    assert "Aucune fiche n’est partie" in response.content.decode()
    assert "Le matin." in response.content.decode()
    assert set(states(person).values()) == {State.DRAFT}
    assert Referral.objects.get(action=offer[1]).motive != "Le matin.", "nothing half-written"


def test_a_stranger_finds_nothing_and_a_receiver_may_not(client: Client, person: Person, offer: list[Action]) -> None:
    client.force_login(a_member(a_structure(), Role.PRESCRIBER))
    assert client.get(sending_of(person)).status_code == 404
    assert prepare(client, person, offer[0]).status_code == 404


def test_the_pages_cost_the_same_queries_with_and_without_a_plan(
    logged: Client, person: Person, offer: list[Action]
) -> None:
    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert logged.get(url).status_code == 200
        return len(queries)

    logged.get(page_of(person))
    proposed = cost(page_of(person))
    prepare(logged, person, *offer)
    assert cost(page_of(person)) == proposed <= 12
    assert cost(sending_of(person)) <= 20


def test_only_the_fiches_of_one_s_own_structure_count(door: Door, person: Person, offer: list[Action]) -> None:
    elsewhere = a_door(a_structure())
    a_draft(offer[0], elsewhere.actor, person)
    assert fiches_of(door, person) == []


def enter(page: Any, client: Client) -> None:
    """Log the browser in as the client, without movement: colours are measured at rest."""
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "localhost", "path": "/"}])
    page.emulate_media(reduced_motion="reduce")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_plan_of_two_leaves_in_three_clicks(logged: Client, person: Person, offer: list[Action], page: Any) -> None:
    Action.objects.filter(pk=offer[2].pk).delete()
    enter(page, logged)
    adviser = Visitor(page)
    page.goto(page_of(person))
    adviser.check_accessibility()
    adviser.press("Préparer ces fiches")
    adviser.check_accessibility()
    adviser.chip("De vive voix, en entretien")
    adviser.press(re.compile("^Envoyer$"))
    adviser.within(typed=0, clicked=3)
    expect(page.get_by_role("status").first).to_contain_text("2 fiches envoyées.")
    assert set(states(person).values()) == {State.SENT}
    assert adviser.complaints == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_plan_with_errors_has_no_fault_of_accessibility(
    logged: Client, person: Person, offer: list[Action], page: Any
) -> None:
    prepare(logged, person, *offer)
    enter(page, logged)
    page.goto(sending_of(person))
    page.get_by_label("Mot pour la structure").first.fill("Son numéro : 2 55 08 14 168 025 38")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("Un point à corriger")
    Visitor(page).check_accessibility()
