"""Recording a person, finding one, changing one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from referrals.forms.person_fields import BirthDateField, FrenchPhoneField, read_date
from referrals.forms.persons import PersonForm
from referrals.models import ConsentHow, ConsentScope, Event, EventKind, Need, Person
from referrals.permissions import Door
from referrals.views.keyset import PAGE_SIZE
from structures.models import Commune
from structures.vocabulary import NeedTheme, Quartier, Role
from tests.territory import NOW, TODAY, a_draft, a_member, a_need, a_person, a_sent, a_structure, an_action

LIST, CREATE = reverse("referrals:person_list"), reverse("referrals:person_create")
DUPLICATES = reverse("referrals:person_duplicates")
TYPED = {
    "first_name": "Awa",
    "last_name": "Diallo",
    "birth_date": "04/05/1990",
    "phone": "06 12 34 56 78",
    "contact_channel": "sms",
}


@pytest.fixture
def user(db: None) -> User:
    return a_member(a_structure("Envoi"), Role.PRESCRIBER)


@pytest.fixture
def door(user: User) -> Door:
    return Door.of(user)


@pytest.fixture
def logged(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


class TestReadingWhatIsTyped:
    """Dates and telephone numbers as people write them."""

    @pytest.mark.parametrize(
        "text", ["04/05/1990", "4/5/1990", "4 5 1990", "04.05.1990", "4-5-90", "1990-05-04", "04051990", " 4 5 90 "]
    )
    def test_a_date_in_any_usual_writing(self, text: str) -> None:
        assert read_date(text, TODAY) == dt.date(1990, 5, 4)

    @pytest.mark.parametrize("text", ["", "hier", "31/02/1990", "1990", "4/13/1990", "4/5", "1/1/10000"])
    def test_what_is_no_date_is_none(self, text: str) -> None:
        assert read_date(text, TODAY) is None

    def test_two_digits_never_lie_in_the_future(self) -> None:
        assert read_date("1/1/26", TODAY) == dt.date(2026, 1, 1)
        assert read_date("1/1/27", TODAY) == dt.date(1927, 1, 1)

    @pytest.mark.parametrize(
        ("text", "code"), [("31/02/1990", "invalid"), ("1/1/2027", "future"), ("1/1/1899", "too_old")]
    )
    def test_an_impossible_birth_date_is_refused(self, text: str, code: str) -> None:
        field = BirthDateField()
        field.today = TODAY
        with pytest.raises(ValidationError) as error:
            field.clean(text)
        assert error.value.code == code

    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("06 12 34 56 78", "+33612345678"),
            ("06.12.34.56.78", "+33612345678"),
            ("0612345678", "+33612345678"),
            ("+33 6 12 34 56 78", "+33612345678"),
            ("0033612345678", "+33612345678"),
            ("+33 (0)6 12 34 56 78", "+33612345678"),
            ("02 54 55 56 57", "+33254555657"),
            ("0692 12 34 56", "+262692123456"),
            ("0690 12 34 56", "+590690123456"),
            ("0696 12 34 56", "+596696123456"),
            ("0694 12 34 56", "+594694123456"),
            ("+212 612 345 678", "+212612345678"),
        ],
    )
    def test_a_number_in_any_french_writing_overseas_included(self, text: str, number: str) -> None:
        assert str(FrenchPhoneField().clean(text)) == number

    @pytest.mark.parametrize("text", ["06 12", "abc", "99 99 99 99 99", "06 12 34 56 78 90"])
    def test_an_incomplete_number_is_refused(self, text: str) -> None:
        with pytest.raises(ValidationError):
            FrenchPhoneField().clean(text)


class TestTheForm:
    """What must agree, and what is derived."""

    def form(self, **values: Any) -> PersonForm:
        return PersonForm(TYPED | values, today=TODAY)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"first_name": ""}, "first_name"),
            ({"last_name": "  "}, "last_name"),
            ({"phone": ""}, "phone"),
            ({"contact_channel": "email"}, "email"),
            ({"contact_channel": "pigeon"}, "contact_channel"),
            ({"contact_channel": ""}, "contact_channel"),
            ({"quartier": "nord", "commune": "Vineuil"}, "commune"),
            ({"last_name": "1 85 05 78 006 084 36"}, "last_name"),
            ({"contact_note": "diabétique"}, "contact_note"),
            ({"safe_from": "19:00", "safe_until": "17:00"}, "safe_until"),
            ({"safe_from": "midi"}, "safe_from"),
            ({"french_oral": "D4"}, "french_oral"),
            ({"statuses": ["king"]}, "statuses"),
            ({"anlci": "7"}, "anlci"),
        ],
    )
    def test_a_fault_is_told_next_to_its_field(self, db: None, values: dict[str, Any], field: str) -> None:
        form = self.form(**values)
        assert not form.is_valid()
        assert list(form.errors) == [field]

    def test_names_are_enough(self, db: None) -> None:
        form = PersonForm({"first_name": "Awa", "last_name": "Sow", "contact_channel": "prescriber"}, today=TODAY)
        assert form.is_valid()
        person = form.instance
        assert (person.birth_date, person.sex, person.has_vehicle, person.anlci, person.statuses) == (
            None,
            "",
            None,
            None,
            [],
        )

    @pytest.mark.parametrize(
        ("values", "commune", "code", "qpv"),
        [
            ({"quartier": "nord"}, "Blois", "41018", True),
            ({"quartier": "centre"}, "Blois", "41018", False),
            ({"quartier": "other"}, "", "", None),
            ({"commune": "saint gervais la foret"}, "Saint-Gervais-la-Forêt", "41212", None),
            ({"commune": "VINEUIL"}, "Vineuil", "41295", None),
            ({"commune": "  la  chaussee-saint-victor"}, "La Chaussée-Saint-Victor", "41047", None),
            ({"commune": "Romorantin"}, "Romorantin", "", None),
            ({}, "", "", None),
        ],
    )
    def test_the_commune_and_the_qpv_follow_from_what_is_said(
        self, db: None, values: dict[str, Any], commune: str, code: str, qpv: bool | None
    ) -> None:
        form = self.form(**values)
        assert form.is_valid(), form.errors
        assert (form.instance.commune, form.instance.commune_code, form.instance.in_qpv) == (commune, code, qpv)

    @pytest.mark.parametrize(("value", "stored"), [("oui", True), ("non", False), ("", None)])
    def test_a_vehicle_is_yes_no_or_unknown(self, db: None, value: str, stored: bool | None) -> None:
        form = self.form(has_vehicle=value)
        assert form.is_valid()
        assert form.instance.has_vehicle is stored


class TestRecording:
    """One page, four typed fields, and everything in one transaction."""

    def test_a_receiver_may_not_record(self, client: Client, db: None) -> None:
        client.force_login(a_member(a_structure(), Role.RECEIVER))
        assert client.get(CREATE).status_code == 403
        assert client.post(CREATE, TYPED).status_code == 403
        assert client.post(DUPLICATES, TYPED).status_code == 403

    def test_faults_keep_what_was_typed_and_write_nothing(self, logged: Client) -> None:
        response = logged.post(CREATE, TYPED | {"birth_date": "31/02/1990", "needs": ["french"], "urgent": ["french"]})
        page = response.content.decode()
        assert response.status_code == 422
        assert "31/02/1990" in page
        assert page.count("checked") >= 3, "the channel, the need and its star"
        assert "Cette date n’existe pas" in page
        assert not Person.objects.exists()

    def test_a_fault_in_a_folded_section_opens_it(self, logged: Client) -> None:
        page = logged.post(CREATE, TYPED | {"note": "Il est diabétique."}).content.decode()
        assert '<details class="fold" open>' in page

    def test_a_person_and_their_needs_are_recorded_at_once(self, logged: Client, door: Door) -> None:
        data = TYPED | {"needs": ["french", "mobility"], "urgent": ["mobility"], "obstacle": "pas de garde le mercredi"}
        response = logged.post(CREATE, data | {"note": "Vient d’arriver."})
        person = Person.objects.get()
        assert response["Location"] == reverse("referrals:suggestions", args=[person.pk])
        assert person.recorded_by == door.structure
        needs = {need.theme: need for need in person.needs.all()}
        assert (needs["mobility"].priority, needs["french"].priority) == (1, 2)
        assert (needs["mobility"].obstacle, needs["french"].obstacle) == ("pas de garde le mercredi", "")
        assert person.prediagnoses.get().note == "Vient d’arriver."
        kinds = list(Event.objects.filter(person=person).values_list("kind", flat=True))
        assert kinds == [EventKind.PERSON_RECORDED, EventKind.NEEDS_RECORDED]

    @pytest.mark.parametrize("quartier", ["", "nord"])
    def test_a_commune_with_namesakes_is_asked_about_on_the_page(self, logged: Client, quartier: str) -> None:
        for code in ("41295", "36247"):
            Commune.objects.create(code=code, name="Vineuil", latitude=47.0, longitude=1.3)
        response = logged.post(CREATE, TYPED | {"commune": "vineuil", "quartier": quartier})
        page = response.content.decode()
        assert response.status_code == 422
        assert "Vineuil (36), Vineuil (41)" in page
        assert 'value="vineuil"' in page
        assert not Person.objects.exists()
        logged.post(CREATE, TYPED | {"commune": "Vineuil (41)"})
        assert Person.objects.get().commune_code == "41295"

    def test_a_star_alone_is_a_need(self, logged: Client) -> None:
        logged.post(CREATE, TYPED | {"urgent": ["housing"]})
        assert Need.objects.get().theme == NeedTheme.HOUSING

    def test_what_no_action_covers_is_noted_without_asking(self, logged: Client) -> None:
        an_action(a_structure(), themes=[NeedTheme.FRENCH])
        logged.post(CREATE, TYPED | {"needs": ["french", "housing"]})
        assert dict(Need.objects.values_list("theme", "unmatched_reason")) == {"french": "", "housing": "no_offer"}

    def test_without_needs_no_reading_is_written(self, logged: Client) -> None:
        logged.post(CREATE, TYPED)
        assert not Person.objects.get().prediagnoses.exists()

    def test_nothing_is_kept_when_the_needs_cannot_be_written(
        self, logged: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **kwargs: object) -> None:
            raise RuntimeError("cut")

        monkeypatch.setattr("referrals.matching.noting.suggest", fail)
        with pytest.raises(RuntimeError):
            logged.post(CREATE, TYPED | {"needs": ["french"]})
        assert not Person.objects.exists()


class TestDuplicates:
    """The same person is recorded once, among those one sees."""

    @pytest.fixture(autouse=True)
    def known(self, door: Door) -> Person:
        return a_person(door.actor, first_name="Aminata", last_name="Diallo", birth_date=dt.date(1990, 5, 4))

    def test_while_typing_the_likely_one_is_shown(self, logged: Client) -> None:
        page = logged.post(DUPLICATES, {"first_name": "aminata", "last_name": "dialo"}).content.decode()
        assert "Aminata DIALLO" in page

    @pytest.mark.parametrize("names", [{}, {"first_name": "Aminata"}, {"first_name": "Jean", "last_name": "Martin"}])
    def test_too_little_or_another_name_shows_nothing(self, logged: Client, names: dict[str, str]) -> None:
        assert logged.post(DUPLICATES, names).content.decode().strip() == ""

    def test_a_stranger_is_never_shown(self, client: Client) -> None:
        client.force_login(a_member(a_structure(), Role.PRESCRIBER))
        page = client.post(DUPLICATES, {"first_name": "Aminata", "last_name": "Diallo"}).content.decode()
        assert page.strip() == ""

    def test_names_are_never_asked_by_get(self, logged: Client) -> None:
        assert logged.get(DUPLICATES, {"first_name": "Aminata", "last_name": "Diallo"}).status_code == 405

    def test_without_javascript_the_question_is_asked_before_anything_is_written(
        self, logged: Client, known: Person
    ) -> None:
        data = TYPED | {"first_name": "Aminata", "last_name": "Dialo", "needs": ["french"]}
        response = logged.post(CREATE, data)
        page = response.content.decode()
        assert response.status_code == 422
        assert "Est-ce la même personne" in page
        assert reverse("referrals:person_detail", args=[known.pk]) in page
        assert 'value="Dialo"' in page
        assert Person.objects.count() == 1
        logged.post(CREATE, data | {"confirmed": "1"})
        assert Person.objects.count() == 2


class TestChanging:
    """Only the structure that recorded the person, and never over a colleague's change unseen."""

    @pytest.fixture
    def person(self, door: Door) -> Person:
        return a_person(door.actor, first_name="Awa", last_name="Sow", quartier=Quartier.NORD, in_qpv=True)

    def url(self, person: Person) -> str:
        return reverse("referrals:person_update", args=[person.pk])

    def test_a_stranger_finds_nothing_and_a_receiver_may_not(self, client: Client, door: Door, person: Person) -> None:
        receiver = a_structure("Accueil")
        client.force_login(a_member(receiver))
        assert client.get(self.url(person)).status_code == 404
        a_sent(an_action(receiver), door.actor, person)
        assert client.get(self.url(person)).status_code == 403

    def test_what_was_known_is_shown_and_only_what_differs_is_journalled(self, logged: Client, person: Person) -> None:
        response = logged.get(self.url(person))
        assert "04/05/1990" in response.content.decode()
        data = TYPED | {"last_name": "Sow", "quartier": "nord", "seen": response.context["seen"], "has_vehicle": "non"}
        response = logged.post(self.url(person), data)
        assert response["Location"] == reverse("referrals:person_detail", args=[person.pk])
        person.refresh_from_db()
        assert person.has_vehicle is False
        assert person.in_qpv is True
        event = Event.objects.get(kind=EventKind.PERSON_CHANGED)
        assert set(event.data["fields"]) == {"phone", "contact_channel", "has_vehicle", "commune", "commune_code"}

    def test_a_commune_with_namesakes_is_asked_about_and_nothing_is_changed(
        self, logged: Client, person: Person
    ) -> None:
        for code in ("41295", "36247"):
            Commune.objects.create(code=code, name="Vineuil", latitude=47.0, longitude=1.3)
        seen = logged.get(self.url(person)).context["seen"]
        response = logged.post(self.url(person), TYPED | {"last_name": "Sow", "commune": "Vineuil", "seen": seen})
        assert response.status_code == 422
        assert "Vineuil (36)" in response.content.decode()
        person.refresh_from_db()
        assert (person.commune, person.quartier) == ("", "nord")

    def test_a_new_profile_is_matched_again(self, logged: Client, door: Door, person: Person) -> None:
        need = a_need(person, door.actor, NeedTheme.HOUSING)
        seen = logged.get(self.url(person)).context["seen"]
        logged.post(self.url(person), TYPED | {"last_name": "Sow", "seen": seen})
        need.refresh_from_db()
        assert need.unmatched_reason == "no_offer"

    def test_two_colleagues_at_once_the_second_is_told_and_nothing_is_overwritten(
        self, logged: Client, door: Door, person: Person
    ) -> None:
        seen = logged.get(self.url(person)).context["seen"]
        person.change(door.actor, NOW + dt.timedelta(minutes=5), language="peul")
        response = logged.post(self.url(person), TYPED | {"last_name": "Nouveau", "seen": seen})
        page = response.content.decode()
        assert response.status_code == 409
        assert "Rien n’a été modifié" in page
        assert 'value="Nouveau"' in page
        person.refresh_from_db()
        assert (person.last_name, person.language) == ("Sow", "peul")


