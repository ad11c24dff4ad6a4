"""The filters that a user keeps under a name: saved, found again, renamed, deleted, brought back."""

from __future__ import annotations

import datetime as dt
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import MOST_VIEWS, VIEW_KEPT, NameTaken, SavedView
from reporting.scope import View
from tests.answer import Answer
from tests.reporting.conftest import Field

NEW = "reporting:saved_view_new"


@pytest.fixture
def member(field: Field, client: Client) -> Client:
    """A member of the Mission locale, logged in."""
    client.force_login(field.user(field.mission))
    return client


def save(client: Client, name: str, **filters: str) -> Answer:
    return client.post(reverse(NEW, query=filters), {"name": name})


def saved(field: Field) -> list[tuple[str, str]]:
    views = SavedView.objects.filter(user=field.user(field.mission)).standing()
    return list(views.values_list("name", "query"))


def labels(page: Answer) -> dict[str, bool]:
    """The views that the page of statistics offers, each with whether it is the one shown."""
    return {one["label"]: one["current"] for one in page.context["saved"]}


def test_a_view_without_a_name_is_not_saved(field: Field, member: Client) -> None:
    refused = save(member, "  ", periode="mois")
    assert refused.status_code == 422
    assert saved(field) == []


def test_a_social_security_number_is_no_name(field: Field, member: Client) -> None:
    refused = save(member, "Suivi 2 84 12 41 018 003 76", periode="mois")
    assert refused.status_code == 422
    assert refused.context["form"]["name"].value() == "Suivi 2 84 12 41 018 003 76"
    assert saved(field) == []


def test_a_name_is_used_once_whatever_the_case_and_what_was_typed_is_kept(field: Field, member: Client) -> None:
    save(member, "Mes femmes en QPV", periode="mois", vue=View.SENT)
    refused = save(member, "MES FEMMES EN QPV", periode="annee", vue=View.SENT)
    assert refused.status_code == 422
    assert "porte ce nom" in refused.content.decode()
    assert refused.context["form"]["name"].value() == "MES FEMMES EN QPV"
    assert len(saved(field)) == 1


def test_two_users_may_use_the_same_name(field: Field, member: Client) -> None:
    now = timezone.now()
    SavedView.objects.keep(field.user(field.pimms), "QPV", "?periode=mois", now)
    save(member, "QPV", periode="mois")
    assert [name for name, _ in saved(field)] == ["QPV"]
    assert labels(member.get(reverse("reporting:dashboard"))) == {"QPV": False}


def test_a_list_stays_short_enough_to_be_read(field: Field, member: Client) -> None:
    now = timezone.now()
    for number in range(MOST_VIEWS):
        SavedView.objects.keep(field.user(field.mission), f"Vue {number}", "?periode=mois", now)
    refused = save(member, "Une de trop", periode="mois")
    assert refused.status_code == 422
    assert f"déjà {MOST_VIEWS} vues" in refused.content.decode()


def test_filters_that_are_wrong_are_shown_before_they_are_saved(field: Field, member: Client) -> None:
    answer = save(member, "Trop tard", du="2026-03-01", au="2026-01-01")
    assert answer.status_code == 302
    assert saved(field) == []
    page = member.get(answer["Location"])
    assert page.status_code == 422
    assert page.context["form"]["au"].value() == "2026-01-01"


def test_a_view_is_found_again_with_its_filters_and_a_period_that_moves_with_the_days(
    field: Field, member: Client
) -> None:
    asked = {"periode": "3-mois", "vue": View.SENT.value, "sexe": "F", "theme": "french"}
    answer = save(member, "Femmes, français", **asked)
    assert answer.status_code == 302
    page = member.get(answer["Location"])
    assert labels(page) == {"Femmes, français": True}
    assert page.context["form"].scope().sex == "F"
    [(_, query)] = saved(field)
    assert dict(parse_qsl(query.removeprefix("?"))) == asked, "no days: the period moves with them"
    assert labels(member.get(reverse("reporting:dashboard"))) == {"Femmes, français": False}


def test_reading_the_form_writes_nothing(field: Field, member: Client) -> None:
    page = member.get(reverse(NEW, query={"periode": "mois", "vue": View.SENT.value, "sexe": "F"}))
    assert page.status_code == 200
    assert "Sexe" in page.content.decode()
    assert saved(field) == []


def test_a_view_is_renamed_and_not_to_a_name_that_is_taken(field: Field, member: Client) -> None:
    user, now = field.user(field.mission), timezone.now()
    first = SavedView.objects.keep(user, "Un", "?periode=mois", now)
    SavedView.objects.keep(user, "Deux", "?periode=annee", now)
    address = reverse("reporting:saved_view_rename", args=[first.pk])
    refused = member.post(address, {"name": "deux"})
    assert refused.status_code == 422
    assert member.post(address, {"name": "UN"}).status_code == 302
    assert [name for name, _ in saved(field)] == ["Deux", "UN"]


def test_a_deleted_view_comes_back_by_undoing(field: Field, member: Client) -> None:
    save(member, "QPV", periode="mois")
    row = SavedView.objects.get()
    page = member.post(reverse("reporting:saved_view_delete", args=[row.pk]), follow=True)
    assert saved(field) == []
    assert "Aucune vue enregistrée" in page.content.decode()
    undo = reverse("reporting:saved_view_restore", args=[row.pk])
    assert undo in page.content.decode()
    member.post(undo)
    assert [name for name, _ in saved(field)] == ["QPV"]


def test_a_deleted_view_does_not_come_back_over_another_of_its_name(field: Field, member: Client) -> None:
    save(member, "QPV", periode="mois")
    row = SavedView.objects.get()
    row.remove(timezone.now())
    save(member, "QPV", periode="annee")
    page = member.post(reverse("reporting:saved_view_restore", args=[row.pk]), follow=True)
    assert "ne peut plus revenir" in page.content.decode()
    assert len(saved(field)) == 1
    with pytest.raises(NameTaken):
        row.restore()


def test_a_deleted_view_is_forgotten_with_a_later_deletion(field: Field) -> None:
    user, now = field.user(field.mission), timezone.now()
    old, new = (SavedView.objects.keep(user, name, "?periode=mois", now) for name in ("Vieille", "Neuve"))
    old.remove(now)
    new.remove(now + VIEW_KEPT)
    assert SavedView.objects.count() == 2
    third = SavedView.objects.keep(user, "Autre", "?periode=mois", now)
    third.remove(now + VIEW_KEPT + dt.timedelta(seconds=1))
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["Autre", "Neuve"]


def test_the_list_leads_to_each_view_and_teaches_when_it_is_empty(field: Field, member: Client) -> None:
    assert "Aucune vue enregistrée" in member.get(reverse("reporting:saved_view_list")).content.decode()
    save(member, "QPV & femmes", periode="mois", vue=View.SENT)
    page = member.get(reverse("reporting:saved_view_list")).content.decode()
    assert "QPV &amp; femmes" in page
    assert f"{reverse('reporting:dashboard')}?vue=envoyees&amp;periode=mois" in page
