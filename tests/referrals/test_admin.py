"""The support staff's site reads the case without its free texts, and changes nothing but a person's contacts."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from referrals.models import Event, EventKind, FollowUp, Message, Need, Origin, Person, Referral, Reminder
from tests.referrals.stage import Stage, session_of

MODELS = [model for model in admin.site._registry if model._meta.app_label == "referrals"]
SECRETS = ["Cherche un cours du soir.", "Très isolée", "Sait lire un horaire.", "À revoir avec la MDSI."]


@pytest.fixture
def stage(db: None) -> Stage:
    stage = Stage().enter()
    Need.objects.update(obstacle="Très isolée")
    stage.bilan()
    stage.leave()
    return stage


@pytest.fixture
def support(db: None) -> Client:
    return session_of(User.objects.create_superuser("support@example.org"))


def test_an_ordinary_member_does_not_enter(stage: Stage) -> None:
    assert stage.at_sender.get(reverse("admin:referrals_referral_changelist")).status_code in (302, 403)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_hold_no_name_and_pages_no_free_text(stage: Stage, support: Client, model: type[Model]) -> None:
    name = model._meta.model_name
    listed = support.get(reverse(f"admin:referrals_{name}_changelist"))
    assert listed.status_code == 200
    assert stage.person.last_name not in listed.content.decode()
    assert stage.person.last_name.upper() not in listed.content.decode()
    for row in model._default_manager.order_by("pk"):
        page = support.get(reverse(f"admin:referrals_{name}_change", args=[row.pk])).content.decode()
        for secret in SECRETS:
            assert secret not in page


@pytest.mark.parametrize("model", [Event, Reminder, Message, Referral], ids=lambda model: model.__name__)
def test_what_happened_is_neither_added_nor_changed_nor_deleted(
    stage: Stage, support: Client, model: type[Model]
) -> None:
    name = model._meta.model_name
    assert support.get(reverse(f"admin:referrals_{name}_add")).status_code == 403
    row = model._default_manager.order_by("pk").first()
    if row is not None:
        assert support.post(reverse(f"admin:referrals_{name}_change", args=[row.pk]), {}).status_code == 403
        assert (
            support.post(reverse(f"admin:referrals_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        )


def test_what_opens_the_persons_page_is_not_shown(stage: Stage, support: Client) -> None:
    check = FollowUp.objects.get()
    token = check.ask(stage.receives, stage.now)
    page = support.get(reverse("admin:referrals_followup_change", args=[check.pk])).content.decode()
    assert token not in page
    assert check.links.get().token_hash not in page


def test_a_corrected_name_is_journalled(stage: Stage, support: Client) -> None:
    url = reverse("admin:referrals_person_change", args=[stage.person.pk])
    data = {
        "first_name": "Aoua",
        "last_name": stage.person.last_name,
        "birth_date": "04/05/1990",
        "phone": "01 99 00 01 01",
        "email": "",
        "contact_channel": stage.person.contact_channel,
    }
    response = support.post(url, data)
    assert response.status_code == 302, response.context["errors"]
    assert Person.objects.get(pk=stage.person.pk).first_name == "Aoua"
    event = Event.objects.filter(kind=EventKind.PERSON_CHANGED).latest("at")
    assert event.origin == Origin.ADMIN
    assert event.data == {"fields": ["first_name"]}
