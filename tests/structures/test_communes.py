"""Communes: what is refused, what is written, and the offers that follow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from structures.communes import BadCommunes, load_communes, read_communes
from structures.forms.catalogue import ActionFilter
from structures.forms.fields import read_commune
from structures.models import Commune, Offer
from structures.territory import EPCI_COMMUNES, TOWNS
from tests.territory import a_member, a_structure, an_action

BLOIS = {
    "code": "41018",
    "nom": "Blois",
    "centre": {"type": "Point", "coordinates": [1.33, 47.59]},
    "population": 47_000,
}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({}, "une liste de communes est attendue"),
        (["Blois"], "ligne 1\u00a0: un objet est attendu"),
        ([BLOIS | {"code": "Blois"}], "ligne 1, champ code\u00a0: un code INSEE est attendu ('Blois')"),
        ([BLOIS, BLOIS | {"nom": ""}], "ligne 2, champ nom\u00a0: un texte de 80 caractères au plus est attendu"),
        ([BLOIS | {"codeEpci": "12"}], "ligne 1, champ codeEpci\u00a0: un SIREN est attendu ('12')"),
        ([BLOIS | {"codesPostaux": "41000"}], "ligne 1, champ codesPostaux\u00a0: une liste de textes est attendue"),
        (
            [BLOIS | {"codesPostaux": ["4100"]}],
            "ligne 1, champ codesPostaux\u00a0: cinq chiffres sont attendus ('4100')",
        ),
        ([BLOIS | {"centre": None}], "ligne 1, champ centre\u00a0: un point (longitude, latitude) est attendu"),
        ([BLOIS | {"centre": {"coordinates": [1.3, 147]}}], "ligne 1, champ centre\u00a0: des degrés sont attendus"),
    ],
)
def test_a_bad_commune_is_refused_naming_the_row_and_the_field(rows, said) -> None:
    with pytest.raises(BadCommunes) as caught:
        read_communes(rows)
    assert str(caught.value) == said


@pytest.mark.django_db
def test_a_file_with_one_bad_row_leaves_nothing(tmp_path) -> None:
    path = tmp_path / "communes.json"
    path.write_text(json.dumps([BLOIS, BLOIS | {"code": "x"}]))
    with pytest.raises(CommandError, match=r"Rien n’est enregistré\u00a0: ligne 2, champ code"):
        call_command("load_communes", str(path))
    assert not Commune.objects.exists()


@pytest.mark.django_db
def test_loading_again_changes_nothing_and_a_commune_that_moves_takes_its_actions_along(tmp_path) -> None:
    path = tmp_path / "communes.json"
    action = an_action(a_structure(), commune_code="41018")
    assert Offer.objects.get(action=action).latitude is None
    path.write_text(json.dumps([BLOIS]))
    assert load_communes(path) == ["41018"]
    offer = Offer.objects.get(action=action)
    assert (offer.latitude, offer.longitude) == (47.59, 1.33)
    assert load_communes(path) == []
    path.write_text(json.dumps([BLOIS | {"centre": {"coordinates": [1.4, 47.6]}}]))
    assert load_communes(path) == ["41018"]
    assert Offer.objects.get(action=action).longitude == 1.4


@pytest.mark.django_db
def test_what_a_list_does_not_say_stays_as_it_was(tmp_path) -> None:
    path = tmp_path / "communes.json"
    path.write_text(json.dumps([BLOIS | {"codesPostaux": ["41000"], "codeEpci": "200030385"}]))
    load_communes(path)
    path.write_text(json.dumps([{name: value for name, value in BLOIS.items() if name != "population"}]))
    assert load_communes(path) == []
    commune = Commune.objects.get()
    assert (commune.population, commune.postal_codes, commune.epci) == (47_000, ["41000"], "200030385")


# Which commune is meant


@pytest.fixture
def country(db: None) -> None:
    rows: list[tuple[str, str, int | None, list[str]]] = [
        ("41018", "Blois", 47_000, ["41000"]),
        ("41212", "Saint-Gervais-la-Forêt", 3_400, ["41350"]),
        ("41295", "Vineuil", 8_000, ["41350"]),
        ("36247", "Vineuil", 1_100, ["36110"]),
        ("94038", "L’Haÿ-les-Roses", 31_000, ["94240"]),
        ("2A004", "Ajaccio", 74_000, ["20000", "20090"]),
        ("39475", "Œuilly", None, []),
    ]
    for code, name, population, postal_codes in rows:
        place = {"latitude": 47.0, "longitude": 1.3}
        Commune.objects.create(code=code, name=name, population=population, postal_codes=postal_codes, **place)


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("", []),
        ("Bloi", []),
        ("BLOIS", ["41018"]),
        ("saint gervais la foret", ["41212"]),
        ("l'hay les roses", ["94038"]),
        ("L’Haÿ-les-Roses", ["94038"]),
        ("oeuilly", ["39475"]),
        ("vineuil", ["41295", "36247"]),
        ("Vineuil (36)", ["36247"]),
        ("vineuil(41)", ["41295"]),
        ("Ajaccio (2a)", ["2A004"]),
        ("41350", ["41295", "41212"]),
        ("20090", ["2A004"]),
        ("2a004", ["2A004"]),
        (".*", []),
        ("(41)", []),
        ("\\", []),
    ],
)
def test_a_writing_means_the_communes_that_it_names(country: None, typed: str, codes: list[str]) -> None:
    assert [commune.code for commune in Commune.objects.meant_by(typed)] == codes


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        ("", []),
        ("...", []),
        ("saint g", ["41212"]),
        ("vin", ["41295", "36247"]),
        ("41350", ["41295", "41212"]),
        ("4135", []),
    ],
)
def test_what_one_begins_to_type_offers_the_largest_first(country: None, typed: str, codes: list[str]) -> None:
    assert [commune.code for commune in Commune.objects.beginning(typed)] == codes


def test_of_namesakes_none_is_guessed_but_a_postal_code_tells_them_apart(country: None) -> None:
    with pytest.raises(ValidationError, match=r"Plusieurs communes .* Vineuil \(41\), Vineuil \(36\). Laquelle"):
        read_commune("Vineuil")
    assert read_commune("Vineuil", "36110") == ("36247", "Vineuil")
    with pytest.raises(ValidationError, match=r"Vineuil \(41\), Saint-Gervais-la-Forêt \(41\)"):
        read_commune("41350")


@pytest.mark.django_db
def test_without_the_communes_of_the_country_the_built_in_list_answers() -> None:
    assert read_commune(" saint gervais  la foret ") == ("41212", "Saint-Gervais-la-Forêt")
    assert read_commune("Nulle-Part") == ("", "Nulle-Part")


def test_the_built_in_list_has_the_codes_of_the_official_one() -> None:
    # Code officiel géographique and list of intercommunalités, 1 January 2025.
    names = EPCI_COMMUNES["200030385"]
    assert (len(names), names["41288"], "41284" in names) == (43, "Villerbon", False)


@pytest.mark.django_db
def test_the_options_are_those_of_the_country_and_else_the_built_in_ones(client: Any) -> None:
    client.force_login(a_member(a_structure()))
    ask = {"path": "/communes/", "data": {"commune": "ville"}}
    built_in = client.post(**ask).content.decode()
    assert built_in.count("<option") == sum(name.startswith("Ville") for name in TOWNS)
    for code, name in (("69264", "Villefranche-sur-Saône"), ("41295", "Vineuil"), ("36247", "Vineuil")):
        Commune.objects.create(code=code, name=name, latitude=45.9, longitude=4.7, postal_codes=["69400"])
    assert client.post(**ask).content.decode().strip() == (
        '<option value="Villefranche-sur-Saône" label="69400"></option>'
    )
    assert 'value="Vineuil (36)"' in client.post("/communes/", {"answer": "vin"}).content.decode()
    assert client.post("/communes/", {"commune": ""}).content.decode().strip() == ""


@pytest.mark.parametrize("typed", ["41350", "vineuil", "41295"])
def test_the_catalogue_looks_around_the_largest_commune_that_is_meant(country: None, typed: str) -> None:
    form = ActionFilter({"commune": typed})
    assert form.is_valid() and form.cleaned_data["commune"].code == "41295"
