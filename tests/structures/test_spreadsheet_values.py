"""What a cell says: dates, numbers, words of the field; and why it says nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.values import BadCell


def read(key: str, text: str) -> Any:
    return COLUMNS.by_key[key].read(text)


def why(key: str, text: str) -> str:
    """Why a cell is refused."""
    with pytest.raises(BadCell) as caught:
        read(key, text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("starts_on", "32/13/2027", "n’existe pas"),
        ("starts_on", "30/02/2027", "n’existe pas"),
        ("starts_on", "12 brumaire 2027", "n’existe pas"),
        ("starts_on", "bientôt", "n’est pas une date"),
        ("starts_on", "12/01/1027", "vérifiez l’année"),
        ("starts_on", "12 ju 2027", "n’existe pas"),
        ("places", "douze", "n’est pas un nombre entier"),
        ("places", "12,5", "n’est pas un nombre entier"),
        ("places", "-3", "n’est pas un nombre entier"),
        ("places", "12 ans", "n’est pas un nombre entier"),
        ("weeks", "0", "de 1 à 520"),
        ("age_min", "200", "de 0 à 120"),
        ("weekly_hours", "beaucoup", "n’est pas un nombre d’heures"),
        ("weekly_hours", "1,5 h 30", "n’est pas un nombre d’heures"),
        ("weekly_hours", "400", "au plus 100"),
        ("weekly_hours", "0", "Plus de 0"),
        ("postal_code", "Blois", "cinq chiffres"),
        ("phone", "12", "téléphone"),
        ("email", "accueil(at)example.org", "e-mail"),
        ("frais", "peut-être", "Gratuit ; Payant"),
        ("themes", "Cuisine moléculaire", "Valeurs possibles : Apprendre le français"),
        ("themes", "Mobilite, Numerik", "vouliez-vous dire « Numérique »"),
        ("themes", " ; ", "Rien à lire"),
        ("shape", "Formmation", "vouliez-vous dire « Formation ou ateliers en session »"),
        ("french_oral", "A7", "n’est pas connu"),
        ("women", "bof", "Oui ; Non ; En priorité"),
        ("name", "x" * 151, "150 au plus"),
        ("rhythm", "x" * 201, "200 au plus"),
        ("description", "x" * 5001, "5000 au plus"),
        ("identifier", "x" * 101, "100 au plus"),
        ("description", "Pour Mme X, 2 85 05 78 006 084 91", "sécurité sociale"),
    ],
)
def test_what_cannot_be_understood_is_said_in_words(key: str, text: str, part: str) -> None:
    assert part in why(key, text)


@pytest.mark.parametrize(
    "text",
    [
        "12/01/2027", "12/1/27", "12.01.2027", "12-01-2027", "2027-01-12", "12 janvier 2027", "12 JANV. 2027",
        "mardi 12 janvier 2027", "12\u00a0janvier\u00a02027", "12/01/2027 00:00",
    ],
)  # fmt: skip
def test_dates_are_read_as_people_write_them(text: str) -> None:
    assert read("starts_on", text) == dt.date(2027, 1, 12)


def test_the_first_of_a_month_and_months_that_begin_alike() -> None:
    assert read("starts_on", "1er août 2027") == dt.date(2027, 8, 1)
    assert read("starts_on", "2 juil. 2027") == dt.date(2027, 7, 2)
    assert read("starts_on", "2 juin 2027") == dt.date(2027, 6, 2)
    assert read("starts_on", "29 fevrier 2028") == dt.date(2028, 2, 29)


@pytest.mark.parametrize(
    ("text", "hours"),
    [("12", "12"), ("12,5", "12.5"), ("12.5 h", "12.5"), ("1h30", "1.5"), ("1 h 30 min", "1.5"), ("02:15", "2.25"),
     ("3 heures", "3")],
)  # fmt: skip
def test_hours_are_read_with_or_without_minutes(text: str, hours: str) -> None:
    assert read("weekly_hours", text) == Decimal(hours)


def test_a_number_may_be_followed_by_its_unit() -> None:
    assert (read("weeks", "12 semaines"), read("places", "15 places"), read("age_max", "25 ans")) == (12, 15, 25)
    assert read("places", "12,0") == 12


def test_the_zero_that_a_spreadsheet_lost_comes_back() -> None:
    assert read("postal_code", "1000") == "01000"
    assert read("postal_code", "41 000") == "41000"
    assert str(read("phone", "261910001")) == str(read("phone", "02 61 91 00 01"))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("themes", "Apprendre le français", ["french"]),
        ("themes", "mobilité / savoirs de base", ["basic_skills", "mobility"]),
        ("themes", "Formation, diplôme", ["training"]),
        ("themes", "Citoyenneté, lien social ; FLE", ["french", "citizenship"]),
        ("shape", "chantier d'insertion", "worksite"),
        ("shape", "Ateliers", "course"),
        ("frais", "GRATUITE", "gratuit"),
        ("french_oral", "A1.1", "A1.1"),
        ("french_oral", "niveau a2", "A2"),
        ("french_oral", "B1 minimum", "B1"),
        ("publics", "Tous publics", ["tous-publics"]),
        ("publics", "séniors, jeunes", ["jeunes", "seniors"]),
        ("statuses", "BRSA ; demandeurs d’emploi", ["job_seeker", "rsa"]),
        ("women", "x", "yes"),
        ("qpv", "prioritaire", "priority"),
        ("qpv", "NON", "no"),
    ],
)
def test_the_words_of_the_field_are_known_in_several_spellings(key: str, text: str, value: Any) -> None:
    assert read(key, text) == value


@pytest.mark.parametrize("column", COLUMNS.columns, ids=lambda column: column.key)
def test_the_example_of_the_model_and_each_value_it_lists_can_be_read(column: Any) -> None:
    assert column.read(column.example) not in (None, "", [])
    for value, label in (column.choices.labels if column.choices else {}).items():
        assert column.read(label) in (value, [value])


@given(st.sampled_from(COLUMNS.columns), st.text(min_size=1, max_size=80))
def test_any_text_is_read_or_refused_with_a_reason(column: Any, text: str) -> None:
    try:
        column.read(text)
    except BadCell as error:
        assert str(error)
