"""The link in a letter: what it opens without an account, what it never opens, and how it ends."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve, reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from backend.logging import NoPersonalData
from referrals import deadlines
from referrals.models import (
    Bilan,
    BilanKind,
    ConsentHow,
    ConsentScope,
    Event,
    EventKind,
    Key,
    Link,
    Origin,
    Referral,
    Reminder,
    ReminderKind,
)
from referrals.models.bilan import BilanState
from referrals.models.followup import hash_token
from referrals.permissions import Door
from referrals.states import Reason, State
from referrals.views.links import OPENED
from structures.models import Action
from structures.vocabulary import ActionShape, NeedTheme
from tests.access_matrix import MATRIX, Case
from tests.answer import Answer
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_sent, a_structure, an_action


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.fixture
def reader() -> Client:
    """Somebody at the structure's mailbox: no account, no cookie, and the checks of a real browser."""
    return Client(enforce_csrf_checks=True)


def key_of(stage: Stage) -> Key:
    return Link.objects.issue(stage.referral, stage.now)


def under(key: Key, path: str = "") -> str:
    """An address below a link."""
    return reverse("referrals:link", args=[key.token]) + path.removeprefix("/")


def fiche(key: Key, stage: Stage, step: str = "") -> str:
    return under(key, f"fiches/{stage.referral.reference}/{step}")


def in_days(days: int) -> str:
    return f"{timezone.localdate() + dt.timedelta(days=days)}T10:00"


def said(response: Answer) -> str:
    return response.content.decode()


