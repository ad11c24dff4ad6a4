"""Scales and certificates are data: what a file may say, what an action uses, and what the matching makes of it."""

from __future__ import annotations

import datetime as dt
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from structures import scales
from structures.certificates import CERTIFICATES, certificates_named, check_certificates
from structures.models import Action
from structures.models.offer import evaluates
from structures.scales import AXES, CECRL, SCALES, BadScale, check_levels, in_order, read_scale, scales_for
from structures.vocabulary import CECRL_ORDER, ActionShape, Cecrl, NeedTheme, Role
from tests.territory import a_member, a_structure, an_action

GOOD: dict[str, Any] = {
    "code": "kitchen",
    "name": "Cuisine",
    "source": "Titre professionnel de cuisinier",
    "rank": 90,
    "usual_for": [],
    "tells": [],
    "axes": [{"code": "kitchen_knife", "label": "Tailler", "plain": "Couper les légumes"}],
    "levels": [
        {"mark": "Non", "label": "Non acquis", "plain": "À apprendre"},
        {"mark": "Oui", "label": "Acquis", "plain": "Vous savez faire"},
    ],
}


def read(**values: Any) -> scales.Scale:
    return read_scale(json.dumps(GOOD | values), "kitchen.json")


# What a file may say


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"source": None},
        {"axes": []},
        {"axes": [{"code": "kitchen_knife", "label": "Tailler"}]},
        {"levels": GOOD["levels"][:1]},
        {"levels": [{"mark": "Beaucoup trop long", "label": "a", "plain": "b"}, *GOOD["levels"]]},
        {"usual_for": ["cooking"]},
        {"code": "a_code_of_more_than_24_letters"},
        {"rank": "last"},
    ],
)
def test_a_file_that_says_no_scale_is_refused_by_its_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadScale, match=r"kitchen\.json"):
        read(**wrong)


def test_a_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadScale):
        read_scale("{", "kitchen.json")


def test_neither_a_code_nor_an_axis_belongs_to_two_scales() -> None:
    with pytest.raises(BadScale, match="two scales"):
        in_order([read(), read()])
    with pytest.raises(BadScale, match="kitchen_knife"):
        in_order([read(), read(code="other")])


def test_a_new_scale_is_a_new_file_and_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in Path(scales.__file__).parent.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "kitchen.json").write_text(json.dumps(GOOD), encoding="utf-8")
    (tmp_path / "__init__.py").write_text(Path(scales.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("more_scales", tmp_path / "__init__.py")
    assert spec is not None and spec.loader is not None
    more = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(importlib.import_module("sys").modules, "more_scales", more)
    spec.loader.exec_module(more)
    assert list(more.SCALES) == [*SCALES, "kitchen"]
    assert ("kitchen", "Cuisine") in more.scale_choices()
    assert more.check_levels({"kitchen_knife": 1}) == {"kitchen_knife": 1}


def test_the_scales_are_those_of_the_source_documents() -> None:
    assert {code: (len(scale.axes), len(scale.levels)) for code, scale in SCALES.items()} == {
        "cecrl": (2, 7),
        "cria": (6, 5),
        "clea": (7, 3),
        "mobility": (5, 4),
        "digital": (5, 4),
    }
    assert all(scale.source for scale in SCALES.values())


def test_the_levels_in_french_are_those_of_their_columns() -> None:
    assert [level.label for level in SCALES[CECRL].levels] == [str(Cecrl(level).label) for level in CECRL_ORDER]


# Levels


@pytest.mark.parametrize(
    "wrong",
    [{"moon": 1}, {"oral": 5}, {"oral": -1}, {"oral": "2"}, {"oral": True}, {"clea_team": 3}, {"french_oral": 2}, []],
)
def test_only_a_level_of_its_own_axis_is_one(wrong: Any) -> None:
    with pytest.raises(ValueError, match="level"):
        check_levels(wrong)


def test_levels_stored_before_the_scales_were_data_stay_valid() -> None:
    stored = dict.fromkeys(("oral", "written", "arithmetic", "reasoning", "space_time", "technology"), 4)
    assert check_levels(stored) == stored
    assert {AXES[axis].scale for axis in stored} == {"cria"}


# What an action uses


def test_an_action_without_a_choice_uses_what_is_usual_for_its_needs() -> None:
    assert [scale.code for scale in scales_for([], [NeedTheme.FRENCH, NeedTheme.MOBILITY])] == ["cecrl", "mobility"]
    assert [scale.code for scale in scales_for(["clea"], [NeedTheme.FRENCH])] == ["clea"]
    assert scales_for([], [NeedTheme.EMPLOYMENT]) == []


@pytest.mark.parametrize(
    ("chosen", "theme", "told"),
    [
        (["cria"], NeedTheme.FRENCH, True),
        (["cecrl"], NeedTheme.FRENCH, True),
        (["cecrl"], NeedTheme.BASIC_SKILLS, False),
        (["clea"], NeedTheme.BASIC_SKILLS, True),
        (["mobility"], NeedTheme.FRENCH, False),
        ([], NeedTheme.FRENCH, False),
        ([], NeedTheme.MOBILITY, True),
    ],
)
def test_a_positionnement_tells_the_level_for_a_need_on_the_scales_that_do(
    chosen: list[str], theme: NeedTheme, told: bool
) -> None:
    action = Action(shape=ActionShape.POSITIONING, themes=list(NeedTheme.values), scales=chosen)
    assert evaluates(action, theme) is told


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ([], []),
        (["oral", "written"], ["cecrl"]),
        (["space_time"], ["mobility"]),
        (["technology"], ["digital"]),
        (["written", "technology"], ["cria"]),
        (["oral", "written", "arithmetic", "reasoning", "space_time", "technology"], ["cria"]),
    ],
)
def test_an_action_that_named_axes_names_the_scale_that_holds_them(axes: list[str], expected: list[str]) -> None:
    migration = importlib.import_module("structures.migrations.0009_scales")
    assert migration.scales_of(axes) == expected


