"""What Relais works out of a national row: tables that forget nothing, texts that are quoted and never guessed."""

from __future__ import annotations

from typing import Any

import pytest
from data_inclusion.schema import v1
from hypothesis import given
from hypothesis import strategies as st

from structures.eligibility import parse_criteria
from structures.exchange.deriving import LONGEST, criteria_of, quote, same
from structures.exchange.themes import NEEDS, NETWORKS, SHAPES, kind_of, shape_of, themes_of
from structures.vocabulary import ActionShape, NeedTheme, StructureKind

NOTHING: dict[str, Any] = {"publics": [], "publics_precisions": "", "conditions_acces": "", "frais_precisions": ""}


# The tables


def test_every_thematique_of_the_format_has_its_line_and_no_other() -> None:
    assert set(NEEDS) == {thematique.value for thematique in v1.Thematique}


def test_every_type_of_the_format_has_its_shape() -> None:
    assert set(SHAPES) == {service_type.value for service_type in v1.TypeService}


def test_only_networks_of_the_format_name_a_kind() -> None:
    assert set(NETWORKS) <= {network.value for network in v1.ReseauPorteur}


def test_only_health_food_money_and_relatives_lead_to_no_need() -> None:
    left_out = {thematique.partition("--")[0] for thematique, needs in NEEDS.items() if not needs}
    assert left_out == {"sante", "equipement-et-alimentation", "difficultes-financieres", "famille"}


def test_a_need_is_said_once_and_in_order() -> None:
    given = ["mobilite--preparer-un-permis", "mobilite--acceder-a-un-vehicule", "famille--garde-denfants"]
    assert themes_of(given) == [NeedTheme.CHILDCARE, NeedTheme.MOBILITY]


def test_a_thematique_that_left_the_format_is_no_need() -> None:
    assert themes_of(["illettrisme--autonomie"]) == []


def test_a_service_without_a_type_is_what_any_new_action_is() -> None:
    assert shape_of("") == ActionShape.COURSE


@pytest.mark.parametrize(
    ("networks", "kind"),
    [
        ([], StructureKind.ASSOCIATION),
        (["mission-locale", "croix-rouge"], StructureKind.MISSION_LOCALE),
        (["aci", "ei"], StructureKind.SIAE),
        (["ccas-cias", "france-service"], StructureKind.ASSOCIATION),
    ],
)
def test_networks_name_a_kind_only_when_they_agree(networks, kind) -> None:
    assert kind_of(networks) == kind


# The criteria


@pytest.mark.parametrize("publics", [[], ["tous-publics"]])
def test_no_public_or_all_publics_is_no_criterion(publics) -> None:
    assert criteria_of(NOTHING | {"publics": publics}) == []


def test_publics_are_one_criterion_that_is_required() -> None:
    assert criteria_of(NOTHING | {"publics": ["jeunes", "femmes"]}) == [
        {"kind": "public", "need": "required", "any_of": ["femmes", "jeunes"]}
    ]


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "Aucun", "AUCUNE.", "Néant", "- Sans objet -", "non renseigné", "N/A", "Gratuit !", "…",
     "Tous publics", "« Aucune condition »", "Sans\ncondition"],
)  # fmt: skip
def test_a_text_that_says_nothing_is_no_criterion(text) -> None:
    assert criteria_of(NOTHING | {"conditions_acces": text, "frais_precisions": text, "publics_precisions": text}) == []


def test_each_text_that_says_something_is_quoted_to_be_checked() -> None:
    texts = {
        "publics_precisions": "Femmes isolées",
        "conditions_acces": "Être inscrit\nà France Travail.",
        "frais_precisions": "10 € par an",
    }
    assert criteria_of(NOTHING | texts) == [
        {"kind": "manual", "need": "to_check", "text": "Publics\u00a0: «\u00a0Femmes isolées\u00a0»"},
        {
            "kind": "manual",
            "need": "to_check",
            "text": "Conditions d’accès\u00a0: «\u00a0Être inscrit à France Travail.\u00a0»",
        },
        {"kind": "manual", "need": "to_check", "text": "Frais\u00a0: «\u00a010 € par an\u00a0»"},
    ]


def test_a_text_that_is_repeated_is_quoted_once() -> None:
    texts = {"publics_precisions": "Sur orientation", "conditions_acces": "Sur orientation"}
    assert len(criteria_of(NOTHING | texts)) == 1


def test_an_age_in_a_text_is_not_guessed() -> None:
    [criterion] = criteria_of(NOTHING | {"conditions_acces": "De 16 à 25 ans"})
    assert criterion["kind"] == "manual"


def test_a_long_text_is_cut_at_a_word() -> None:
    said = quote("Publics", "personne " * 60)
    assert said.endswith(" personne…\u00a0»")
    assert LONGEST - len("personne ") < len(said) <= LONGEST


def test_a_word_without_end_is_cut_where_the_room_ends() -> None:
    assert len(quote("Publics", "a" * 400)) == LONGEST


@given(st.text(max_size=700), st.lists(st.sampled_from([public.value for public in v1.Public])))
def test_what_is_derived_can_always_be_read_as_criteria(text, publics) -> None:
    criteria = criteria_of(NOTHING | {"conditions_acces": text, "publics_precisions": text, "publics": publics})
    assert len(parse_criteria(criteria)) == len(criteria)


# Whose value it is


def test_needs_in_another_order_are_the_same() -> None:
    assert same("themes", ["mobility", "french"], ["french", "mobility"])
    assert not same("themes", ["mobility"], ["french", "mobility"])


def test_the_codes_of_a_criterion_in_another_order_are_the_same() -> None:
    one = [{"kind": "public", "need": "required", "any_of": ["femmes", "jeunes"]}]
    other = [{"need": "required", "any_of": ["jeunes", "femmes"], "kind": "public"}]
    assert same("criteria", one, other)
    assert not same("criteria", one, [])


def test_criteria_that_cannot_be_read_are_the_same_as_nothing_else() -> None:
    assert not same("criteria", [{"kind": "zodiac"}], [])
    assert same("criteria", [{"kind": "zodiac"}], [{"kind": "zodiac"}])
