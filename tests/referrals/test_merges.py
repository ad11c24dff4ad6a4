"""Files about one person: found, made one, parted again."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

import referrals.urls
from referrals.models import (
    CannotMerge,
    Event,
    EventKind,
    MobilityAnswers,
    MobilityReading,
    Need,
    Person,
    PersonMerge,
    Referral,
    Resemblance,
)
from referrals.models.merge import UNDO_FOR, version_of
from referrals.models.person import close_dates
from referrals.permissions import Door
from structures.vocabulary import Cecrl, Licence, NeedTheme, Role
from tests.referrals.stage import session_of
from tests.territory import NOW, a_door, a_draft, a_need, a_person, a_sent, a_structure, an_action

BORN = dt.date(1990, 5, 4)
LATER = NOW + dt.timedelta(days=2)


@pytest.fixture
def door(db: None) -> Door:
    return a_door(a_structure("Mission locale"), Role.PRESCRIBER)


def named(door: Door, first: str, last: str, born: dt.date | None = BORN, **values: Any) -> Person:
    return a_person(door.actor, first_name=first, last_name=last, birth_date=born, **values)


def merge(door: Door, keep: Person, lose: Person, now: dt.datetime = NOW, **values: Any) -> PersonMerge:
    return PersonMerge.objects.merge(keep, lose, door.actor, now, values=values, seen=version_of(keep, lose))


def pairs(door: Door) -> set[frozenset[str]]:
    rows = door.resemblances().select_related("first", "second")
    return {frozenset({row.first.full_name, row.second.full_name}) for row in rows}


class TestWhoIsAlike:
    """Names in any order, accents, slips of the birth date; only inside one structure."""

    @pytest.mark.parametrize(
        ("first", "last", "born"),
        [
            ("Diallo", "Aïssatou", BORN),
            ("AISSATOU", "diallo", dt.date(1990, 4, 5)),
            ("Aissatou", "Dialo", dt.date(1991, 5, 4)),
            ("Aïssata", "Diallo", dt.date(1990, 5, 14)),
            ("Aissatou", "Diallo", None),
            ("Aïcha", "Diallo", BORN),
        ],
    )
    def test_another_writing_of_the_same_person_is_noted(
        self, door: Door, first: str, last: str, born: dt.date | None
    ) -> None:
        named(door, "Aïssatou", "Diallo")
        named(door, first, last, born)
        assert len(pairs(door)) == 1

    @pytest.mark.parametrize(
        ("first", "last", "born"), [("Mariam", "Keïta", BORN), ("Aïcha", "Diallo", dt.date(1971, 12, 30))]
    )
    def test_another_person_is_not(self, door: Door, first: str, last: str, born: dt.date) -> None:
        named(door, "Aïssatou", "Diallo")
        named(door, first, last, born)
        assert pairs(door) == set()

    def test_a_slip_of_the_birth_date_is_a_swap_or_one_digit(self) -> None:
        found = close_dates(BORN)
        assert {BORN, dt.date(1990, 4, 5), dt.date(1980, 5, 4), dt.date(1990, 5, 24)} <= set(found)
        assert dt.date(1991, 5, 5) not in found

    def test_a_person_of_another_structure_is_never_told_of(self, door: Door) -> None:
        sensitive = a_door(a_structure("CIDFF", is_sensitive=True), Role.PRESCRIBER)
        hidden = named(sensitive, "Aïssatou", "Diallo")
        mine = named(door, "Aïssatou", "Diallo")
        assert not Resemblance.objects.exists()
        page = session_of(door.user).get(reverse("referrals:person_detail", args=[mine.pk])).content.decode()
        assert str(hidden.pk) not in page
        assert "peut-être de la même personne" not in page

    def test_a_new_name_is_compared_again(self, door: Door) -> None:
        named(door, "Aïssatou", "Diallo")
        other = named(door, "Mariam", "Keïta")
        other.change(door.actor, NOW, first_name="Aissatou", last_name="Diallo")
        assert len(pairs(door)) == 1
        other.change(door.actor, NOW, first_name="Mariam", last_name="Keïta")
        assert pairs(door) == set()

    def test_two_different_persons_are_not_proposed_again(self, door: Door) -> None:
        named(door, "Aïssatou", "Diallo")
        other = named(door, "Aïssatou", "Diallo")
        client = session_of(door.user)
        client.post(reverse("referrals:merge_dismiss", args=[door.resemblances().get().pk]))
        other.change(door.actor, NOW, first_name="Aissatou")
        assert pairs(door) == set()
        assert "Aucun doublon en vue" in client.get(reverse("referrals:merge_list")).content.decode()


class TestMerging:
    """All that is about one person follows the file that is kept."""

    def test_everything_follows_and_the_old_address_leads_to_the_kept_file(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow", french_oral=Cecrl.A1), named(door, "Sow", "Awa", phone="+33199000101")
        need = a_need(lose, door.actor, NeedTheme.HOUSING)
        fiche = a_sent(an_action(a_structure()), door.actor, lose, needs=[need])
        reading = MobilityReading.objects.record(lose, MobilityAnswers(licence=Licence.NONE), door.actor, NOW)
        lose.refresh_from_db()
        row = merge(door, keep, lose, phone=lose.phone, licence=Licence.NONE, french_oral=Cecrl.A1)
        for one in (need, fiche, reading):
            one.refresh_from_db()
            assert one.person_id == keep.pk
        keep.refresh_from_db()
        assert (str(keep.phone), keep.french_oral, keep.licence) == ("+33199000101", Cecrl.A1, Licence.NONE)
        assert list(door.persons()) == [keep]
        client = session_of(door.user)
        old = client.get(reverse("referrals:person_detail", args=[lose.pk]))
        assert old["Location"] == reverse("referrals:person_detail", args=[keep.pk])
        page = client.get(old["Location"]).content.decode()
        assert "Fiche envoyée" in page
        assert "Cette fiche en réunit deux" in page
        event = Event.objects.get(kind=EventKind.MERGED)
        assert event.data == {"fields": ["licence", "phone"], "merged": str(lose.pk)}
        assert row.may_be_undone(NOW + UNDO_FOR)

    def test_a_need_that_both_had_is_one_need_with_the_fiches_of_both(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        stays, twin = a_need(keep, door.actor), a_need(lose, door.actor)
        a_sent(an_action(a_structure()), door.actor, lose, needs=[twin])
        row = merge(door, keep, lose)
        assert door.needs().with_outcome().get(pk=stays.pk).outcome == "running"
        assert list(door.needs().filter(person=keep).open()) == [stays]
        assert not door.needs().filter(pk=twin.pk).exists()
        row.undo(door.actor, LATER)
        assert door.needs().with_outcome().get(pk=stays.pk).outcome == "untried"
        assert door.needs().with_outcome().get(pk=twin.pk).outcome == "running"
        assert door.needs().open().filter(person=lose).get() == twin

    def test_the_page_proposes_what_only_one_file_says_and_writes_what_is_chosen(self, door: Door) -> None:
        keep = named(door, "Awa", "Sow", None, french_oral=Cecrl.A1)
        lose = named(door, "Awa", "Sô", french_oral=Cecrl.A2)
        client, address = session_of(door.user), reverse("referrals:merge_preview", args=[keep.pk, lose.pk])
        form = client.get(address).context["form"]
        assert {name: form[name].value() for name in form.fields} == {
            "first_name": "gardee", "birth_date": "autre", "french_oral": "gardee",
        }  # fmt: skip
        chosen = {"first_name": "gardee", "birth_date": "autre", "french_oral": "autre"}
        client.post(address, chosen | {"seen": version_of(keep, lose)})
        keep.refresh_from_db()
        assert (keep.last_name, keep.birth_date, keep.french_oral) == ("Sow", BORN, Cecrl.A2)

    def test_a_safe_channel_without_its_means_is_refused(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow", phone="+33199000101", contact_channel="sms")
        address = reverse("referrals:merge_preview", args=[keep.pk, lose.pk])
        data = {"phone": "gardee", "contact_channel": "autre", "seen": version_of(keep, lose)}
        response = session_of(door.user).post(address, data)
        assert response.status_code == 422
        assert "il faut un numéro" in response.content.decode()
        assert not PersonMerge.objects.exists()

    def test_a_file_that_changed_since_it_was_looked_at_is_not_merged(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        seen = version_of(keep, lose)
        lose.change(door.actor, LATER, language="peul")
        with pytest.raises(CannotMerge, match="a changé"):
            PersonMerge.objects.merge(keep, lose, door.actor, LATER, values={}, seen=seen)
        address = reverse("referrals:merge_preview", args=[keep.pk, lose.pk])
        response = session_of(door.user).post(address, {"seen": seen})
        assert response.status_code == 409
        assert "rien n’a été réuni" in response.content.decode()
        assert "peul" in response.content.decode()
        assert not PersonMerge.objects.exists()

    def test_a_person_whom_another_structure_recorded_is_not_merged(self, door: Door) -> None:
        other = a_door(a_structure("CIDFF", is_sensitive=True), Role.PRESCRIBER)
        mine, theirs = named(door, "Awa", "Sow"), named(other, "Awa", "Sow")
        a_sent(an_action(door.structure), other.actor, theirs)
        client = session_of(door.user)
        for pair in ((mine, theirs), (theirs, mine)):
            address = reverse("referrals:merge_preview", args=[one.pk for one in pair])
            assert client.post(address, {"seen": version_of(*pair)}).status_code == 403
        with pytest.raises(CannotMerge, match="Seule la structure"):
            merge(door, mine, theirs)

    def test_a_file_that_was_taken_back_with_its_import_is_not_merged(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        lose.withdraw(door.actor, NOW)
        with pytest.raises(CannotMerge, match="déjà été réunies"):
            merge(door, keep, lose)

    def test_a_chain_stays_at_one_level(self, door: Door) -> None:
        first, second, third = (named(door, "Awa", "Sow") for _ in range(3))
        early = merge(door, second, first)
        second.refresh_from_db()
        merge(door, third, second, LATER)
        first.refresh_from_db()
        assert first.merged_into == third
        with pytest.raises(CannotMerge, match="réunie à une autre depuis"):
            early.undo(door.actor, LATER)

    def test_the_database_refuses_a_second_level_and_a_cycle(self, door: Door) -> None:
        first, second, third = (named(door, "Awa", "Sow") for _ in range(3))
        merge(door, second, first)
        for gone, into in ((third, first), (second, third), (third, third)):
            with pytest.raises(IntegrityError), transaction.atomic():
                Person.objects.filter(pk=gone.pk).update(merged_into=into)

    def test_the_pair_and_the_gone_file_leave_every_list(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        merge(door, keep, lose)
        client = session_of(door.user)
        assert pairs(door) == set()
        assert [row["person"] for row in client.get(reverse("referrals:person_list")).context["rows"]] == [keep]
        assert client.get(f"/api/v1/persons/{lose.pk}/").json()["kept"] == str(keep.pk)
        named(door, "Awa", "Sow")
        assert len(pairs(door)) == 1

    def test_what_is_written_for_the_gone_file_goes_to_the_kept_one(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        merge(door, keep, lose)
        fiche = a_draft(an_action(a_structure()), door.actor, lose)
        assert Referral.objects.get(pk=fiche.pk).person == keep


OLD_ADDRESSES = [
    pattern.name
    for pattern in referrals.urls.urlpatterns
    if str(pattern.pattern).startswith("personnes/<uuid:pk>/") and pattern.name != "merge_preview"
]


class TestOldAddresses:
    """Whoever follows an address of the file that went reaches the same page of the one that was kept."""

    @pytest.mark.parametrize("name", OLD_ADDRESSES)
    def test_every_address_of_the_gone_file_leads_to_that_of_the_kept_one(self, door: Door, name: str) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        need = a_need(lose, door.actor)
        merge(door, keep, lose)
        others = {"need": need.pk} if name == "need_close" else {}
        old, new = (reverse(f"referrals:{name}", kwargs={"pk": one.pk, **others}) for one in (lose, keep))
        client = session_of(door.user)
        for response in (client.get(f"{old}?besoin=french"), client.post(f"{old}?besoin=french")):
            if response.status_code != 405:
                assert (response.status_code, response["Location"]) == (307, f"{new}?besoin=french")
        assert not session_of(a_door(a_structure("Ailleurs")).user).get(old).has_header("Location")

    def test_what_is_posted_to_the_gone_file_is_written_to_the_kept_one(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        merge(door, keep, lose)
        address = reverse("referrals:need_create", args=[lose.pk])
        session_of(door.user).post(address, {"needs": "housing"}, follow=True)
        assert [need.theme for need in keep.needs.open()] == ["housing"]

    def test_a_form_of_the_gone_file_is_shown_again_beside_what_the_kept_one_says(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        seen = lose.updated_at.isoformat()
        merge(door, keep, lose, LATER)
        data = {"first_name": "Awa", "last_name": "Sô", "contact_channel": "prescriber", "seen": seen}
        address = reverse("referrals:person_update", args=[lose.pk])
        response = session_of(door.user).post(address, data, follow=True)
        assert response.status_code == 409
        assert "Sô" in response.content.decode()
        keep.refresh_from_db()
        assert keep.last_name == "Sow"


class TestDeparture:
    """Whether the person left is part of the file like the rest."""

    GONE: dict[str, Any] = {"moved_on": dt.date(2026, 11, 3), "moved_to": "Tours"}

    def form_of(self, door: Door, keep: Person, lose: Person) -> Any:
        address = reverse("referrals:merge_preview", args=[keep.pk, lose.pk])
        return session_of(door.user).get(address).context["form"]

    def test_the_only_departure_is_proposed_kept_and_taken_back(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow", **self.GONE)
        form = self.form_of(door, keep, lose)
        assert form["moved_on"].value() == "autre"
        assert dict(form.fields["moved_on"].choices) == {
            "gardee": "Habite toujours ici",
            "autre": "A quitté le territoire le 03/11/2026, vers Tours",
        }
        data = {"moved_on": "autre", "seen": version_of(keep, lose)}
        session_of(door.user).post(reverse("referrals:merge_preview", args=[keep.pk, lose.pk]), data)
        keep.refresh_from_db()
        assert (keep.moved_on, keep.moved_to) == (dt.date(2026, 11, 3), "Tours")
        PersonMerge.objects.get().undo(door.actor, LATER)
        keep.refresh_from_db()
        assert (keep.moved_on, keep.moved_to) == (None, "")

    def test_of_two_departures_the_later_is_proposed(self, door: Door) -> None:
        early = named(door, "Awa", "Sow", moved_on=dt.date(2025, 1, 2))
        late = named(door, "Awa", "Sow", **self.GONE)
        assert self.form_of(door, early, late)["moved_on"].value() == "autre"
        assert self.form_of(door, late, early)["moved_on"].value() == "gardee"

    def test_who_chooses_that_the_person_still_lives_here_is_followed(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow", **self.GONE)
        data = {"moved_on": "gardee", "seen": version_of(keep, lose)}
        session_of(door.user).post(reverse("referrals:merge_preview", args=[keep.pk, lose.pk]), data)
        keep.refresh_from_db()
        assert keep.moved_on is None


class TestParting:
    """For thirty days, exactly."""

    def test_what_moved_goes_back_and_what_came_since_stays(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Sow", "Awa", phone="+33199000101")
        need = a_need(lose, door.actor, NeedTheme.HOUSING)
        old = a_sent(an_action(a_structure()), door.actor, lose, needs=[need])
        row = merge(door, keep, lose, phone=lose.phone, language="peul")
        keep.refresh_from_db()
        since = a_sent(an_action(a_structure()), door.actor, keep, LATER)
        keep.change(door.actor, LATER, language="bambara")
        session_of(door.user).post(reverse("referrals:merge_undo", args=[row.pk]))
        for one in (keep, lose, need, old, since):
            one.refresh_from_db()
        assert (need.person, old.person, since.person) == (lose, lose, keep)
        assert (str(keep.phone), keep.language, str(lose.phone)) == ("", "bambara", "+33199000101")
        assert set(door.persons()) == {keep, lose}
        assert Event.objects.filter(kind=EventKind.SPLIT).count() == 2

    def test_a_need_that_a_new_fiche_answers_stays_with_that_fiche(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        need = a_need(lose, door.actor, NeedTheme.HOUSING)
        row = merge(door, keep, lose)
        keep.refresh_from_db()
        a_sent(an_action(a_structure()), door.actor, keep, LATER, needs=[need])
        row.undo(door.actor, LATER)
        assert Need.objects.get(pk=need.pk).person == keep

    def test_merges_of_a_chain_are_parted_from_the_last_to_the_first(self, door: Door) -> None:
        first, second, third = (named(door, "Awa", "Sow") for _ in range(3))
        early = merge(door, second, first)
        second.refresh_from_db()
        late = merge(door, third, second, LATER)
        late.undo(door.actor, LATER)
        first.refresh_from_db()
        assert first.merged_into == second
        early.undo(door.actor, LATER)
        assert set(door.persons()) == {first, second, third}

    def test_a_twin_need_that_was_noted_anew_meanwhile_stays_closed(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        a_need(keep, door.actor)
        twin = a_need(lose, door.actor)
        row = merge(door, keep, lose)
        Need.objects.filter(person=keep).update(person=lose)
        row.undo(door.actor, LATER)
        twin.refresh_from_db()
        assert twin.closed_at is not None

    def test_after_thirty_days_or_a_second_time_nothing_is_parted(self, door: Door) -> None:
        keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
        row = merge(door, keep, lose)
        with pytest.raises(CannotMerge, match="plus de 30 jours"):
            row.undo(door.actor, NOW + UNDO_FOR + dt.timedelta(seconds=1))
        row.undo(door.actor, NOW + UNDO_FOR)
        with pytest.raises(CannotMerge, match="déjà"):
            row.undo(door.actor, LATER)


@pytest.mark.django_db(transaction=True)
def test_of_two_merges_at_once_one_wins() -> None:
    door = a_door(a_structure(), Role.PRESCRIBER)
    one, other = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
    start, outcomes = threading.Barrier(2), []

    def run(keep: Person, lose: Person) -> None:
        try:
            start.wait()
            merge(door, keep, lose)
            outcomes.append("merged")
        except CannotMerge as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["merged", "state"]
    assert door.persons().count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_fiche_prepared_during_a_merge_is_not_lost() -> None:
    door = a_door(a_structure(), Role.PRESCRIBER)
    keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
    action = an_action(a_structure())
    began = threading.Event()

    def prepare() -> None:
        began.set()
        a_draft(action, door.actor, lose)
        connection.close()

    thread = threading.Thread(target=prepare)
    with transaction.atomic():
        merge(door, keep, lose)
        thread.start()
        began.wait()
        thread.join(timeout=0.5)
        assert thread.is_alive()
    thread.join()
    assert Referral.objects.get().person == keep


def test_a_receiver_sees_the_kept_file_where_it_saw_the_other(door: Door, client: Client) -> None:
    keep, lose = named(door, "Awa", "Sow"), named(door, "Awa", "Sow")
    receiver = a_door(a_structure("Accueil"), Role.RECEIVER)
    a_sent(an_action(receiver.structure), door.actor, lose)
    merge(door, keep, lose)
    assert list(receiver.persons()) == [keep]
    response = session_of(receiver.user).get(reverse("referrals:person_detail", args=[lose.pk]))
    assert response["Location"] == reverse("referrals:person_detail", args=[keep.pk])
