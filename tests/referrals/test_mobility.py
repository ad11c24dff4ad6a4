"""The mobility pre-diagnosis: what it leads to, what it writes, who reads it."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import asdict, replace
from typing import Any

import pytest
import time_machine
from django.db import Error, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from referrals.demo.mobility import read_mobility
from referrals.mobility import FILED, SAID, SAID_QUESTIONS, SAID_TERMS, Branch, Help, Orientation, Term, orient
from referrals.models import Actor, ConsentScope, Event, EventKind, MobilityAnswers, MobilityReading, Need, Person
from referrals.models.mobility import QUESTIONS, Bearings, BicycleUse, BusUse, Means, SearchZone
from referrals.permissions import Door
from structures.eligibility import Profile
from structures.vocabulary import AnlciDegree, Cecrl, Licence, NeedTheme, Role, Schooling
from tests.referrals.stage import Stage, session_of
from tests.territory import NOW, TODAY, a_member, a_need, a_person

YES_NO: list[bool | None] = [True, False, None]
FREE = MobilityAnswers(
    licence=Licence.NONE,
    vehicle=False,
    afraid=False,
    bus=BusUse.ALONE,
    bearings=Bearings.ALONE,
    zone=SearchZone.AGGLOMERATION,
)
"""Without a licence, and nothing else in the way."""

DRIVER = replace(FREE, licence=Licence.B, vehicle=True, insured=True)


def some_answers(drawn: dict[str, Any]) -> MobilityAnswers:
    return MobilityAnswers(**drawn)


def offered(choices: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *choices.values])


ANSWERS = st.fixed_dictionaries(
    {
        "licence": offered(Licence),
        "vehicle": st.sampled_from(YES_NO),
        "insured": st.sampled_from(YES_NO),
        "afraid": st.sampled_from(YES_NO),
        "bus": offered(BusUse),
        "bicycle": offered(BicycleUse),
        "bearings": offered(Bearings),
        "zone": offered(SearchZone),
        "means": offered(Means),
    }
).map(some_answers)
PROFILES = st.fixed_dictionaries(
    {
        "birth_date": st.none() | st.dates(dt.date(1950, 1, 1), dt.date(2012, 1, 1)),
        "french_written": offered(Cecrl),
        "french_oral": offered(Cecrl),
        "schooling": offered(Schooling),
        "anlci": st.sampled_from([None, *AnlciDegree]),
    }
).map(lambda drawn: Profile(**drawn))


def told(answers: MobilityAnswers, **profile: Any) -> Orientation:
    return orient(answers, Profile(**profile), TODAY)


# What the source documents say, by example


@pytest.mark.parametrize(
    ("answers", "profile", "branch"),
    [
        (MobilityAnswers(), {}, Branch.DIAGNOSIS),
        (replace(FREE, bearings=""), {}, Branch.DIAGNOSIS),
        (replace(FREE, licence=""), {}, Branch.DIAGNOSIS),
        (replace(FREE, bearings=Bearings.LOST), {}, Branch.BASIC_SKILLS),
        (replace(DRIVER, bearings=Bearings.LOST), {}, Branch.BASIC_SKILLS),
        (FREE, {"french_written": Cecrl.A1}, Branch.BASIC_SKILLS),
        (FREE, {"anlci": 1}, Branch.BASIC_SKILLS),
        (FREE, {"schooling": Schooling.NEVER}, Branch.BASIC_SKILLS),
        (replace(FREE, licence=Licence.CODE), {"french_written": Cecrl.A1}, Branch.LICENCE),
        (FREE, {"french_written": Cecrl.A2}, Branch.LICENCE),
        (replace(FREE, afraid=True), {}, Branch.PATHWAY),
        (replace(FREE, bus=BusUse.HELPED), {}, Branch.PATHWAY),
        (replace(FREE, bearings=Bearings.KNOWN), {}, Branch.PATHWAY),
        (replace(DRIVER, vehicle=False, insured=None), {}, Branch.PATHWAY),
        (replace(DRIVER, insured=False), {}, Branch.PATHWAY),
        (replace(DRIVER, afraid=True), {}, Branch.PATHWAY),
        (FREE, {"birth_date": dt.date(TODAY.year - 16, 1, 1)}, Branch.PATHWAY),
        (FREE, {"birth_date": dt.date(TODAY.year - 17, 1, 1)}, Branch.LICENCE),
        (DRIVER, {}, Branch.AUTONOMOUS),
        (replace(FREE, zone=SearchZone.TOWN), {}, Branch.AUTONOMOUS),
        (replace(FREE, zone=SearchZone.TOWN, bus=BusUse.NEVER, bicycle=BicycleUse.RIDES), {}, Branch.AUTONOMOUS),
    ],
)
def test_each_situation_leads_where_the_documents_say(
    answers: MobilityAnswers, profile: dict[str, Any], branch: Branch
) -> None:
    assert told(answers, **profile).branch == branch


def test_the_diagnosis_names_the_questions_that_decide_and_no_other() -> None:
    found = told(replace(FREE, zone="", bicycle="", means=""))
    assert found.reasons == ("À éclaircir : la zone de recherche",)
    assert found.recommendations[0].help == Help.DIAGNOSIS


def test_nothing_is_advised_on_what_nobody_knows() -> None:
    assert [one.help for one in told(MobilityAnswers()).recommendations] == [Help.DIAGNOSIS, Help.REVIEW]


def test_a_permis_b_that_the_person_can_pay_for_may_be_prepared_alone() -> None:
    assert not told(FREE).alone
    assert not told(replace(FREE, means=Means.YES, afraid=True)).alone
    found = told(replace(FREE, means=Means.YES))
    assert (found.branch, found.alone) == (Branch.LICENCE, True)
    assert found.label == "Permis B, possible en autonomie"


@pytest.mark.parametrize(
    ("profile", "help_"),
    [
        ({"schooling": Schooling.ABROAD, "french_oral": Cecrl.A1}, Help.FRENCH),
        ({"schooling": Schooling.NEVER}, Help.FRENCH),
        ({"schooling": Schooling.FRANCE}, Help.BASIC_SKILLS),
        ({}, Help.BASIC_SKILLS),
    ],
)
def test_the_course_before_the_code_is_that_of_the_persons_public(profile: dict[str, Any], help_: Help) -> None:
    found = told(replace(FREE, bearings=Bearings.LOST), **profile)
    assert help_ in [one.help for one in found.recommendations if one.term == Term.MEDIUM]


def test_the_terms_come_in_order_and_the_young_are_told_from_what_age() -> None:
    answers = replace(FREE, afraid=True, bus=BusUse.NEVER, means=Means.NO)
    found = told(answers, birth_date=dt.date(TODAY.year - 16, 1, 1))
    assert [(term, [one.help for one in ones]) for term, ones in found.by_term] == [
        (Term.SHORT, [Help.WORKSHOP]),
        (Term.MEDIUM, [Help.SIMULATOR, Help.THEORY, Help.FUNDING]),
        (Term.LONG, [Help.EXAM, Help.VEHICLE, Help.REVIEW]),
    ]
    assert "Passez le permis B, à partir de 17 ans." in [one.text for one in found.recommendations]


# Laws


@given(ANSWERS, PROFILES)
def test_every_reading_has_one_branch_that_says_why_and_leaves_something_to_do(
    answers: MobilityAnswers, profile: Profile
) -> None:
    found = orient(answers, profile, TODAY)
    assert found.reasons and found.recommendations
    assert (
        found.branch in SAID
        and found.branch in FILED
        and {one.term for one in found.recommendations} <= set(SAID_TERMS)
    )
    assert all(one.text.endswith(".") and one.why for one in found.recommendations)
    assert len({one.text for one in found.recommendations}) == len(found.recommendations)


@given(ANSWERS, PROFILES)
def test_who_has_the_licence_and_perhaps_an_insured_vehicle_is_never_sent_to_the_permis_b(
    answers: MobilityAnswers, profile: Profile
) -> None:
    licensed = replace(answers, licence=Licence.B)
    for known in (licensed, replace(licensed, vehicle=True, insured=True)):
        found = orient(known, profile, TODAY)
        assert found.branch != Branch.LICENCE
        assert not {Help.THEORY, Help.DRIVING, Help.EXAM} & {one.help for one in found.recommendations}


@settings(max_examples=400)
@given(ANSWERS, PROFILES, ANSWERS)
def test_answering_more_takes_no_branch_and_no_reason_back(
    answers: MobilityAnswers, profile: Profile, others: MobilityAnswers
) -> None:
    more = replace(answers, **{name: value for name, value in others.known.items() if name not in answers.known})
    before, after = orient(answers, profile, TODAY), orient(more, profile, TODAY)
    if before.branch != Branch.DIAGNOSIS:
        assert after.branch == before.branch
        assert set(before.reasons) <= set(after.reasons)
    reasons = {(one.term, one.help, one.text): set(one.reasons) for one in after.recommendations}
    for one in before.recommendations:
        if one.help != Help.DIAGNOSIS:
            assert set(one.reasons) <= reasons[one.term, one.help, one.text]


@given(ANSWERS, PROFILES, ANSWERS)
def test_the_diagnosis_comes_first_only_as_long_as_an_answer_is_missing(
    answers: MobilityAnswers, profile: Profile, others: MobilityAnswers
) -> None:
    full = {**asdict(DRIVER), "bicycle": BicycleUse.CANNOT, "means": Means.PART, **others.known, **answers.known}
    assert orient(MobilityAnswers(**full), profile, TODAY).branch != Branch.DIAGNOSIS


# What is written


@pytest.fixture
def person(door: Door) -> Person:
    return a_person(door.actor)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({}, "mobility_reading_answers_something"),
        ({"vehicle": False, "insured": True}, "mobility_reading_insures_a_vehicle"),
        ({"bus": "train"}, "mobility_reading_answers_are_listed"),
    ],
)
def test_the_database_refuses_what_is_no_reading_and_nothing_is_half_written(
    door: Door, person: Person, wrong: dict[str, Any], constraint: str
) -> None:
    events = Event.objects.count()
    with pytest.raises(IntegrityError, match=constraint):
        MobilityReading.objects.record(person, MobilityAnswers(**wrong), door.actor, NOW)
    assert not MobilityReading.objects.exists() and not Need.objects.exists()
    assert Event.objects.count() == events


def test_nobody_records_without_a_structure(person: Person) -> None:
    with pytest.raises(ValueError, match="by a structure"):
        MobilityReading.objects.record(person, FREE, Actor(), NOW)


def test_a_reading_never_changes_but_its_note_and_author_can_be_blanked(door: Door, person: Person) -> None:
    row = MobilityReading.objects.record(person, FREE, door.actor, NOW, note="Voiture prêtée le samedi.")
    for change in (
        {"licence": Licence.B},
        {"recorded_at": NOW + dt.timedelta(days=1)},
        {"person": a_person(door.actor)},
    ):
        with pytest.raises(Error, match="Cannot update"), transaction.atomic():
            MobilityReading.objects.filter(pk=row.pk).update(**change)
    MobilityReading.objects.filter(pk=row.pk).update(note="", author=None)
    row.refresh_from_db()
    assert (row.note, row.author, row.answers) == ("", None, FREE)


def test_it_brings_the_file_up_to_date_opens_the_need_once_and_is_journalled(door: Door, person: Person) -> None:
    for licence in (Licence.CODE, Licence.B):
        MobilityReading.objects.record(person, replace(DRIVER, licence=licence), door.actor, NOW)
    person.refresh_from_db()
    assert (person.licence, person.has_vehicle) == (Licence.B, True)
    assert person.needs.get().theme == NeedTheme.MOBILITY
    assert Event.objects.filter(kind=EventKind.MOBILITY_READ, person=person).count() == 2
    assert Event.objects.filter(kind=EventKind.NEEDS_RECORDED).count() == 1


def test_what_is_unknown_takes_nothing_away_from_the_file(door: Door) -> None:
    person = a_person(door.actor, licence=Licence.B, has_vehicle=True)
    MobilityReading.objects.record(person, MobilityAnswers(bus=BusUse.ALONE), door.actor, NOW)
    person.refresh_from_db()
    assert (person.licence, person.has_vehicle) == (Licence.B, True)
    assert not Event.objects.filter(kind=EventKind.PERSON_CHANGED).exists()


def test_the_latest_reading_counts(door: Door, person: Person) -> None:
    last = MobilityReading.objects.record(person, DRIVER, door.actor, NOW)
    MobilityReading.objects.record(person, FREE, door.actor, NOW - dt.timedelta(days=1))
    assert MobilityReading.objects.latest_of(person) == last


def test_a_button_pressed_twice_writes_one_reading(door: Door, person: Person) -> None:
    first = MobilityReading.objects.record(person, FREE, door.actor, NOW, note="Le samedi.")
    again = MobilityReading.objects.record(person, FREE, door.actor, NOW + dt.timedelta(seconds=3), note="Le samedi.")
    assert first == again == MobilityReading.objects.get()
    assert Event.objects.filter(kind=EventKind.MOBILITY_READ).count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"answers": DRIVER},
        {"note": "Le dimanche."},
        {"now": NOW + dt.timedelta(minutes=2)},
        {"by": "colleague"},
    ],
)
def test_another_answer_author_or_moment_is_another_reading(door: Door, person: Person, other: dict[str, Any]) -> None:
    MobilityReading.objects.record(person, FREE, door.actor, NOW)
    assert door.structure is not None
    actor = Door.of(a_member(door.structure)).actor if "by" in other else door.actor
    said: dict[str, Any] = {"answers": FREE, "now": NOW + dt.timedelta(seconds=3), "note": ""} | other
    MobilityReading.objects.record(person, said["answers"], actor, said["now"], note=said["note"])
    assert MobilityReading.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_write_one_reading(door: Door, person: Person) -> None:
    barrier = threading.Barrier(2)

    def press() -> None:
        barrier.wait()
        try:
            MobilityReading.objects.record(Person.objects.get(pk=person.pk), FREE, door.actor, NOW)
        finally:
            connection.close()

    presses = [threading.Thread(target=press) for _ in range(2)]
    for one in presses:
        one.start()
    for one in presses:
        one.join()
    assert MobilityReading.objects.count() == 1 and person.needs.count() == 1


def test_the_demo_reads_the_same_people_the_same_way_and_contradicts_no_file(door: Door) -> None:
    people = [a_person(door.actor, first_name=f"Awa{n}", licence=Licence.B, has_vehicle=True) for n in range(12)]
    rounds = []
    for _ in range(2):
        MobilityReading.objects.all().delete()
        for one in people:
            read_mobility(one, 7, door.actor, NOW)
        rounds.append([(one.person_id, one.answers) for one in MobilityReading.objects.order_by("person_id")])
    assert rounds[0] == rounds[1]
    assert 3 <= len(rounds[0]) <= 12
    assert not Event.objects.filter(kind=EventKind.PERSON_CHANGED).exists()


# The page


def url(person: Person, name: str = "mobility_record") -> str:
    return reverse(f"referrals:{name}", args=[person.pk])


def data(answers: MobilityAnswers, **more: str) -> dict[str, str]:
    words = {True: "oui", False: "non", None: ""}
    given = {name: words[value] if isinstance(value, bool) else value for name, value in answers.known.items()}
    return {name: given.get(name, "") for name in QUESTIONS} | more


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.mark.parametrize(
    ("posted", "words"),
    [
        ({}, "Répondez à une question au moins"),
        ({"vehicle": "non", "insured": "oui"}, "il n’y a rien à assurer"),
        ({"bus": "train"}, "train"),
        ({"bus": "alone", "note": "Suivie pour une dépression."}, "pas son état de santé"),
        ({"bus": "alone", "note": "1850578006084"}, "numéro de sécurité sociale"),
        ({"bus": "alone", "note": "x" * 1001}, "1000"),
    ],
)
def test_a_fault_is_told_next_to_its_field_keeps_the_rest_and_writes_nothing(
    stage: Stage, posted: dict[str, str], words: str
) -> None:
    response = stage.at_sender.post(url(stage.person), data(MobilityAnswers()) | posted)
    text = response.content.decode()
    assert response.status_code == 422
    assert words in text
    assert posted.get("note", "") in text
    assert not MobilityReading.objects.exists()


def test_a_receiver_without_the_prescriber_role_and_a_stranger_record_nothing(stage: Stage) -> None:
    receiver = session_of(a_member(stage.receiver, Role.RECEIVER))
    assert receiver.post(url(stage.person), data(FREE)).status_code == 403
    assert stage.at_stranger.post(url(stage.person), data(FREE)).status_code == 404
    assert not MobilityReading.objects.exists()


def test_the_result_shows_at_once_with_its_reasons_terms_and_ways_on(stage: Stage) -> None:
    assert "Noté le" not in stage.at_sender.get(url(stage.person)).content.decode()
    response = stage.at_sender.post(url(stage.person), data(replace(FREE, afraid=True, bus=BusUse.HELPED)), follow=True)
    text = response.content.decode()
    for words in ("Parcours mobilité", "A peur de conduire", "À court terme", "À long terme", "par Inès Morel"):
        assert words in text
    assert f"{reverse('referrals:suggestions', args=[stage.person.pk])}?besoin=mobility" in text
    assert url(stage.person, "mobility_print") in text
    need = stage.person.needs.get(theme=NeedTheme.MOBILITY)
    assert need.unmatched_reason == "no_offer"


def test_it_starts_from_the_last_reading_and_the_file_without_an_insurance_for_a_vehicle_that_is_gone(
    stage: Stage,
) -> None:
    MobilityReading.objects.record(stage.person, replace(DRIVER, bicycle=BicycleUse.RIDES), stage.sends, stage.now)
    stage.person.change(stage.sends, stage.now, has_vehicle=False)
    form = stage.at_sender.get(url(stage.person)).context["form"]
    assert form.initial == asdict(replace(DRIVER, bicycle=BicycleUse.RIDES, vehicle=False, insured=None))


def test_a_reading_of_six_months_is_old_and_the_suggestions_ask_for_a_new_one(stage: Stage) -> None:
    page = reverse("referrals:suggestions", args=[stage.person.pk])
    assert url(stage.person) not in stage.at_sender.get(page).content.decode()
    a_need(stage.person, stage.sends, NeedTheme.MOBILITY)
    assert url(stage.person) in stage.at_sender.get(page).content.decode()
    MobilityReading.objects.record(stage.person, FREE, stage.sends, timezone.make_aware(dt.datetime(2026, 8, 31, 10)))
    for day, old in ((dt.date(2027, 2, 27), False), (dt.date(2027, 2, 28), True)):
        with time_machine.travel(timezone.make_aware(dt.datetime.combine(day, dt.time(9))), tick=False):
            browser = session_of(stage.prescriber)
            assert (url(stage.person) in browser.get(page).content.decode()) is old
            assert ("plus de six mois" in browser.get(url(stage.person)).content.decode()) is old


def test_the_need_on_the_persons_page_leads_to_it_for_those_who_may(stage: Stage) -> None:
    a_need(stage.person, stage.sends, NeedTheme.MOBILITY)
    page = reverse("referrals:person_detail", args=[stage.person.pk])
    assert url(stage.person) in stage.at_sender.get(page).content.decode()
    assert url(stage.person) not in stage.manager.get(page).content.decode()


# Who reads it


def test_the_line_of_the_file_says_where_the_last_reading_led(stage: Stage) -> None:
    MobilityReading.objects.record(stage.person, FREE, stage.sends, NOW)
    led = "préparation du permis B conseillée (pré-diagnostic du 17 novembre 2026)"
    line = f"Ni code ni permis, sans véhicule\u202f; {led}"
    pages = (
        reverse("referrals:person_detail", args=[stage.person.pk]),
        reverse("referrals:referral_detail", args=[stage.referral.reference]),
        reverse("referrals:referral_print", args=[stage.referral.reference]),
    )
    for page in pages:
        for browser in (stage.at_sender, stage.at_receiver):
            assert line in browser.get(page).content.decode()


def test_without_the_consent_to_share_the_profile_a_receiver_reads_nothing_of_it(db: None) -> None:
    stage = Stage(scopes=[ConsentScope.CONTACT, ConsentScope.NEEDS])
    stage.person.change(stage.sends, stage.now, french_written=Cecrl.A1)
    MobilityReading.objects.record(stage.person, FREE, stage.sends, NOW, note="Voiture prêtée le samedi.")
    page = stage.at_receiver.get(url(stage.person)).content.decode()
    assert "Voiture prêtée" not in page and "Savoirs de base" not in page
    assert stage.at_receiver.get(url(stage.person)).context["form"].initial == asdict(MobilityAnswers())
    assert stage.at_receiver.get(url(stage.person, "mobility_print")).status_code == 404
    detail = stage.at_receiver.get(reverse("referrals:person_detail", args=[stage.person.pk])).content.decode()
    assert "pré-diagnostic du" not in detail
    # Their own reading they see, without the level that they were not told.
    response = stage.at_receiver.post(url(stage.person), data(FREE), follow=True)
    assert response.context["orientation"].branch == Branch.LICENCE
    assert "niveau A1" not in response.content.decode()


def test_with_the_consent_a_receiver_reads_it_but_not_the_name_of_a_protected_structure(stage: Stage) -> None:
    MobilityReading.objects.record(stage.person, FREE, stage.sends, stage.now)
    assert "par Inès M., Mission locale" in stage.at_receiver.get(url(stage.person)).content.decode()
    stage.sender.is_sensitive = True
    stage.sender.save()
    assert "par une structure protégée" in stage.at_receiver.get(url(stage.person)).content.decode()
    assert "Mission locale" not in stage.at_receiver.get(url(stage.person, "mobility_print")).content.decode()
    assert "Mission locale" in stage.at_sender.get(url(stage.person, "mobility_print")).content.decode()


def test_the_sheet_speaks_to_the_person_in_plain_words(stage: Stage) -> None:
    assert stage.at_sender.get(url(stage.person, "mobility_print")).status_code == 404
    answers = replace(FREE, bearings=Bearings.LOST, means=Means.PART)
    MobilityReading.objects.record(stage.person, answers, stage.sends, stage.now, note="Entre professionnels.")
    text = stage.at_sender.get(url(stage.person, "mobility_print")).content.decode()
    assert set(SAID_QUESTIONS) == set(QUESTIONS)
    for words in (
        "Vos déplacements",
        "Les plans et les horaires sont difficiles",
        "Vous avez peur de conduire",
        "Maintenant",
        "Dans quelques mois",
        "Plus tard",
        "C’est vous qui décidez",
    ):
        assert words in text
    assert "Même pour un trajet nouveau" not in text
    for jargon in ("Positionnement", "ANLCI", "CECRL", "diagnostic", "prescript", "Entre professionnels."):
        assert jargon not in text


def test_the_page_costs_as_many_queries_with_ten_readings_as_with_one(
    stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    MobilityReading.objects.record(stage.person, FREE, stage.sends, stage.now)
    with django_assert_max_num_queries(20) as first:
        stage.at_sender.get(url(stage.person))
    for _ in range(9):
        MobilityReading.objects.record(stage.person, FREE, stage.sends, stage.now)
    with django_assert_max_num_queries(len(first.captured_queries)):
        stage.at_sender.get(url(stage.person))