def contents() -> dict[str, str]:
    """A digest of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{table}" t')
            found[table] = cursor.fetchone()[0]
    return found


# What no longer opens


def expire(stage: Stage) -> None:
    Link.objects.update(created_at=stage.now - dt.timedelta(days=31), expires_at=stage.now)


def revoke(stage: Stage) -> None:
    Link.objects.revoke(stage.referral, stage.receives, stage.now)


def cancel(stage: Stage) -> None:
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.MISTAKE)


def take_back(stage: Stage) -> None:
    Referral.objects.update(sent_at=stage.now, clock_from=stage.now)
    stage.reload().recall(stage.sends, stage.now)


def move_the_action(stage: Stage) -> None:
    Action.objects.filter(pk=stage.action.pk).update(structure=stage.sender)


def leave(stage: Stage) -> None:
    type(stage.receiver).objects.filter(pk=stage.receiver.pk).update(is_active=False)


def redirect_long_ago(stage: Stage) -> None:
    stage.referral.redirect(stage.receives, stage.now - dt.timedelta(minutes=11), to=an_action(stage.receiver))


@pytest.mark.parametrize("end", [expire, revoke, cancel, take_back, move_the_action, leave, redirect_long_ago])
def test_a_link_that_has_ended_shows_the_same_page_as_one_that_never_was(
    stage: Stage, reader: Client, end: Callable[[Stage], None]
) -> None:
    key = key_of(stage)
    assert reader.get(under(key)).status_code == 200
    end(stage)
    never = reader.get(under(Key("a" * 43, stage.now)))
    assert never.status_code == 404
    assert "Ce lien ne marche plus" in said(never)
    for address in (under(key), fiche(key, stage), fiche(key, stage, "imprimer/")):
        gone = reader.get(address)
        assert (gone.status_code, gone.content) == (404, never.content)
    before = contents()
    assert reader.post(fiche(key, stage, "attente/"), {"version": stage.reload().version}).status_code == 404
    assert contents() == before


def test_a_link_lasts_thirty_days_and_while_a_bilan_is_due(stage: Stage) -> None:
    key = key_of(stage)
    day = dt.timedelta(days=1)
    assert Link.objects.by_token(key.token, stage.now + 30 * day - dt.timedelta(seconds=1))
    assert Link.objects.by_token(key.token, stage.now + 30 * day) is None
    stage.enter()
    Referral.objects.update(bilan_due_on=stage.today + 90 * day)
    assert Link.objects.by_token(key.token, stage.now + 120 * day)
    assert Link.objects.by_token(key.token, stage.now + 121 * day) is None


def test_a_link_dies_with_its_structure_or_its_fiche_whatever_its_dates(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    stage.enter()
    revoke(stage)
    assert reader.get(under(key)).status_code == 404, "a bilan that is due does not bring back what was withdrawn"


def test_the_database_refuses_two_links_of_one_token_and_a_link_that_ends_before_it_begins(stage: Stage) -> None:
    key_of(stage)
    row = Link.objects.get()
    for change in ({"expires_at": row.created_at}, {"token_hash": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Link.objects.filter(pk=row.pk).update(**change)
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_only_the_hash_of_256_random_bits_is_kept(stage: Stage) -> None:
    key = key_of(stage)
    assert len(key.token) == 43
    assert Link.objects.get().token_hash == hash_token(key.token)
    assert key_of(stage).token != key.token


def test_a_structure_that_sends_to_itself_makes_no_link(stage: Stage) -> None:
    own = a_sent(an_action(stage.sender), stage.sends)
    with pytest.raises(ValueError, match="another structure"):
        Link.objects.issue(own, stage.now)


# What it opens, and nothing else


def opened(case: Case) -> dict[str, tuple[Referral, str]]:
    """Each address that a link opens, with the fiche it is about in the case."""
    rows = {"bilan": case.positioned, "bilan_draft": case.entered, "attachment": case.sent}
    found = {}
    for name in OPENED:
        arguments = MATRIX[name].arguments(case)
        url = reverse(name, kwargs=arguments)
        if "reference" in arguments:
            found[name] = (Referral.objects.get(reference=arguments["reference"]), url)
        else:
            [about] = [one for row, one in rows.items() if getattr(case, row).pk == arguments["pk"]]
            found[name] = (about, url)
    return found


def ask(client: Client, name: str, key: Key, url: str) -> Answer:
    """Ask for an address below a link as the matrix asks for it, and undo what that does."""
    with transaction.atomic():
        response = getattr(client, MATRIX[name].method)(under(key, url))
        transaction.set_rollback(True)
    return response


def test_each_address_opens_by_the_link_of_its_fiche_and_by_no_other(db: None, reader: Client) -> None:
    case = Case()
    other = Link.objects.issue(a_sent(case.action, case.own.actor, case.person, case.now), case.now)
    elsewhere = a_structure("Autre accueil")
    stranger = Link.objects.issue(a_sent(an_action(elsewhere), case.own.actor, case.person, case.now), case.now)
    for name, (about, url) in opened(case).items():
        right = Link.objects.issue(about, case.now)
        assert ask(reader, name, right, url).status_code in (200, 204, 302, 409, 422), name
        for wrong in (other, stranger):
            assert ask(reader, name, wrong, url).status_code == 404, name


def test_no_other_address_of_the_site_opens_by_a_link(db: None, reader: Client) -> None:
    case = Case()
    key = Link.objects.issue(case.sent, case.now)
    for name, row in MATRIX.items():
        if name not in OPENED:
            before = contents()
            url = reverse(name, kwargs=row.arguments(case))
            if url != "/":
                response = getattr(reader, row.method)(under(key, url), row.body(case))
                assert response.status_code == 404, name
                unused = {"referrals_link": ""}  # the moment of its last use
                assert contents() | unused == before | unused, name
    assert reader.get(under(key, "admin/")).status_code == 404
    assert reader.get(under(key, "/ailleurs.example/")).status_code == 404


def test_a_link_is_not_a_login(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    sessions = BrowserSession.objects.count()
    assert reader.get(under(key)).status_code == 200
    response = reader.post(fiche(key, stage, "accepter/"), {"version": 1, "appointment_at": in_days(2)})
    assert response.status_code == 302
    for address in ("/", "/personnes/", f"/fiches/{stage.referral.reference}/", f"/personnes/{stage.person.pk}/"):
        answer = reader.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/compte/connexion/")
    assert reader.get("/api/v1/referrals/").status_code == 401
    assert BrowserSession.objects.count() == sessions
    assert set(reader.cookies) == {"relais_said"}, "what was done, to be told once"


def test_the_page_leads_nowhere_but_below_its_own_link(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    stage.enter()
    stage.bilan(BilanKind.INTERMEDIATE)
    bilan = Bilan.objects.start(stage.referral, BilanKind.FINAL, stage.receives, stage.now)
    pages = ["", f"fiches/{stage.referral.reference}/", f"bilans/{bilan.pk}/modifier/", "nulle-part/"]
    for path in pages:
        text = said(reader.get(under(key, path)))
        found = re.findall(r'(?:href|action|formaction|hx-post|hx-get)="([^"]*)"', text)
        below = [one.partition("?")[0].partition("#")[0] for one in found if one.startswith(under(key))]
        leading = [one for one in found if one and not one.startswith(("#", "/static/", "tel:", under(key)))]
        assert below
        assert leading == [], path
        names = {resolve("/" + one.removeprefix(under(key))).view_name for one in below}
        assert names <= set(OPENED), path
        assert "<nav" not in text
        assert "Se déconnecter" not in text


def test_the_door_of_a_link_shows_one_fiche_one_person_and_no_list(stage: Stage) -> None:
    more = a_sent(stage.action, stage.sends, stage.person)
    mine = a_sent(an_action(stage.sender), stage.receives)
    key_of(stage)
    door = Door.of_link(Link.objects.get())
    assert list(door.referrals()) == [stage.referral]
    assert list(door.persons()) == [stage.person]
    assert mine.person not in door.persons()
    assert more not in door.referrals()
    assert not door.followups().exists()
    assert not door.actions().exists()
    assert not door.imports().exists()
    assert not door.sessions().exists()
    assert not door.merges().exists()
    assert not door.person_batches().exists()
    assert not door.session_reports().exists()
    assert door.counts == {}
    for what in ("record_person", "files", "figures", "manage", "answer", "open_referral"):
        assert not door.may(what), what
    for what in ("view", "timeline", "edit", "suggest"):
        assert not door.may(what, stage.person), what
    for what in ("revoke_links", "assign", "attach", "cancel", "recall", "receive_otherwise", "next", "edit"):
        assert not door.may(what, stage.referral), what


# As far as the consent allows


def test_identity_is_always_read_and_the_rest_only_where_it_is_shared(db: None, reader: Client) -> None:
    stage = Stage(scopes=[])
    type(stage.person).objects.update(french_oral="A1")
    for path in ("", f"fiches/{stage.referral.reference}/imprimer/"):
        text = said(reader.get(under(key_of(stage), path)))
        assert stage.person.full_name in text
        assert "01 99 00 01 01" not in text
        assert "Apprendre le français" not in text
        assert "Français oral" not in text
    open_stage = Stage()
    type(open_stage.person).objects.update(french_oral="A1")
    text = said(reader.get(under(key_of(open_stage))))
    assert "01 99 00 01 01" in text
    assert "Apprendre le français" in text
    assert "Français oral" in text


def test_a_wider_consent_to_the_same_structure_opens_nothing_by_the_link_of_a_narrower_one(
    db: None, reader: Client
) -> None:
    stage = Stage(scopes=[ConsentScope.NEEDS])
    a_sent(stage.action, stage.sends, stage.person)
    member = said(stage.at_receiver.get(reverse("referrals:referral_detail", args=[stage.referral.reference])))
    assert "01 99 00 01 01" in member, "a member reads what all the fiches of their structure share"
    assert "01 99 00 01 01" not in said(reader.get(under(key_of(stage))))


def test_a_person_recorded_by_the_receiver_itself_is_read_as_far_as_the_fiche_shares(db: None, reader: Client) -> None:
    stage = Stage(scopes=[])
    type(stage.person).objects.update(recorded_by=stage.receiver)
    assert "01 99 00 01 01" not in said(reader.get(under(key_of(stage))))


def test_the_needs_that_are_not_shared_are_not_read_in_the_other_actions_either(db: None, reader: Client) -> None:
    stage = Stage(scopes=[])
    an_action(stage.sender, "Autre cours")
    text = said(reader.get(fiche(key_of(stage), stage) + "?repondre=redirect"))
    assert "Autre cours" in text
    # The needs that may be advised are named all alike: what counts is what is said of the actions.
    assert "Apprendre le français" not in "".join(re.findall(r'class="choice-why">([^<]*)', text))
    assert not re.search(r'name="advised"[^>]* checked', text)


# Reading


def test_opening_every_page_twice_changes_nothing(db: None, reader: Client) -> None:
    case = Case()
    keys = [
        (name, Link.objects.issue(about, case.now), url)
        for name, (about, url) in opened(case).items()
        if name not in ("referrals:bilan_create",)
    ]
    keys.append(("referrals:link", Link.objects.issue(case.sent, case.now), ""))
    before = contents()
    for _ in range(2):
        for name, key, url in keys:
            for read in (reader.get, reader.head):
                with CaptureQueriesContext(connection) as queries:
                    assert read(under(key, url)).status_code in (200, 302, 405), name
                assert not [one for one in queries if not re.match(r"\s*SELECT", one["sql"], re.IGNORECASE)], name
    assert reader.get("/f/").status_code == 200
    assert contents() == before
    assert not reader.cookies


def test_the_pages_are_hidden_from_engines_kept_nowhere_and_send_no_address_along(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    for address in (under(key), under(key, "nulle-part/"), under(Key("b" * 43, stage.now)), "/f/"):
        response = reader.get(address)
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
        assert response["Cache-Control"] == "no-store, private"


def test_no_log_line_holds_the_token(stage: Stage, reader: Client, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    key = key_of(stage)
    reader.get(under(key))
    reader.get(under(key, "nulle-part/"))
    reader.post(fiche(key, stage, "accepter/"), {"version": 1})
    revoke(stage)
    reader.get(under(key))
    named = [record.getMessage() for record in caplog.records if record.name == "relais.access"]
    assert "GET referrals:link 200" in named[0]
    written = []
    for record in caplog.records:
        NoPersonalData().filter(record)
        written.append(record.getMessage())
    assert any("Not Found" in line for line in written)
    assert key.token not in "\n".join(written)


def test_the_page_costs_as_many_queries_with_one_link_or_many(
    stage: Stage, reader: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    key = key_of(stage)
    with django_assert_max_num_queries(25) as first:
        reader.get(under(key))
    for _ in range(5):
        key_of(stage)
        a_sent(stage.action, stage.sends, stage.person)
    with django_assert_max_num_queries(len(first.captured_queries)):
        assert reader.get(under(key)).status_code == 200


# Answering


def test_a_fiche_is_accepted_by_its_link_in_the_name_of_the_structure(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    text = said(reader.get(under(key)))
    action = re.search(r'action="([^"]*accepter/)"', text)
    assert action is not None
    data = {"version": 1, "appointment_at": in_days(3), "note": "Venez avec une pièce d’identité."}
    response = reader.post(action[1], data, headers={"origin": "null"})
    assert (response.status_code, response["Location"]) == (302, fiche(key, stage))
    fiche_now = stage.reload()
    assert fiche_now.state == State.ACCEPTED
    event = Event.objects.get(kind=EventKind.ACCEPT)
    assert (event.origin, event.user, event.structure) == (Origin.LINK, None, stage.receiver)
    assert Link.objects.get().last_used_at is not None
    after = said(reader.get(response["Location"]))
    assert "Fiche acceptée. Rendez-vous le" in after
    assert "Par le lien reçu" in after
    assert "toast-success" not in said(reader.get(response["Location"])), "what was done is told once"
    sender = said(stage.at_sender.get(reverse("referrals:referral_detail", args=[fiche_now.reference])))
    assert "Par le lien reçu" in sender
    assert "Venez avec une pièce d’identité." in sender


def test_what_is_missing_or_refused_is_said_beside_the_field_and_kept(stage: Stage, reader: Client) -> None:
    response = reader.post(fiche(key_of(stage), stage, "accepter/"), {"version": 1, "note": "Deuxième étage."})
    assert response.status_code == 422
    assert "Indiquez le jour et l’heure du rendez-vous." in said(response)
    assert "Deuxième étage." in said(response)


def test_a_stale_page_is_told_who_acted_first_and_keeps_what_was_typed(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    response = reader.post(
        fiche(key, stage, "accepter/"), {"version": 1, "appointment_at": in_days(3), "note": "Deuxième étage."}
    )
    assert response.status_code == 409
    assert "a décliné cette fiche" in said(response)
    assert "Deuxième étage." in said(response)
    assert stage.reload().state == State.DECLINED


@pytest.mark.parametrize(
    ("step", "data", "state"),
    [
        ("attente/", {"note": "Trois semaines."}, State.WAITLISTED),
        ("decliner/", {"reason": Reason.NO_PLACE}, State.DECLINED),
    ],
)
def test_the_other_answers_are_taken_too(
    stage: Stage, reader: Client, step: str, data: dict[str, str], state: State
) -> None:
    response = reader.post(fiche(key_of(stage), stage, step), {"version": 1} | data)
    assert response.status_code == 302
    assert stage.reload().state == state
    assert reader.get(response["Location"]).status_code == 200


def test_who_redirects_by_the_link_reads_it_for_ten_minutes_and_the_new_fiche_is_not_theirs(
    stage: Stage, reader: Client
) -> None:
    key = key_of(stage)
    better = an_action(a_structure("Maison de Bégon"), "Atelier du soir")
    response = reader.post(fiche(key, stage, "reorienter/"), {"version": 1, "to": better.pk})
    assert response.status_code == 302
    following = Referral.objects.get(redirected_from=stage.referral)
    assert (following.state, following.consent_scope) == (State.SENT, stage.referral.consent_scope)
    assert "Fiche réorientée vers Atelier du soir" in said(reader.get(response["Location"]))
    assert reader.get(under(key, f"fiches/{following.reference}/")).status_code == 404
    Referral.objects.filter(pk=stage.referral.pk).update(closed_at=stage.now - deadlines.UNDO * 2)
    assert reader.get(response["Location"]).status_code == 404


def test_an_answer_is_taken_back_by_the_link_within_ten_minutes(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    response = reader.post(fiche(key, stage, "decliner/"), {"version": 1, "reason": Reason.NO_PLACE})
    assert "Annuler votre réponse" in said(reader.get(response["Location"]))
    assert reader.post(fiche(key, stage, "annuler-reponse/")).status_code == 302
    assert stage.reload().state == State.SENT
    late = {"version": stage.reload().version, "reason": Reason.NO_PLACE}
    reader.post(fiche(key, stage, "decliner/"), late)
    Referral.objects.update(retractable_until=stage.now)
    assert reader.post(fiche(key, stage, "annuler-reponse/")).status_code == 409
    assert stage.reload().state == State.DECLINED


def test_a_question_is_asked_by_the_link_and_its_answer_read_there(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    sent = {"version": 1, "kind": "question", "question": "A-t-elle le permis ?"}
    response = reader.post(fiche(key, stage, "question/"), sent)
    assert response.status_code == 302
    assert stage.reload().paused_at is not None
    stage.reload().clarify(stage.sends, timezone.now(), answer="Oui, depuis mai.")
    assert "Oui, depuis mai." in said(reader.get(response["Location"]))


def test_the_entry_the_absence_and_the_end_are_noted_by_the_link(stage: Stage, reader: Client) -> None:
    stage.accept()
    key = key_of(stage)
    data = {"version": stage.referral.version, "on": stage.today.isoformat()}
    assert reader.post(fiche(key, stage, "venue/"), data).status_code == 302
    assert stage.reload().state == State.ENTERED
    leaving = {"version": stage.reload().version, "kind": "cdi", "on": stage.today.isoformat()}
    assert reader.post(fiche(key, stage, "sortie/"), leaving).status_code == 302
    assert stage.reload().state == State.ENDED

    missed = Stage().accept()
    absent = {"version": missed.referral.version, "reason": Reason.NO_SHOW}
    assert reader.post(fiche(key_of(missed), missed, "absence/"), absent).status_code == 302
    assert missed.reload().state == State.MISSED

    event = Stage(ActionShape.EVENT).enter()
    ended = {"version": event.referral.version}
    assert reader.post(fiche(key_of(event), event, "terminer/"), ended).status_code == 302
    assert event.reload().state == State.ENDED


def test_the_rendez_vous_is_moved_told_and_settled_by_the_link_with_the_panel_of_an_account(
    stage: Stage, reader: Client
) -> None:
    stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + dt.timedelta(days=2))
    key = key_of(stage)
    row = stage.referral.appointments.planned().get()
    row.ask_to_tell()
    type(stage.person).objects.update(contact_channel="call")
    logged_in = said(stage.at_receiver.get(reverse("referrals:referral_detail", args=[stage.referral.reference])))
    by_link = said(reader.get(under(key)))
    for words in ("La personne est prévenue</button>", "Déplacer</button>", "Annuler le rendez-vous</button>"):
        assert words in logged_in
        assert words in by_link
    assert reader.post(fiche(key, stage, "rendez-vous/prevenue/")).status_code == 302
    row.refresh_from_db()
    assert row.notice == "told"

    moved = {"version": stage.reload().version, "at": in_days(3), "minutes": 30, "place": "Salle 7"}
    response = reader.post(fiche(key, stage, "rendez-vous/"), moved, headers={"origin": "null"})
    assert response.status_code == 302
    text = said(reader.get(response["Location"]))
    assert "Rendez-vous fixé le" in text
    assert "Salle 7" in text

    settled = {"version": stage.reload().version, "outcome": "excused"}
    response = reader.post(fiche(key, stage, "rendez-vous/issue/"), settled)
    undo = fiche(key, stage, "rendez-vous/issue/annuler/")
    assert said(reader.get(response["Location"])).count(f'action="{undo}"') == 2
    assert stage.reload().appointment_state == "excused"
    assert reader.post(undo).status_code == 302
    assert stage.reload().appointment_state == "planned"
    kinds = (EventKind.APPOINTMENT_MOVED, EventKind.APPOINTMENT_EXCUSED, EventKind.APPOINTMENT_UNSETTLED)
    events = Event.objects.filter(kind__in=kinds)
    assert {(one.origin, one.user, one.structure) for one in events} == {(Origin.LINK, None, stage.receiver)}
    assert events.count() == 3


def test_the_file_for_the_calendar_gives_the_link_to_nobody(stage: Stage, reader: Client) -> None:
    stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + dt.timedelta(days=2))
    key = key_of(stage)
    response = reader.get(fiche(key, stage, "rendez-vous.ics"))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert "BEGIN:VEVENT" in said(response)
    assert key.token not in said(response)
    assert "URL" not in said(response)


@pytest.mark.parametrize("step", ["accepter/", "rendez-vous/"])
def test_what_else_the_person_has_at_that_hour_is_not_named_to_who_holds_a_link(
    stage: Stage, reader: Client, step: str
) -> None:
    at = timezone.make_aware(dt.datetime.fromisoformat(in_days(3)))
    other = a_sent(an_action(stage.receiver), stage.sends, stage.person, stage.now)
    other.accept(stage.receives, stage.now, appointment_at=at)
    field = "appointment_at"
    if step == "rendez-vous/":
        stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + dt.timedelta(days=2))
        field = "at"
    key = key_of(stage)
    sent = {"version": stage.reload().version, field: in_days(3)}
    response = reader.post(fiche(key, stage, step), sent)
    assert response.status_code == 422
    assert "La personne n’est pas libre à ce moment" in said(response)
    assert other.reference not in said(response)
    onwards = a_sent(an_action(a_structure("Médiathèque")), stage.receives, stage.person, stage.now)
    later = at + dt.timedelta(days=1)
    onwards.accept(Door.of(a_member(onwards.receiver)).actor, stage.now, appointment_at=later)
    sent = {"version": stage.reload().version, field: in_days(4)}
    assert reader.post(fiche(key, stage, step), sent).status_code == 302, "where the person was sent is not told"


def test_a_date_that_cannot_be_is_said_by_the_link_too_and_what_was_typed_is_kept(stage: Stage, reader: Client) -> None:
    stage.referral.accept(stage.receives, stage.now, appointment_at=stage.now + dt.timedelta(days=2))
    key = key_of(stage)
    wrong = {"version": stage.reload().version, "at": "demain", "place": "Salle 7"}
    response = reader.post(fiche(key, stage, "rendez-vous/"), wrong)
    assert response.status_code == 422
    assert "Écrivez le jour et l’heure" in said(response)
    assert "Salle 7" in said(response)
    stale = {"version": 0, "at": in_days(3), "place": "Salle 7"}
    response = reader.post(fiche(key, stage, "rendez-vous/"), stale)
    assert response.status_code == 409
    assert "Salle 7" in said(response)
    revoke(stage)
    gone = reader.post(fiche(key, stage, "rendez-vous/"), stale)
    assert gone.status_code == 404
    assert "Salle 7" in said(gone)
    assert stage.referral.appointments.count() == 1


def test_a_positionnement_is_recorded_and_printed_by_the_link(db: None, reader: Client) -> None:
    stage = Stage(ActionShape.POSITIONING).accept()
    key = key_of(stage)
    data = {
        "version": stage.referral.version,
        "on": stage.today.isoformat(),
        "level_oral": "2",
        "conclusion": "Vous vous présentez sans aide.",
    }
    response = reader.post(fiche(key, stage, "positionnement/"), data)
    assert response.status_code == 302
    assert "Positionnement enregistré" in said(reader.get(response["Location"]))
    assert Bilan.objects.get().state == BilanState.RETURNED
    assert "Vous vous présentez sans aide." in said(reader.get(fiche(key, stage, "positionnement/imprimer/")))


def test_a_bilan_is_begun_saved_while_typing_and_returned_by_the_link(stage: Stage, reader: Client) -> None:
    stage.enter()
    key = key_of(stage)
    begun = reader.post(fiche(key, stage, "bilans/final/"))
    bilan = Bilan.objects.get()
    assert (begun.status_code, begun["Location"]) == (302, under(key, f"bilans/{bilan.pk}/modifier/"))
    assert (bilan.structure, bilan.author) == (stage.receiver, None)
    typed = {"on": stage.today.isoformat(), "summary": "Lit un horaire de bus."}
    assert reader.post(under(key, f"bilans/{bilan.pk}/brouillon/"), typed).status_code == 204
    assert "Lit un horaire de bus." in said(reader.get(begun["Location"]))
    returned = reader.post(
        under(key, f"bilans/{bilan.pk}/rendre/"), typed | {"version": stage.referral.version, "after_oral": "3"}
    )
    assert (returned.status_code, returned["Location"]) == (302, under(key, f"bilans/{bilan.pk}/"))
    bilan.refresh_from_db()
    assert (bilan.state, bilan.levels_after) == (BilanState.RETURNED, {"oral": 3})
    assert "Bilan rendu." in said(reader.get(returned["Location"]))
    assert "Lit un horaire de bus." in said(reader.get(under(key, f"bilans/{bilan.pk}/imprimer/")))
    assert "Lit un horaire de bus." in said(stage.at_sender.get(reverse("referrals:bilan_detail", args=[bilan.pk])))


def test_a_link_withdrawn_while_the_page_is_open_gives_back_what_was_typed(stage: Stage, reader: Client) -> None:
    key = key_of(stage)
    revoke(stage)
    sent = {"version": 1, "appointment_at": in_days(3), "note": "Deuxième <b>étage</b>."}
    response = reader.post(fiche(key, stage, "accepter/"), sent)
    assert response.status_code == 404
    text = said(response)
    assert "Ce que vous aviez saisi" in text
    assert "Deuxième &lt;b&gt;étage&lt;/b&gt;." in text
    assert in_days(3) in text
    assert stage.reload().state == State.SENT
    stage.enter()
    bilan = Bilan.objects.start(stage.referral, BilanKind.FINAL, stage.receives, stage.now)
    typed = {"summary": "Lit un horaire de bus.", "recommended": ["digital", "mobility"], "hours": "12"}
    text = said(reader.post(under(key, f"bilans/{bilan.pk}/rendre/"), typed))
    for words in ("Lit un horaire de bus.", NeedTheme.DIGITAL.label, NeedTheme.MOBILITY.label, "12"):
        assert words in text
    bilan.refresh_from_db()
    assert bilan.summary == ""


# Members


def test_a_member_is_led_to_the_ordinary_page_to_answer_in_their_own_name(stage: Stage) -> None:
    key = key_of(stage)
    ordinary = reverse("referrals:referral_detail", args=[stage.referral.reference])
    for address in (under(key), fiche(key, stage, "imprimer/"), under(key, "/ailleurs.example/")):
        response = stage.at_receiver.get(address)
        assert (response.status_code, response["Location"]) == (302, ordinary)
    assert stage.at_stranger.get(under(key)).status_code == 200, "the link is the key, whoever is logged in"
    assert "Ailleurs" not in said(stage.at_stranger.get(under(key)))


@pytest.mark.parametrize("side", ["at_sender", "at_receiver"])
def test_both_structures_may_withdraw_the_links_and_the_journal_says_so(
    stage: Stage, reader: Client, side: str
) -> None:
    client: Client = getattr(stage, side)
    page = reverse("referrals:referral_detail", args=[stage.referral.reference])
    assert "Retirer les liens envoyés" not in said(client.get(page))
    keys = [key_of(stage), key_of(stage)]
    assert "Retirer les liens envoyés" in said(client.get(page))
    response = client.post(reverse("referrals:link_revoke", args=[stage.referral.reference]), follow=True)
    assert "Les liens envoyés sont retirés" in said(response)
    assert "Liens retirés" in said(response)
    assert [reader.get(under(key)).status_code for key in keys] == [404, 404]
    event = Event.objects.get(kind=EventKind.LINKS_REVOKED)
    assert (event.data, event.structure) == ({"links": 2}, getattr(stage, side.removeprefix("at_")))
    client.post(reverse("referrals:link_revoke", args=[stage.referral.reference]))
    assert Event.objects.filter(kind=EventKind.LINKS_REVOKED).count() == 1


def test_the_api_withdraws_the_links_too(stage: Stage) -> None:
    key_of(stage)
    address = reverse("api:referral-revoke-links", args=[stage.referral.reference])
    assert stage.at_stranger.post(address).status_code == 404
    assert stage.at_receiver.post(address).status_code == 200
    assert not Link.objects.live(timezone.now()).exists()


# Asking for a new link


def new_link(client: Client, reference: str) -> Answer:
    return client.post("/f/", {"reference": reference})


def planned() -> int:
    return Reminder.objects.filter(kind=ReminderKind.LINK).count()


def test_a_request_without_a_reference_says_what_is_missing(reader: Client, db: None) -> None:
    response = new_link(reader, " ")
    assert response.status_code == 422
    assert "Indiquez la référence de la fiche." in said(response)


def test_the_answer_is_the_same_whatever_is_typed_and_only_an_awaited_fiche_has_a_letter(
    stage: Stage, reader: Client
) -> None:
    draft = Referral.objects.draft(stage.person, stage.action, stage.sends, stage.now)
    just_sent = a_sent(stage.action, stage.sends, stage.person, timezone.now())
    closed = Stage()
    closed.referral.decline(closed.receives, closed.now, reason=Reason.NO_PLACE)
    returned = Stage().enter()
    returned.bilan()
    returned.leave()
    silent = [one.reference for one in (draft, just_sent, closed.referral, returned.referral)]
    answers = [new_link(reader, reference) for reference in ("R-ZZZZZZ", "n’importe quoi", *silent)]
    assert planned() == 0
    answers.append(new_link(reader, f"fiche {stage.referral.reference.lower()}"))
    assert planned() == 1
    assert {(one.status_code, one.content) for one in answers} == {(200, answers[0].content)}
    assert "Si cette fiche attend une réponse" in said(answers[0])
    event = Event.objects.get(kind=EventKind.LINK_ASKED)
    assert (event.referral, event.origin, event.user, event.data) == (stage.referral, Origin.LINK, None, {})


def test_a_bilan_still_owed_after_the_exit_can_be_asked_for(stage: Stage, reader: Client) -> None:
    stage.enter().leave()
    new_link(reader, stage.referral.reference)
    assert planned() == 1


def test_a_second_request_within_ten_minutes_makes_no_second_letter(stage: Stage) -> None:
    reference, minute = stage.referral.reference, dt.timedelta(minutes=1)
    asked = [Link.objects.ask(reference, stage.now + n * minute) for n in (0, 9, 10, 11)]
    assert asked == [True, False, True, False]
    assert Event.objects.filter(kind=EventKind.LINK_ASKED).count() == 2


def test_too_many_requests_from_one_place_are_turned_away(stage: Stage, reader: Client) -> None:
    codes = [new_link(reader, f"R-{n:06d}").status_code for n in range(11)]
    assert codes == [200] * 10 + [429]


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_make_one_letter() -> None:
    stage = Stage()
    barrier = threading.Barrier(4)
    results: list[bool] = []

    def run() -> None:
        try:
            barrier.wait(20)
            results.append(Link.objects.ask(stage.referral.reference, timezone.now()))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == [False, False, False, True]
    assert planned() == 1


@pytest.mark.django_db(transaction=True)
def test_a_link_and_a_member_who_answer_at_once_leave_one_answer() -> None:
    stage = Stage()
    key = key_of(stage)
    member = session_of(a_member(stage.receiver))
    barrier = threading.Barrier(2)
    codes: list[int] = []

    def run(client: Client, address: str) -> None:
        try:
            barrier.wait(20)
            codes.append(client.post(address, {"version": 1, "appointment_at": in_days(3)}).status_code)
        finally:
            connection.close()

    ordinary = reverse("referrals:response_accept", args=[stage.referral.reference])
    threads = [
        threading.Thread(target=run, args=arguments)
        for arguments in ((Client(), fiche(key, stage, "accepter/")), (member, ordinary))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == [302, 409]
    assert Event.objects.filter(kind=EventKind.ACCEPT).count() == 1


def test_a_consent_is_still_needed_to_send_what_a_link_could_open(stage: Stage) -> None:
    draft = Referral.objects.draft(stage.person, stage.action, stage.sends, stage.now)
    key = Link.objects.issue(draft, stage.now)
    assert Link.objects.by_token(key.token, stage.now) is None
    draft.send(stage.sends, stage.now, consent_how=ConsentHow.ORAL, consent_scope=[])
    assert Link.objects.by_token(key.token, stage.now) is not None