class TestTheList:
    """In the order of an index, by pages, and searched by POST."""

    def names(self, client: Client, url: str = LIST, **query: str) -> list[str]:
        return [row["person"].last_name for row in client.get(url, query).context["rows"]]

    def found(self, client: Client, words: str, **filters: str) -> list[str]:
        return [row["person"].last_name for row in client.post(LIST, {"mots": words} | filters).context["rows"]]

    def test_a_coordinator_has_no_list(self, client: Client, db: None) -> None:
        client.force_login(a_member(a_structure(), Role.COORDINATOR))
        assert client.get(LIST).status_code == 403

    def test_the_empty_list_teaches_the_first_gesture(self, logged: Client) -> None:
        assert "Aucune personne pour l’instant" in logged.get(LIST).content.decode()

    def test_accents_and_case_do_not_disturb_the_order(self, logged: Client, door: Door) -> None:
        for name in ("Zola", "étienne", "Evrard", "Éluard", "de Gaulle"):
            a_person(door.actor, last_name=name)
        assert self.names(logged) == ["de Gaulle", "Éluard", "étienne", "Evrard", "Zola"]

    def test_strangers_are_neither_listed_nor_found(self, client: Client, door: Door) -> None:
        a_person(door.actor, last_name="Diallo")
        client.force_login(a_member(a_structure(), Role.PRESCRIBER))
        assert self.names(client) == []
        assert self.found(client, "Diallo") == []

    @pytest.mark.parametrize("words", ["diallo", "DIALO", "awa dialo", "diallo awa", "dïallo"])
    def test_a_search_forgives_accents_case_order_and_typos(self, logged: Client, door: Door, words: str) -> None:
        a_person(door.actor, first_name="Awa", last_name="Diallo")
        a_person(door.actor, first_name="Jean", last_name="Martin")
        assert self.found(logged, words) == ["Diallo"]

    def test_a_name_in_the_address_is_not_searched(self, logged: Client, door: Door) -> None:
        a_person(door.actor, last_name="Diallo")
        a_person(door.actor, last_name="Martin")
        assert self.names(logged, mots="diallo") == ["Diallo", "Martin"]

    def test_no_name_ever_stands_in_an_address(self, logged: Client, door: Door) -> None:
        for number in range(PAGE_SIZE + 1):
            a_person(door.actor, last_name=f"Secret{number:03}")
        page = logged.get(LIST).context["page"]
        assert "ecret" not in page.next_url

    def test_pages_follow_each_other_without_gap_or_double_and_back(self, logged: Client, door: Door) -> None:
        for number in range(PAGE_SIZE * 2 + 5):
            a_person(door.actor, first_name="Même", last_name=f"Nom{number // 3:03}")
        seen: list[Any] = []
        urls = [LIST]
        while urls[-1]:
            context = logged.get(urls[-1]).context
            seen += [row["person"].pk for row in context["rows"]]
            urls.append(LIST + context["page"].next_url if context["page"].next_url else "")
        assert len(seen) == len(set(seen)) == PAGE_SIZE * 2 + 5
        assert seen == list(door.persons().by_name().values_list("pk", flat=True))
        last = logged.get(urls[-2]).context["page"]
        middle = logged.get(LIST + last.previous_url).context
        assert [row["person"].pk for row in middle["rows"]] == seen[PAGE_SIZE : PAGE_SIZE * 2]
        first = logged.get(LIST + middle["page"].previous_url).context
        assert [row["person"].pk for row in first["rows"]] == seen[:PAGE_SIZE]
        assert first["page"].previous_url == ""

    @pytest.mark.parametrize("cursor", ["", "abc", "00000000-0000-4000-8000-000000000000"])
    def test_an_unknown_cursor_gives_the_first_page(self, logged: Client, door: Door, cursor: str) -> None:
        a_person(door.actor, last_name="Diallo")
        assert self.names(logged, apres=cursor) == ["Diallo"]
        assert self.names(logged, avant=cursor) == ["Diallo"]

    def test_each_filter_keeps_what_it_says(self, logged: Client, door: Door) -> None:
        french, nothing, running = (a_person(door.actor, last_name=name) for name in ("Besoin", "Sans", "Encours"))
        a_need(french, door.actor, NeedTheme.FRENCH)
        need = a_need(running, door.actor, NeedTheme.HOUSING)
        a_sent(an_action(a_structure()), door.actor, running, needs=[need])
        other = a_structure("Autre")
        foreign = a_person(Door.of(a_member(other)).actor, last_name="Venu")
        a_sent(an_action(door.structure), Door.of(a_member(other)).actor, foreign)  # type: ignore[arg-type]
        assert self.names(logged) == ["Besoin", "Encours", "Sans", "Venu"]
        assert self.names(logged, besoin="french") == ["Besoin"]
        assert self.names(logged, etat="besoin") == ["Besoin", "Encours"]
        assert self.names(logged, etat="sans-fiche") == ["Besoin"]
        assert self.names(logged, etat="en-cours") == ["Encours", "Venu"]
        assert self.names(logged, qui="recues") == ["Venu"]
        assert self.names(logged, qui="structure") == ["Besoin", "Encours", "Sans"]
        assert self.names(logged, qui="miennes") == ["Besoin", "Encours"]
        assert self.names(logged, besoin="inconnu") == ["Besoin", "Encours", "Sans", "Venu"]
        assert self.found(logged, "besoin", besoin="housing") == []
        assert nothing.last_name == "Sans"

    def test_what_was_not_shared_is_not_shown(self, client: Client, door: Door) -> None:
        receiver = a_structure("Accueil")
        person = a_person(door.actor, last_name="Discret", quartier=Quartier.VIENNE)
        need = a_need(person, door.actor, NeedTheme.HOUSING)
        fiche = a_draft(an_action(receiver), door.actor, person, needs=[need])
        fiche.send(door.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=[])
        client.force_login(a_member(receiver))
        page = client.get(LIST).content.decode()
        assert "Discret".upper() in page
        assert "Blois-Vienne" not in page
        assert "Besoins non partagés" in page
        fiche_two = a_draft(an_action(receiver), door.actor, person, needs=[need])
        scope = [ConsentScope.CONTACT, ConsentScope.NEEDS]
        fiche_two.send(door.actor, NOW, consent_how=ConsentHow.ORAL, consent_scope=scope)
        page = client.get(LIST).content.decode()
        assert "Blois-Vienne" in page
        assert "Logement</" in page.partition('id="resultats"')[2] or "Logement<span" in page

    def test_the_number_of_queries_is_the_same_for_ten_rows_or_many(self, logged: Client, door: Door) -> None:
        action = an_action(a_structure())

        def more(count: int) -> None:
            for _ in range(count):
                person = a_person(door.actor)
                a_sent(action, door.actor, person, needs=[a_need(person, door.actor)])

        more(10)
        logged.get(LIST)
        with CaptureQueriesContext(connection) as few:
            logged.get(LIST)
        more(PAGE_SIZE + 10)
        with CaptureQueriesContext(connection) as many:
            assert len(logged.get(LIST).context["rows"]) == PAGE_SIZE
        assert len(many) == len(few) <= 8
