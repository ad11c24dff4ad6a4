"""Communes: what is refused, what is written, and the offers that follow."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from structures.communes import BadCommunes, load_communes, read_communes
from structures.models import Commune, Offer
from tests.territory import a_structure, an_action

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