@pytest.mark.django_db
def test_a_manager_chooses_the_scales_of_an_action() -> None:
    structure = a_structure()
    action = an_action(structure)
    client = Client()
    client.force_login(a_member(structure, Role.MANAGER))
    url = reverse("structures:action_edit", args=[action.slug])
    assert "CléA, socle de compétences" in client.get(url).content.decode()
    sent = {
        "name": action.name,
        "description": "Une action.",
        "shape": action.shape,
        "themes": ["french"],
        "is_published": "on",
        "seen": action.updated_at.isoformat(),
    }
    assert client.post(url, sent | {"scales": ["moon"]}).status_code == 422
    assert client.post(url, sent | {"scales": ["clea", "cecrl"]}).status_code == 302
    action.refresh_from_db()
    assert sorted(action.scales) == ["cecrl", "clea"]


# Certificates


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (["DELF"], ["delf_a1", "delf_a2", "delf_b1", "delf_b2"]),
        (["delf a2"], ["delf_a2"]),
        (["CléA"], ["clea"]),
        (["Titre professionnel de cuisinier", "CFG"], ["cfg", "title"]),
        (["Diplôme de magie"], []),
    ],
)
def test_an_action_prepares_for_the_certificates_that_it_names(words: list[str], codes: list[str]) -> None:
    assert [one.code for one in certificates_named(words)] == codes


def test_clea_is_certified_whole_and_by_each_of_its_seven_domains() -> None:
    assert {axis.code for axis in SCALES["clea"].axes} | {"clea"} <= set(CERTIFICATES)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [{"certificate": "delf_a1"}],
        [{"certificate": "moon", "result": "obtained"}],
        [{"certificate": "delf_a1", "result": "sold"}],
        [{"certificate": "delf_a1", "result": "obtained", "on": "bientôt"}],
        [{"certificate": "delf_a1", "result": "obtained", "on": 3}],
        [{"certificate": "delf_a1", "result": "obtained", "name": "cuisinier"}],
        [{"certificate": "delf_a1", "result": "obtained", "who": "elle"}],
        [{"certificate": "delf_a1", "result": "obtained"}, {"certificate": "delf_a1", "result": "failed"}],
        [{"certificate": "title", "result": "planned", "name": "x" * 81}],
    ],
)
def test_a_result_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError):
        check_certificates(wrong)


def test_the_name_of_a_certificate_holds_no_social_security_number() -> None:
    with pytest.raises(ValidationError):
        check_certificates([{"certificate": "title", "result": "planned", "name": "1 85 05 78 006 084 36"}])


def test_two_titles_of_different_names_both_stand() -> None:
    day = dt.date(2026, 6, 3).isoformat()
    rows = [
        {"certificate": "title", "result": "obtained", "on": day, "name": name} for name in ("cuisinier", "serveur")
    ]
    assert check_certificates(rows) == rows
