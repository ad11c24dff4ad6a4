"""The fiche on its sender's side: preparing, sending, taking back, cancelling, printing, listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals.matching import SnapshotMatch
from referrals.models import (
    Bilan,
    BilanKind,
    ConsentHow,
    ConsentScope,
    Event,
    Person,
    Prediagnosis,
    Referral,
)
from referrals.permissions import Door
from referrals.states import REASONS, Reason, State, Verb
from referrals.views.keyset import PAGE_SIZE
from structures.eligibility import DeclinedCriterion
from structures.vocabulary import Cecrl, NeedTheme, Role
from tests.territory import (
    NOW,
    TODAY,
    a_draft,
    a_member,
    a_need,
    a_person,
    a_sent,
    a_session,
    a_structure,
    an_action,
)

DAY = dt.timedelta(days=1)
LIST = reverse("referrals:referral_list")
AGE: DeclinedCriterion = {"code": "age-0a1b2c3d", "sentence": "avoir de 16 à 25 ans"}
CONSENT = {"consent_how": "oral", "consent_scope": ["contact", "profile", "needs"], "version": "0"}


@pytest.fixture(autouse=True)
def clock(db: None) -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


class Stage:
    """A prescriber's structure with a person and a need, and a receiver with an action."""

    def __init__(self) -> None:
        self.sender, self.receiver = a_structure("Envoi"), a_structure("Accueil")
        self.prescriber = a_member(self.sender, Role.PRESCRIBER, first_name="Camille", last_name="Moreau")
        self.trainer = a_member(self.receiver, Role.RECEIVER)
        self.out, self.into = Door.of(self.prescriber), Door.of(self.trainer)
        self.action = an_action(self.receiver, "Atelier de français")
        self.person = a_person(self.out.actor, first_name="Awa", last_name="Sow", phone="+33612345678")
        self.need = a_need(self.person, self.out.actor)

    def draft(self, **values: Any) -> Referral:
        return a_draft(self.action, self.out.actor, self.person, needs=[self.need], **values)


@pytest.fixture
def stage(clock: object) -> Stage:
    return Stage()


@pytest.fixture
def logged(client: Client, stage: Stage) -> Client:
    client.force_login(stage.prescriber)
    return client


def url(name: str, referral: Referral) -> str:
    return reverse(f"referrals:referral_{name}", args=[referral.reference])


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


