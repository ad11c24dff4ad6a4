"""The one question: which fact is asked for, and what an answer changes."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as drawn_with
from hypothesis import strategies as st
from playwright.sync_api import expect

from referrals.forms.questions import QuestionForm
from referrals.matching import profile_of
from referrals.models import Event, EventKind, Person
from referrals.permissions import Door
from referrals.questions import BY_NAME, FACTS, MOST_MATCHES, Question, next_question
from structures.eligibility import Answer, Profile, Verdict, evaluate_all, verdict
from structures.models import Action, Commune, Structure
from structures.vocabulary import Cecrl, HalfDay, Language, NeedTheme, Role, Schooling, Sex, Status
from tests.browser.test_main_path import Visitor
from tests.structures.drawn_criteria import several
from tests.territory import NOW, TODAY, a_door, a_member, a_need, a_person, an_action

ADULT = {"kind": "age", "need": "required", "min": 18}
ABROAD = {"kind": "schooling", "need": "required", "any_of": ["abroad"]}
HERE = {"kind": "schooling", "need": "required", "any_of": ["france"]}
DRIVES = {"kind": "licence", "need": "required", "any_of": ["b"]}
SEEKER = {"kind": "status", "need": "required", "any_of": ["job_seeker"]}
MORNING = {"kind": "availability", "need": "required", "any_of": ["mon_am"], "min": 1}
BLOIS = {"kind": "residence", "need": "required", "communes": ["41018"]}
QPV = {"kind": "residence", "need": "required", "communes": ["41018"], "qpv": True}
ARABIC = {"kind": "language", "need": "required", "any_of": ["ar"]}


@dataclass
class Seen:
    """One suggestion, as a question reads it."""

    action: Action
    answers: tuple[Answer, ...]
    verdict: Verdict


@dataclass
class Found:
    """The suggestions, as a question reads them."""

    considered: list[Seen]
    profile: Profile
    on: dt.date


def found_for(person: Person, *criteria: list[dict[str, Any]]) -> Found:
    """Actions with these criteria, answered for the person."""
    profile = profile_of(person)
    considered = []
    for entries in criteria:
        action = Action(criteria=entries)
        answers = evaluate_all(action.conditions(), profile, TODAY)
        considered.append(Seen(action, answers, verdict(answers)))
    return Found(considered, profile, TODAY)


def asked(person: Person, *criteria: list[dict[str, Any]], skipped: tuple[str, ...] = ()) -> Question | None:
    """The question for these actions."""
    return next_question(person, found_for(person, *criteria), skipped)


def name_of(question: Question | None) -> str:
    return question.fact.name if question else ""


def somebody(**facts: Any) -> Person:
    return Person(**{"first_name": "Awa", "last_name": "Essai", "sex": "F"} | facts)


class TestWhichQuestion:
    """Chosen from the answers alone, without the database."""

    def test_nothing_is_asked_when_nothing_is_unknown_or_no_answer_would_change_anything(self) -> None:
        assert asked(somebody(schooling="abroad"), [ABROAD], [HERE]) is None
        assert asked(somebody(), []) is None
        assert asked(somebody(), [{**ABROAD, "need": "priority"}]) is None

    def test_what_only_a_human_judges_and_who_sends_the_fiche_are_never_asked(self) -> None:
        manual = {"kind": "manual", "need": "required", "text": "Motivé(e)"}
        sender = {"kind": "prescriber", "need": "required", "any_of": ["pjj"]}
        assert asked(somebody(), [manual], [sender]) is None

    def test_an_action_that_is_closed_anyway_does_not_count(self) -> None:
        grown_up = {"kind": "age", "need": "required", "max": 25}
        assert asked(somebody(birth_date=dt.date(1980, 1, 1)), [grown_up, DRIVES]) is None

    def test_the_fact_that_decides_most_actions_is_asked_first(self) -> None:
        walks = {"kind": "licence", "need": "required", "any_of": ["none", "code"]}
        question = asked(somebody(), [ABROAD], [DRIVES], [DRIVES], [walks])
        assert name_of(question) == "licence"
        assert question is not None
        assert question.concerns == 3
        assert question.worth == 3, "each of the three answers decides the three actions"

    def test_ties_go_to_the_fact_that_is_easiest_to_say(self) -> None:
        vehicle = {"kind": "vehicle", "need": "required", "any_of": ["yes"]}
        diploma = {"kind": "diploma", "need": "required", "any_of": ["V"]}
        orders = [([diploma], [vehicle], [DRIVES]), ([DRIVES], [diploma], [vehicle])]
        assert {name_of(asked(somebody(), *order)) for order in orders} == {"licence"}

    def test_a_question_that_was_skipped_leaves_its_place_to_the_next(self) -> None:
        criteria = [[ABROAD], [HERE], [DRIVES]]
        assert name_of(asked(somebody(), *criteria, skipped=("schooling",))) == "licence"
        assert asked(somebody(), *criteria, skipped=("schooling", "licence")) is None

    @pytest.mark.parametrize(
        ("criterion", "fact"),
        [
            (ADULT, "birth_date"),
            ({"kind": "sex", "need": "required", "value": "F"}, "sex"),
            (BLOIS, "commune"),
            ({"kind": "residence", "need": "required", "departments": ["971"]}, "commune"),
            ({"kind": "residence", "need": "required", "epcis": ["200030385"]}, "commune"),
            (SEEKER, "statuses"),
            ({"kind": "public", "need": "required", "any_of": ["demandeurs-emploi"]}, "statuses"),
            ({"kind": "public", "need": "required", "any_of": ["jeunes"]}, "birth_date"),
            ({"kind": "french_oral", "need": "required", "min": "A2"}, "french_oral"),
            ({"kind": "french_written", "need": "required", "max": "A1"}, "french_written"),
            ({"kind": "learner_public", "need": "required", "any_of": ["fle"]}, "schooling"),
            (ARABIC, "language"),
            (DRIVES, "licence"),
            ({"kind": "vehicle", "need": "to_check", "any_of": ["yes"]}, "has_vehicle"),
            (MORNING, "availability"),
            ({"kind": "diploma", "need": "required", "any_of": ["V"]}, "diploma"),
            ({"kind": "digital", "need": "required", "min": "beginner"}, "digital"),
            ({"kind": "anlci", "need": "required", "max": 2}, "anlci"),
        ],
    )
    def test_each_kind_of_criterion_asks_for_its_fact(self, criterion: dict[str, Any], fact: str) -> None:
        assert name_of(asked(somebody(sex=""), [criterion])) == fact

    def test_the_quartier_is_asked_when_the_commune_is_known(self) -> None:
        assert name_of(asked(somebody(commune="Blois", commune_code="41018"), [QPV])) == "in_qpv"
        assert asked(somebody(quartier="centre"), [QPV]) is None

    def test_what_was_typed_is_not_asked_again_though_the_criteria_cannot_read_it(self) -> None:
        assert asked(somebody(commune="Trifouillis"), [BLOIS]) is None
        assert asked(somebody(language="créole"), [ARABIC]) is None

    def test_the_question_speaks_of_the_person_as_they_are_known(self) -> None:
        schooling = BY_NAME["schooling"]
        assert schooling.said_of(somebody()) == "où Awa a-t-elle été à l’école ?"
        assert schooling.said_of(somebody(sex="M")) == "où Awa a-t-il été à l’école ?"
        assert schooling.said_of(somebody(sex="")) == "où la personne a-t-elle été à l’école ?"

    def test_a_hundred_actions_cost_a_few_milliseconds(self) -> None:
        kinds: list[dict[str, Any]] = [ADULT, SEEKER, BLOIS, DRIVES, MORNING]
        criteria = [[{**ADULT, "min": 10 + n % 60}, *kinds[1 + n % 4 :]] for n in range(2 * MOST_MATCHES)]
        person = somebody()
        found = found_for(person, *criteria)
        started = time.process_time()
        question = next_question(person, found)
        assert time.process_time() - started < 0.25
        assert question is not None
        assert question.concerns <= MOST_MATCHES


persons = st.builds(
    Person,
    first_name=st.just("Awa"),
    birth_date=st.none() | st.dates(dt.date(1945, 1, 1), dt.date(2016, 12, 31)),
    sex=st.sampled_from(["", *Sex.values]),
    commune=st.sampled_from(["", "Blois", "Ailleurs"]),
    quartier=st.sampled_from(["", "nord", "centre", "other"]),
    in_qpv=st.sampled_from([None, True, False]),
    statuses=st.lists(st.sampled_from(Status.values), max_size=2, unique=True),
    statuses_known=st.booleans(),
    french_oral=st.sampled_from(["", *Cecrl.values]),
    schooling=st.sampled_from(["", *Schooling.values]),
    language=st.sampled_from(["", "arabe", "créole"]),
    licence=st.sampled_from(["", "none", "b"]),
    availability=st.lists(st.sampled_from(HalfDay.values), max_size=2, unique=True),
)
catalogues = st.lists(several(min_size=1, max_size=4), min_size=1, max_size=6)


def some_answer(draw: Any, name: str) -> Any:
    """One thing that somebody may answer to the question about this fact."""
    fact = BY_NAME[name]
    match fact.shape:
        case "date":
            return draw(st.sampled_from(["04/05/1990", "1 1 10"]))
        case "commune":
            return draw(st.sampled_from(["blois", "Vineuil", "Nulle-Part-sur-Loire"]))
        case "several":
            least = 0 if name == "statuses" else 1
            return draw(st.lists(st.sampled_from([value for value, _ in fact.choices]), min_size=least, unique=True))
        case _:
            return draw(st.sampled_from([value for value, _ in fact.choices]))


@pytest.mark.django_db
class TestLaws:
    """What holds whatever the persons and the criteria."""

    @given(persons, catalogues)
    @drawn_with(deadline=None)
    def test_a_question_never_concerns_a_known_fact_and_is_always_worth_something(self, person, criteria) -> None:
        found = found_for(person, *criteria)
        question = next_question(person, found)
        if question is not None:
            assert not question.fact.is_known(person, found.profile)
            assert 0 < question.worth <= question.concerns <= len(criteria)
            for fact in FACTS:
                other = next_question(person, found, {one.name for one in FACTS} - {fact.name})
                assert other is None or other.worth <= question.worth

    @given(persons, catalogues, st.data())
    @drawn_with(deadline=None)
    def test_an_answer_never_leaves_the_same_question_and_the_questions_come_to_an_end(
        self, person, criteria, data
    ) -> None:
        past: list[str] = []
        while (question := next_question(person, found_for(person, *criteria))) is not None:
            assert question.fact.name not in past
            past.append(question.fact.name)
            answer = some_answer(data.draw, question.fact.name)
            form = QuestionForm({"answer": answer}, fact=question.fact, person=person, today=TODAY)
            assert form.is_valid(), form.errors
            for name, value in form.changes.items():
                setattr(person, name, value)
        assert len(past) <= len(FACTS)

    @given(persons, catalogues)
    @drawn_with(deadline=None)
    def test_the_order_of_the_actions_does_not_matter(self, person, criteria) -> None:
        there, back = asked(person, *criteria), asked(person, *reversed(criteria))
        assert there == back


def test_every_language_offered_is_read_back_from_what_is_written() -> None:
    for code in Language.values:
        form = QuestionForm({"answer": code}, fact=BY_NAME["language"], person=somebody(), today=TODAY)
        assert form.is_valid()
        assert profile_of(somebody(**form.changes)).language == code


# The screen


@pytest.fixture
def person(door: Door) -> Person:
    person = a_person(door.actor, sex="F")
    a_need(person, door.actor)
    return person


@pytest.fixture
def two_courses(receiver: Structure) -> tuple[Action, Action]:
    """One for those who were schooled abroad, one for those schooled in France."""
    return an_action(receiver, "Cours A", criteria=[ABROAD]), an_action(receiver, "Cours B", criteria=[HERE])


def page_of(person: Person) -> str:
    return reverse("referrals:suggestions", args=[person.pk])


def question_of(person: Person, query: str = "") -> str:
    return reverse("referrals:question_answer", args=[person.pk]) + query


def undo_of(person: Person) -> str:
    return reverse("referrals:question_undo", args=[person.pk])


HTMX = {"HX-Request": "true"}
SCHOOLED = {"fact": "schooling", "answer": "abroad"}


def test_who_may_not_edit_the_person_is_not_asked_and_cannot_answer(
    client: Client, door: Door, person: Person, receiver: Structure, two_courses: tuple[Action, Action]
) -> None:
    fiche = two_courses[0].referrals.model.objects.draft(person, two_courses[0], door.actor, NOW)
    fiche.send(door.actor, NOW, consent_how="oral", consent_scope=["contact", "profile", "needs"])
    a_need(person, a_door(receiver).actor, NeedTheme.MOBILITY)
    client.force_login(a_member(receiver, Role.PRESCRIBER))
    assert "Pour mieux choisir" not in client.get(page_of(person)).content.decode()
    assert client.post(question_of(person), SCHOOLED).status_code == 403
    person.refresh_from_db()
    assert person.schooling == ""


def test_the_page_asks_says_why_and_offers_the_words_of_the_vocabulary(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    page = logged.get(page_of(person)).content.decode()
    assert "où Awa a-t-elle été à l’école\u202f?" in page
    assert "Cette réponse peut changer 2 actions" in page
    assert 'name="answer" value="never"' in page
    assert "On ne sait pas" in page


def test_an_unknown_fact_is_not_found_and_an_answer_that_is_none_keeps_the_question(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    assert logged.post(question_of(person), {"fact": "last_name", "answer": "X"}).status_code == 404
    for headers in ({}, HTMX):
        response = logged.post(question_of(person), {"fact": "schooling", "answer": "moon"}, headers=headers)
        assert response.status_code == 422
        assert "Choisissez une réponse, ou" in response.content.decode()
    person.refresh_from_db()
    assert person.schooling == ""


def test_a_date_that_is_none_says_so_next_to_the_field_and_keeps_what_was_typed(
    logged: Client, door: Door, receiver: Structure
) -> None:
    someone = a_person(door.actor, birth_date=None)
    a_need(someone, door.actor)
    an_action(receiver, criteria=[ADULT])
    for headers in ({}, HTMX):
        response = logged.post(question_of(someone), {"fact": "birth_date", "answer": "31/02/1990"}, headers=headers)
        page = response.content.decode()
        assert response.status_code == 422
        assert "Cette date n’existe pas" in page
        assert 'value="31/02/1990"' in page
        assert 'aria-invalid="true"' in page
        assert "Pour mieux choisir" in page
    assert logged.post(question_of(someone), {"fact": "birth_date", "answer": "04/05/1990"}).status_code == 302
    someone.refresh_from_db()
    assert someone.birth_date == dt.date(1990, 5, 4)


def test_without_javascript_an_answer_comes_back_to_the_same_page_with_its_undo(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    response = logged.post(question_of(person, "?besoin=french&passer=licence"), SCHOOLED, follow=True)
    assert response.redirect_chain == [(page_of(person) + "?besoin=french&passer=licence", 302)]
    assert [card["action"] for card in response.context["cards"]] == [two_courses[0]]
    assert [card["action"] for card in response.context["near"]] == [two_courses[1]]
    assert f"{undo_of(person)}?besoin=french&amp;passer=licence" in response.content.decode()
    event = Event.objects.get(kind=EventKind.PERSON_CHANGED)
    assert event.data == {"fields": ["schooling"]}


def test_with_htmx_the_list_the_identity_and_the_toast_are_swapped(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    page = logged.post(question_of(person), SCHOOLED, headers=HTMX).content.decode()
    assert "<html" not in page
    assert "Réponse notée. 1 action possible." in page
    assert page.count("hx-swap-oob") == 2
    assert "autofocus" in page, "the focus goes where the pressed button was"
    assert undo_of(person) in page


def test_an_answer_given_by_a_colleague_meanwhile_is_kept(
    logged: Client, door: Door, person: Person, two_courses: tuple[Action, Action]
) -> None:
    person.change(door.actor, NOW, schooling="france")
    page = logged.post(question_of(person), SCHOOLED, headers=HTMX).content.decode()
    assert "l’avait déjà noté" in page
    assert undo_of(person) not in page
    person.refresh_from_db()
    assert person.schooling == "france"


def test_an_answer_is_taken_back_to_what_stood_before(
    logged: Client, door: Door, person: Person, receiver: Structure
) -> None:
    an_action(receiver, criteria=[SEEKER])
    person.change(door.actor, NOW, statuses=["rsa"])
    logged.post(question_of(person), {"fact": "statuses", "answer": ["rsa", "pjj"]})
    person.refresh_from_db()
    assert (person.statuses, person.statuses_known) == (["rsa", "pjj"], True)
    response = logged.post(undo_of(person), follow=True)
    assert "Réponse retirée." in response.content.decode()
    person.refresh_from_db()
    assert (person.statuses, person.statuses_known) == (["rsa"], False)


def test_none_of_the_situations_is_an_answer_and_no_half_day_is_none(
    logged: Client, person: Person, receiver: Structure
) -> None:
    an_action(receiver, criteria=[SEEKER, MORNING])
    assert logged.post(question_of(person), {"fact": "availability"}).status_code == 422
    assert logged.post(question_of(person), {"fact": "statuses"}).status_code == 302
    person.refresh_from_db()
    assert (person.statuses, person.statuses_known, person.availability) == ([], True, [])


def test_nothing_is_taken_back_twice_nor_once_the_person_was_changed(
    logged: Client, door: Door, person: Person, two_courses: tuple[Action, Action]
) -> None:
    logged.post(question_of(person), SCHOOLED)
    Person.objects.get(pk=person.pk).change(door.actor, NOW, digital="none")
    assert "plus rien à annuler" in logged.post(undo_of(person), follow=True).content.decode()
    assert "plus rien à annuler" in logged.post(undo_of(person), follow=True).content.decode()
    person.refresh_from_db()
    assert person.schooling == "abroad"


def test_an_answer_is_not_taken_back_from_somebody_else(
    logged: Client, door: Door, person: Person, two_courses: tuple[Action, Action]
) -> None:
    other = a_person(door.actor, schooling="abroad")
    logged.post(question_of(person), SCHOOLED)
    Person.objects.filter(pk=other.pk).update(updated_at=Person.objects.get(pk=person.pk).updated_at)
    logged.post(undo_of(other))
    other.refresh_from_db()
    assert other.schooling == "abroad"


def test_an_answer_tells_whether_the_need_still_finds_an_action(
    logged: Client, person: Person, receiver: Structure
) -> None:
    an_action(receiver, criteria=[HERE])
    need = person.needs.get()
    assert need.unmatched_reason == ""
    page = logged.post(question_of(person), SCHOOLED, headers=HTMX).content.decode()
    assert "Un besoin reste sans solution" in page
    need.refresh_from_db()
    assert need.unmatched_reason == "not_eligible"
    logged.post(undo_of(person))
    need.refresh_from_db()
    assert need.unmatched_reason == ""


def test_not_knowing_skips_the_question_for_this_visit(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    first = logged.get(page_of(person)).context["question"]
    assert first["skip_url"] == "?passer=schooling"
    skipped = logged.get(page_of(person) + "?passer=schooling,n-importe")
    assert skipped.context["question"] is None
    assert logged.get(page_of(person)).context["question"]["fact"].name == "schooling"


def test_the_page_with_its_question_costs_no_more_queries_than_without(
    logged: Client, person: Person, two_courses: tuple[Action, Action]
) -> None:
    logged.get(page_of(person))
    with CaptureQueriesContext(connection) as asking:
        assert "Pour mieux choisir" in logged.get(page_of(person)).content.decode()
    Person.objects.filter(pk=person.pk).update(schooling="france")
    with CaptureQueriesContext(connection) as silent:
        assert "Pour mieux choisir" not in logged.get(page_of(person)).content.decode()
    assert len(asking) == len(silent) <= 12


def enter(page: Any, client: Client) -> None:
    """Log the browser in as the client, without movement: colours are measured at rest."""
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "domain": "localhost", "path": "/"}])
    page.emulate_media(reduced_motion="reduce")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_question_is_answered_and_the_list_changes_and_comes_back(
    logged: Client, person: Person, two_courses: tuple[Action, Action], page: Any
) -> None:
    enter(page, logged)
    adviser = Visitor(page)
    page.goto(page_of(person))
    adviser.check_accessibility()
    fits = page.get_by_role("region", name="possible")
    expect(fits.get_by_role("heading", level=3)).to_have_text(["Cours A", "Cours B"])
    page.get_by_role("button", name="Scolarisé(e) en France").click()
    expect(fits.get_by_role("heading", level=3)).to_have_text(["Cours B"])
    expect(page.get_by_role("status")).to_contain_text("Réponse notée. 1 action possible.")
    assert page.evaluate("document.activeElement.id") == "titre-convient"
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1
    adviser.check_accessibility()
    page.get_by_role("button", name="Annuler").click()
    expect(fits.get_by_role("heading", level=3)).to_have_text(["Cours A", "Cours B"])
    person.refresh_from_db()
    assert person.schooling == ""
    assert adviser.complaints == []


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_commune_of_the_country_is_offered_as_one_types_and_its_namesake_too(
    logged: Client, door: Door, receiver: Structure, page: Any
) -> None:
    for code, postal_code in (("39491", "39190"), ("91538", "91190")):
        Commune.objects.create(code=code, name="Saint-Aubin", latitude=47.0, longitude=1.3, postal_codes=[postal_code])
    someone = a_person(door.actor)
    a_need(someone, door.actor)
    an_action(receiver, criteria=[BLOIS])
    enter(page, logged)
    page.goto(page_of(someone))
    question = page.get_by_role("region", name="Pour mieux choisir")
    posted: list[str] = []
    page.on("request", lambda sent: posted.append(f"{sent.method} {sent.url} {sent.post_data}"))
    question.get_by_role("combobox").press_sequentially("saint aub")
    expect(page.locator("#communes option")).to_have_count(2)
    assert page.locator("#communes option").first.get_attribute("value") == "Saint-Aubin (39)"
    assert not any("aub" in line.split()[1] for line in posted)
    asked = [line.rsplit(" ", 1)[1] for line in posted if "/communes/" in line]
    assert asked[-1] == "answer=saint%20aub"
    question.get_by_role("combobox").fill("Saint-Aubin")
    question.get_by_role("button", name="Noter").click()
    expect(question.locator(".field-error")).to_contain_text("Saint-Aubin (39), Saint-Aubin (91)")
    question.get_by_role("combobox").fill("Saint-Aubin (91)")
    question.get_by_role("button", name="Noter").click()
    expect(question).to_have_count(0)
    someone.refresh_from_db()
    assert (someone.commune, someone.commune_code) == ("Saint-Aubin", "91538")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("criterion", "typed"), [(ADULT, "31/02/1990"), (MORNING, ""), (BLOIS, ""), (ARABIC, ""), (SEEKER, None)]
)
def test_each_shape_of_question_can_be_used_by_everybody_and_shows_its_errors(
    logged: Client, door: Door, receiver: Structure, page: Any, criterion: dict[str, Any], typed: str | None
) -> None:
    someone = a_person(door.actor, birth_date=None)
    a_need(someone, door.actor)
    an_action(receiver, criteria=[criterion])
    enter(page, logged)
    page.goto(page_of(someone))
    question = page.get_by_role("region", name="Pour mieux choisir")
    if question.locator("summary").count():
        question.locator("summary").click()
    if typed:
        question.get_by_role("textbox").fill(typed)
    Visitor(page).check_accessibility()
    question.get_by_role("button", name="Noter").click()
    if typed is None:
        expect(question).to_have_count(0)
    else:
        expect(question.locator(".field-error")).to_be_visible()
        expect(page.locator(":focus")).to_have_attribute("name", "answer")
        Visitor(page).check_accessibility()
