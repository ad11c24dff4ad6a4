"""The support staff's pages for the catalogue."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import User
from structures.admin import ActionForm
from structures.models import Action, Membership, Session, Structure
from tests.territory import TODAY, a_member, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("aide@example.org"))
    return client


def test_a_member_who_is_not_staff_does_not_enter(client) -> None:
    client.force_login(a_member(a_structure()))
    for name in ("structure", "membership", "action", "session"):
        assert client.get(reverse(f"admin:structures_{name}_changelist")).status_code in {302, 403}


def test_each_list_and_each_row_opens(staff) -> None:
    action = an_action(a_structure())
    a_session(action, TODAY)
    a_member(action.structure)
    for model in (Structure, Membership, Action, Session):
        name = model._meta.model_name
        assert staff.get(reverse(f"admin:structures_{name}_changelist"), {"q": "a"}).status_code == 200
        row = model.objects.order_by("pk").first()
        assert row is not None
        assert staff.get(reverse(f"admin:structures_{name}_change", args=[row.pk])).status_code == 200
        assert staff.get(reverse(f"admin:structures_{name}_add")).status_code == 200


def action_values(structure, **values):
    return {
        "structure": structure.pk, "slug": "cours", "source": "relais", "source_id": "cours", "name": "Cours",
        "description": "Un cours.", "shape": "course", "themes": ["french"], "criteria": "[]", "networks": "[]",
        "is_published": True,
    } | values  # fmt: skip


def test_bad_criteria_are_refused_next_to_their_field() -> None:
    form = ActionForm(action_values(a_structure(), criteria='[{"kind": "age", "need": "required"}]'))
    assert form.errors == {"criteria": ["critère 1, champ min\u00a0: valeur manquante"]}


def test_an_action_without_a_need_is_refused() -> None:
    assert list(ActionForm(action_values(a_structure(), themes=[])).errors) == ["themes"]


def test_a_good_action_is_saved_with_its_codes() -> None:
    values = action_values(a_structure(), timetable=["mon_am"], criteria='[{"kind":"age","need":"required","min":16}]')
    form = ActionForm(values)
    assert form.errors == {}
    action = form.save()
    action.refresh_from_db()
    assert (action.themes, action.timetable, action.scales) == (["french"], ["mon_am"], [])
    assert [criterion.sentence() for criterion in action.conditions()] == ["À partir de 16 ans"]