class TestPreparing:
    """One press on « Orienter » : a fiche that is already filled in."""

    def create(self, client: Client, person: Person, **data: str) -> Any:
        return client.post(reverse("referrals:referral_create", args=[person.pk]), data)

    def test_a_stranger_finds_nothing_a_receiver_may_not_and_a_get_does_nothing(
        self, client: Client, stage: Stage
    ) -> None:
        address = reverse("referrals:referral_create", args=[stage.person.pk])
        client.force_login(a_member(a_structure(), Role.PRESCRIBER))
        assert client.post(address, {"action": stage.action.slug}).status_code == 404
        a_sent(stage.action, stage.out.actor, stage.person)
        client.force_login(stage.trainer)
        assert client.post(address, {"action": stage.action.slug}).status_code == 403
        client.force_login(stage.prescriber)
        assert client.get(address).status_code == 405

    @pytest.mark.parametrize(
        "change", [{"is_published": False}, {"paused_until": TODAY + DAY}, {"slug": "autre-adresse"}]
    )
    def test_an_action_that_takes_no_fiche_leads_back_to_the_suggestions(
        self, logged: Client, stage: Stage, change: dict[str, Any]
    ) -> None:
        slug = stage.action.slug
        for name, value in change.items():
            setattr(stage.action, name, value)
        stage.action.save()
        response = self.create(logged, stage.person, action=slug)
        assert response["Location"] == reverse("referrals:suggestions", args=[stage.person.pk])
        assert "ne prend plus de fiches" in said(response)
        assert not Referral.objects.exists()

    def test_the_draft_is_filled_with_what_matched(self, logged: Client, stage: Stage) -> None:
        Prediagnosis.objects.record(
            stage.person, {NeedTheme.MOBILITY: 1}, stage.out.actor, NOW, obstacles={NeedTheme.MOBILITY: "sans permis"}
        )
        action = an_action(stage.receiver, themes=[NeedTheme.FRENCH, NeedTheme.MOBILITY])
        response = self.create(logged, stage.person, action=action.slug)
        referral = Referral.objects.get()
        assert response["Location"] == url("send", referral)
        assert {need.theme for need in referral.needs.all()} == {"french", "mobility"}
        assert referral.motive.startswith("Besoins\u00a0: ")
        assert "apprendre le français" in referral.motive
        assert referral.motive.endswith("Frein\u00a0: sans permis.")
        snapshot = SnapshotMatch.from_json(referral.matched)
        assert snapshot is not None
        assert snapshot.action == action.name
        assert referral.state == State.DRAFT

    def test_a_session_of_the_action_is_kept_and_another_is_not(self, logged: Client, stage: Stage) -> None:
        own = a_session(stage.action, TODAY + DAY)
        foreign = a_session(an_action(stage.receiver), TODAY + DAY)
        self.create(logged, stage.person, action=stage.action.slug, session=str(foreign.pk))
        assert Referral.objects.get().session is None
        Referral.objects.get().cancel(stage.out.actor, NOW, reason=Reason.MISTAKE)
        self.create(logged, stage.person, action=stage.action.slug, session=str(own.pk))
        assert Referral.objects.get(state=State.DRAFT).session == own

    def test_pressing_twice_opens_the_same_draft(self, logged: Client, stage: Stage) -> None:
        first = self.create(logged, stage.person, action=stage.action.slug)
        second = self.create(logged, stage.person, action=stage.action.slug)
        assert first["Location"] == second["Location"]
        assert Referral.objects.count() == 1

    def test_a_fiche_under_way_is_opened_rather_than_doubled(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        response = self.create(logged, stage.person, action=stage.action.slug)
        assert response["Location"] == url("detail", referral)
        assert "déjà en cours" in said(response)

    def test_the_next_fiche_is_tied_to_its_bilan_and_notes_what_it_recommends(
        self, logged: Client, stage: Stage
    ) -> None:
        fiche = a_sent(stage.action, stage.out.actor, stage.person, NOW - 9 * DAY)
        fiche.accept(stage.into.actor, NOW - 8 * DAY)
        fiche.enter(stage.into.actor, NOW - 8 * DAY, on=TODAY - 8 * DAY)
        bilan = Bilan.objects.start(fiche, BilanKind.FINAL, stage.into.actor, NOW, recommended=[NeedTheme.DIGITAL])
        bilan.hand_in(stage.into.actor, NOW)
        action = an_action(stage.receiver, themes=[NeedTheme.DIGITAL])
        other = a_person(stage.out.actor)
        assert self.create(logged, other, action=action.slug, bilan=str(bilan.pk)).status_code == 404
        self.create(logged, stage.person, action=action.slug, bilan=str(bilan.pk))
        following = Referral.objects.get(action=action)
        assert following.opened_by == bilan
        assert [need.theme for need in following.needs.all()] == [NeedTheme.DIGITAL]


class TestSending:
    """Nothing leaves without the person's consent, and nothing twice."""

    def test_strangers_and_receivers_cannot_open_a_draft(self, client: Client, stage: Stage) -> None:
        referral = stage.draft()
        for user in (a_member(a_structure()), stage.trainer):
            client.force_login(user)
            for name in ("send", "cancel", "print"):
                assert client.get(url(name, referral)).status_code == 404
            assert client.post(url("autosave", referral)).status_code == 404
        client.force_login(a_member(stage.sender, Role.RECEIVER))
        assert client.get(url("send", referral)).status_code == 403

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"consent_how": ""}, "sans lui, la fiche ne part pas"),
            ({"consent_how": "telepathy"}, "telepathy"),
            ({"consent_scope": ["everything"]}, "everything"),
            ({"motive": "Elle est épileptique."}, "pas son état de santé"),
            ({"motive": "2 85 05 78 006 084 36"}, "numéro de sécurité sociale"),
        ],
    )
    def test_a_fault_keeps_what_was_typed_and_sends_nothing(
        self, logged: Client, stage: Stage, data: dict[str, Any], words: str
    ) -> None:
        referral = stage.draft()
        response = logged.post(url("send", referral), CONSENT | {"motive": "Mon mot."} | data)
        page = response.content.decode()
        assert response.status_code == 422
        assert words in page
        assert str(data.get("motive", "Mon mot.")) in page
        referral.refresh_from_db()
        assert referral.state == State.DRAFT

    def test_what_will_be_sent_is_shown_first(self, logged: Client, stage: Stage) -> None:
        stage.person.change(stage.out.actor, NOW, french_oral=Cecrl.A2)
        page = logged.get(url("send", stage.draft(motive="Veut avancer."))).content.decode()
        for words in ("Awa SOW", "06 12 34 56 78", "Apprendre le français", "A2", "Veut avancer."):
            assert words in page
        assert page.count("checked") == 3, "the usual scope; the consent itself is never ticked beforehand"

    def test_sending_keeps_the_consent_and_offers_to_undo(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft()
        session = a_session(stage.action, TODAY + DAY)
        data = CONSENT | {"motive": "Merci.", "session": str(session.pk), "consent_scope": ["needs"]}
        response = logged.post(url("send", referral), data)
        assert response["Location"] == url("detail", referral)
        referral.refresh_from_db()
        assert (referral.state, referral.motive, referral.session) == (State.SENT, "Merci.", session)
        assert (referral.consent_how, referral.consent_scope, referral.consent_at) == ("oral", ["needs"], NOW)
        page = logged.get(response["Location"]).content.decode()
        assert f'action="{url("recall", referral)}"' in page

    def test_sending_twice_is_told_and_writes_nothing(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft()
        logged.post(url("send", referral), CONSENT)
        events = Event.objects.count()
        response = logged.post(url("send", referral), CONSENT | {"motive": "Encore un mot."})
        page = response.content.decode()
        assert response.status_code == 409
        assert "Camille M. a envoyé cette fiche" in page
        assert "Rien n’a été modifié" in page
        assert "Encore un mot." in page
        assert Event.objects.count() == events
        assert logged.get(url("send", referral))["Location"] == url("detail", referral)

    def test_an_older_version_of_the_page_sends_nothing(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft()
        logged.post(url("send", referral), CONSENT)
        logged.post(url("recall", referral))
        response = logged.post(url("send", referral), CONSENT | {"motive": "Vieille page."})
        referral.refresh_from_db()
        assert response.status_code == 409
        assert (referral.state, referral.motive) == (State.DRAFT, "")

    @pytest.mark.parametrize(
        ("what", "words"),
        [
            ("unpublished", "n’est plus au catalogue"),
            ("paused", "ne prend plus de fiches jusqu’au 18 novembre 2026"),
            ("closed", "n’est plus sur Relais"),
        ],
    )
    def test_a_draft_whose_action_closed_says_so_and_cannot_leave(
        self, logged: Client, stage: Stage, what: str, words: str
    ) -> None:
        referral = stage.draft()
        stage.action.is_published = what != "unpublished"
        stage.action.paused_until = TODAY + DAY if what == "paused" else None
        stage.receiver.is_active = what != "closed"
        stage.action.save()
        stage.receiver.save()
        page = logged.get(url("send", referral)).content.decode()
        assert words in page
        assert " disabled" in page
        assert logged.post(url("send", referral), CONSENT).status_code == 422
        referral.refresh_from_db()
        assert referral.state == State.DRAFT

    @pytest.mark.parametrize(("years", "guardian"), [(17, True), (18, False)])
    def test_for_a_minor_the_legal_guardian_is_proposed(
        self, logged: Client, stage: Stage, years: int, guardian: bool
    ) -> None:
        stage.person.change(stage.out.actor, NOW, birth_date=TODAY.replace(year=TODAY.year - years))
        form = logged.get(url("send", stage.draft())).context["form"]
        assert (form["consent_how"].initial == ConsentHow.GUARDIAN) is guardian
        assert (form.fields["consent_how"].choices[0][0] == ConsentHow.GUARDIAN) is guardian

    def test_a_past_session_is_not_offered(self, logged: Client, stage: Stage) -> None:
        past = a_session(stage.action, TODAY - 9 * DAY, ends_on=TODAY - DAY)
        running = a_session(stage.action, TODAY - 9 * DAY, ends_on=TODAY)
        referral = stage.draft()
        choices = dict(logged.get(url("send", referral)).context["form"].fields["session"].choices)
        assert list(choices) == ["", running.pk]
        assert choices[running.pk] == "Commencée le 8 novembre 2026"
        response = logged.post(url("send", referral), CONSENT | {"session": str(past.pk)})
        assert response.status_code == 422


class TestSavingWhileTyping:
    """A draft survives the browser."""

    def test_what_is_typed_is_found_again(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft()
        response = logged.post(url("autosave", referral), {"motive": "Un mot", "consent_scope": ["history"]})
        assert response.status_code == 200
        assert "field-error" not in response.content.decode()
        page = logged.get(url("send", referral)).content.decode()
        assert "Un mot" in page
        referral.refresh_from_db()
        assert (referral.consent_scope, referral.consent_how, referral.version) == (["history"], "", 0)

    def test_a_forbidden_word_is_told_and_not_kept(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft(motive="Avant")
        response = logged.post(url("autosave", referral), {"motive": "Elle est diabétique"})
        assert response.status_code == 422
        assert "hx-swap-oob" in response.content.decode()
        referral.refresh_from_db()
        assert referral.motive == "Avant"

    def test_a_fiche_already_sent_is_not_changed(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        assert logged.post(url("autosave", referral), {"motive": "Trop tard"}).status_code == 409
        referral.refresh_from_db()
        assert referral.motive == ""


class TestTakingBack:
    """Ten minutes, before the letter leaves."""

    def test_within_ten_minutes_the_fiche_is_a_draft_again(self, logged: Client, stage: Stage, clock: Any) -> None:
        referral = stage.draft(motive="Mon mot")
        logged.post(url("send", referral), CONSENT | {"motive": "Mon mot"})
        clock.shift(dt.timedelta(minutes=10))
        response = logged.post(url("recall", referral))
        assert response["Location"] == url("send", referral)
        referral.refresh_from_db()
        assert (referral.state, referral.consent_how, referral.motive) == (State.DRAFT, "", "Mon mot")

    def test_after_ten_minutes_it_is_too_late_and_cancelling_is_offered(
        self, logged: Client, stage: Stage, clock: Any
    ) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        clock.shift(dt.timedelta(minutes=10, seconds=1))
        response = logged.post(url("recall", referral))
        page = response.content.decode()
        assert response.status_code == 409
        assert "Les dix minutes" in page
        assert url("cancel", referral) in page
        referral.refresh_from_db()
        assert referral.state == State.SENT

    def test_the_receiver_and_a_get_cannot(self, client: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        client.force_login(stage.trainer)
        assert client.post(url("recall", referral)).status_code == 403
        client.force_login(stage.prescriber)
        assert client.get(url("recall", referral)).status_code == 405


class TestCancelling:
    """With a coded reason once somebody may have read it."""

    def test_without_a_reason_nothing_is_cancelled(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        response = logged.post(url("cancel", referral), {"version": "1", "note": "Mon explication"})
        assert response.status_code == 422
        assert "Mon explication" in response.content.decode()
        referral.refresh_from_db()
        assert referral.state == State.SENT

    def test_the_reasons_are_those_of_the_table(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        choices = logged.get(url("cancel", referral)).context["form"].fields["reason"].choices
        assert [value for value, _ in choices] == [reason.value for reason in REASONS[Verb.CANCEL]]

    def test_a_fiche_is_cancelled_with_its_reason(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        response = logged.post(url("cancel", referral), {"version": "1", "reason": "moved", "note": "Partie à Tours"})
        assert response["Location"] == url("detail", referral)
        referral.refresh_from_db()
        assert (referral.state, referral.reason, referral.reason_note) == ("cancelled", "moved", "Partie à Tours")

    def test_when_the_receiver_acted_first_the_sender_is_told(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        referral.accept(stage.into.actor, NOW)
        response = logged.post(url("cancel", referral), {"version": "1", "reason": "moved", "note": "Partie"})
        page = response.content.decode()
        assert response.status_code == 409
        assert "a accepté cette fiche" in page
        assert "Partie" in page
        referral.refresh_from_db()
        assert referral.state == State.ACCEPTED

    def test_what_is_over_cannot_be_cancelled(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        referral.decline(stage.into.actor, NOW, reason=Reason.NO_PLACE)
        assert logged.get(url("cancel", referral)).status_code == 409

    def test_a_draft_is_thrown_away_without_questions_and_is_no_longer_seen(self, logged: Client, stage: Stage) -> None:
        referral = stage.draft()
        page = logged.get(url("cancel", referral)).content.decode()
        assert "Supprimer le brouillon" in page
        response = logged.post(url("cancel", referral), {"version": "0", "reason": "mistake"})
        assert response["Location"] == reverse("referrals:person_detail", args=[stage.person.pk])
        assert logged.get(url("send", referral)).status_code == 404


class TestPrinting:
    """On paper, no more than the person agreed to."""

    @pytest.fixture
    def known(self, stage: Stage) -> Stage:
        stage.person.change(stage.out.actor, NOW, french_oral=Cecrl.B1, contact_note="après 17 h")
        stage.need.obstacle = "sans garde"
        stage.need.save()
        return stage

    def printed(self, client: Client, known: Stage, scope: list[str]) -> str:
        referral = known.draft(motive="Bonjour.")
        referral.send(known.out.actor, NOW, consent_how=ConsentHow.WRITTEN, consent_scope=scope)
        client.force_login(known.trainer)
        return client.get(url("print", referral)).content.decode()

    def test_without_any_scope_only_the_identity_and_the_word_are_printed(self, client: Client, known: Stage) -> None:
        page = self.printed(client, known, [])
        for words in ("Awa SOW", "Bonjour.", "par écrit, signé", "Non transmis"):
            assert words in page
        for words in ("06 12 34 56 78", "après 17 h", "sans garde", "B1"):
            assert words not in page

    @pytest.mark.parametrize(
        ("scope", "words"),
        [(ConsentScope.CONTACT, "06 12 34 56 78"), (ConsentScope.NEEDS, "sans garde"), (ConsentScope.PROFILE, "B1")],
    )
    def test_each_scope_prints_its_part(self, client: Client, known: Stage, scope: str, words: str) -> None:
        assert words in self.printed(client, known, [scope])

    def test_a_draft_is_printed_to_be_signed(self, logged: Client, known: Stage) -> None:
        page = logged.get(url("print", known.draft())).content.decode()
        assert "Brouillon, non envoyé" in page
        assert "J’accepte que cette fiche soit envoyée" in page
        assert "date et signature" in page

    def test_for_a_minor_the_guardian_signs(self, logged: Client, known: Stage) -> None:
        known.person.change(known.out.actor, NOW, birth_date=TODAY.replace(year=TODAY.year - 16))
        assert "représentant légal" in logged.get(url("print", known.draft())).content.decode()

    def test_the_rendez_vous_is_printed_once_given(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        referral.accept(stage.into.actor, NOW, appointment_at=NOW)
        page = logged.get(url("print", referral)).content.decode()
        assert "Rendez-vous le" in page
        assert "☐" not in page

    def test_a_refusal_and_its_reason_are_never_printed_for_the_person(self, logged: Client, stage: Stage) -> None:
        referral = a_sent(stage.action, stage.out.actor, stage.person)
        referral.decline(stage.into.actor, NOW, reason=Reason.NOT_ELIGIBLE, note="Trop jeune.", criteria=[AGE])
        page = logged.get(url("print", referral)).content.decode()
        assert not [words for words in ("éclin", "critère", "Trop jeune", AGE["sentence"]) if words in page]


class TestTheList:
    """Sent, received, being prepared; filtered, by pages, in a constant number of queries."""

    def shown(self, client: Client, **query: str) -> list[str]:
        return [row["reference"] for row in client.get(LIST, query).context["rows"]]

    def test_a_coordinator_has_no_list(self, client: Client, stage: Stage) -> None:
        client.force_login(a_member(stage.sender, Role.COORDINATOR))
        assert client.get(LIST).status_code == 403

    def test_each_tab_holds_its_fiches_and_strangers_none(self, client: Client, stage: Stage) -> None:
        draft, sent = stage.draft(), a_sent(stage.action, stage.out.actor, stage.person)
        client.force_login(stage.prescriber)
        assert self.shown(client) == [sent.reference]
        assert self.shown(client, onglet="brouillons") == [draft.reference]
        assert self.shown(client, onglet="recues") == []
        client.force_login(stage.trainer)
        assert self.shown(client) == [sent.reference], "a receiver's first tab is what was received"
        assert self.shown(client, onglet="brouillons") == []
        client.force_login(a_member(a_structure()))
        assert self.shown(client) == self.shown(client, onglet="recues") == []

    @pytest.mark.parametrize(
        ("tab", "words"),
        [
            ("envoyees", "Aucune fiche envoyée"),
            ("recues", "Aucune fiche reçue"),
            ("brouillons", "Aucun brouillon"),
            ("inconnu", "Aucune fiche envoyée"),
        ],
    )
    def test_an_empty_tab_says_what_it_is_for(self, logged: Client, tab: str, words: str) -> None:
        assert words in logged.get(LIST, {"onglet": tab}).content.decode()

    def test_each_filter_keeps_what_it_says(self, logged: Client, stage: Stage) -> None:
        other = an_action(stage.receiver, "Autre")
        old = a_sent(stage.action, stage.out.actor, stage.person, NOW - 60 * DAY)
        recent = a_sent(other, stage.out.actor, a_person(stage.out.actor), NOW - DAY)
        answered = a_sent(other, stage.out.actor, a_person(stage.out.actor), NOW - 20 * DAY)
        answered.accept(stage.into.actor, NOW - 2 * DAY)
        assert self.shown(logged) == [recent.reference, answered.reference, old.reference]
        assert self.shown(logged, etat="accepted") == [answered.reference]
        assert self.shown(logged, retard="on") == [old.reference]
        assert self.shown(logged, file="reponses") == [answered.reference]
        assert self.shown(logged, action=other.slug, periode="30") == [recent.reference, answered.reference]
        assert self.shown(logged, etat="accepted", retard="on") == []
        assert "Aucune fiche pour ces filtres" in logged.get(LIST, {"etat": "ended"}).content.decode()

    @pytest.mark.parametrize("query", [{"etat": "x"}, {"file": "x"}, {"periode": "x"}, {"action": "x"}, {"apres": "x"}])
    def test_an_unknown_filter_is_no_filter(self, logged: Client, stage: Stage, query: dict[str, str]) -> None:
        sent = a_sent(stage.action, stage.out.actor, stage.person)
        assert self.shown(logged, **query) == [sent.reference]

    def test_of_many_actions_those_sent_to_most_are_offered_and_the_one_chosen(
        self, logged: Client, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("referrals.views.referrals.MOST_ACTIONS", 1)
        rare, usual = an_action(stage.receiver, "Rare"), an_action(stage.receiver, "Usuelle")
        sent = [a_sent(one, stage.out.actor, a_person(stage.out.actor)) for one in (rare, usual, usual)]
        elsewhere = an_action(stage.receiver, "Jamais demandée")

        def offered(**query: str) -> list[str]:
            return [label for _, label in logged.get(LIST, query).context["form"].fields["action"].choices]

        assert offered() == ["Toutes", "Usuelle"]
        assert offered(action=rare.slug) == ["Toutes", "Rare", "Usuelle"]
        assert self.shown(logged, action=rare.slug) == [sent[0].reference]
        assert offered(action=elsewhere.slug) == ["Toutes", "Usuelle"]

    def test_pages_keep_the_filters_and_follow_without_gap(self, logged: Client, stage: Stage) -> None:
        for number in range(PAGE_SIZE + 5):
            a_sent(stage.action, stage.out.actor, stage.person, NOW - (number // 4) * DAY)
        a_sent(an_action(stage.receiver), stage.out.actor, stage.person)
        first = logged.get(LIST, {"action": stage.action.slug}).context
        second = logged.get(LIST + first["page"].next_url).context
        references = [row["reference"] for row in (*first["rows"], *second["rows"])]
        assert len(references) == len(set(references)) == PAGE_SIZE + 5
        assert second["page"].next_url == ""

    def test_the_number_of_queries_is_the_same_for_ten_rows_or_many(self, logged: Client, stage: Stage) -> None:
        def more(count: int) -> None:
            for number in range(count):
                a_sent(stage.action, stage.out.actor, a_person(stage.out.actor), NOW - number * DAY)

        more(10)
        logged.get(LIST)
        with CaptureQueriesContext(connection) as few:
            logged.get(LIST)
        more(PAGE_SIZE)
        with CaptureQueriesContext(connection) as many:
            assert len(logged.get(LIST).context["rows"]) == PAGE_SIZE
        assert len(few) == len(many) <= 9
