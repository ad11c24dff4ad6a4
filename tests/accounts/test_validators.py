"""No social security number, no detail of health, however written; and no false alarm on what is daily."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.serializers import ModelSerializer
from stdnum.fr import nir

from accounts.fields import FreeCharField, FreeTextField, PlainCharField
from accounts.models import User
from accounts.validators import NIR_MESSAGE, find_health_detail, find_nir, no_health_detail, no_nir

# Invented numbers.
WRITTEN_DOWN = [
    "185057800608436",
    "1850578006084",
    "1 85 05 78 006 084 36",
    "1.85.05.78.006.084.36",
    "1-85-05-78-006-084-36",
    "1\u00a085\u202f05\u00a078 006 084 / 36",
    "n° sécu : 185057800608499 (à vérifier)",
    "NIR1850578006084",
    "nº2 69 05 2A 588 157 80",
    "2 69 05 2b 588 157",
    "Mme D.\n2 95 10 99 126 111\n93",
    "１８５０５７８００６０８４３６",
    "185\u200b0578\u200b006084",
    "reçue le 12 1 85 05 78 006 084 36",
    "7850578006084",
]
HARMLESS = [
    "",
    "06 12 34 56 78",
    "+33 6 12 34 56 78 et 02 54 00 00 00",
    "06 12 34 56 78 / 02 54 12 34 56",
    "SIRET 82304567800012",
    "SIREN 823 045 678",
    "IBAN FR76 1027 8060 3100 0204 7850 178",
    "FR7610278060310002047850178",
    "du 01/09/2026 au 30/11/2026, 2 jours par semaine",
    "1732147200000",
    "R-7K2M",
    "12 places, 230 h, 4 mois",
]


@pytest.mark.parametrize("text", WRITTEN_DOWN)
def test_a_social_security_number_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="sécurité sociale"):
        no_nir(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_numbers_pass(text: str) -> None:
    no_nir(text)


def test_an_impossible_month_is_refused_when_the_key_is_right() -> None:
    number = "1852178006084"
    assert find_nir(number) is None
    assert find_nir(number + nir.calc_check_digits(number)) is not None


@st.composite
def numbers(draw: st.DrawFn) -> str:
    sex = draw(st.sampled_from("12347"))
    year = draw(st.integers(0, 99))
    month = draw(st.sampled_from([*range(1, 13), 20, *range(30, 43), *range(50, 100)]))
    department = draw(st.sampled_from(["01", "41", "2A", "2B", "75", "97", "99"]))
    body = f"{sex}{year:02}{month:02}{department}{draw(st.integers(0, 999_999)):06}"
    return body + (nir.calc_check_digits(body) if draw(st.booleans()) else "")


@given(
    number=numbers(),
    gap=st.sampled_from(["", " ", ".", "-", "\u00a0", " - ", "‑"]),
    words=st.text(max_size=30),
)
def test_any_number_is_found_with_any_separator_and_any_words_around(number: str, gap: str, words: str) -> None:
    words = "".join(char for char in words if not char.isnumeric())
    assert find_nir(f"{words} {gap.join(number)} {words}") == number


@given(st.text(alphabet="0123456789 .-AB", max_size=400))
def test_the_search_never_fails(text: str) -> None:
    find_nir(text)


def test_the_search_is_fast_on_a_long_text_of_digits() -> None:
    start = time.process_time()
    find_nir("1 8 5 0 5 7 " * 5_000)
    find_health_detail("enceinte de " * 5_000)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "text",
    [
        "Est SÉROPOSITIF",
        "sous traitement psychiatrique",
        "une dépression depuis 2024",
        "dépression",
        "suivie pour addiction",
        "Elle est enceinte",
        "grossesse",
        "VIH",
        "un cancer",
        "troubles bipolaires",
    ],
)
def test_a_detail_of_health_is_refused_and_the_message_says_what_to_write(text: str) -> None:
    with pytest.raises(ValidationError, match="peut ou ne peut pas faire"):
        no_health_detail(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ne peut pas porter de charges",
        "RQTH en cours, dossier MDPH déposé",
        "dans l’enceinte de l’école",
        "sidérurgie",
        "vihuela",
        "reconnue travailleuse handicapée",
        "fatigue en fin de journée",
        "a besoin de confiance",
    ],
)
def test_daily_words_pass(text: str) -> None:
    no_health_detail(text)


@pytest.mark.parametrize("field", [FreeCharField(max_length=200), FreeTextField()])
def test_free_fields_refuse_both(field: FreeCharField | FreeTextField) -> None:
    for text in ("1850578006084", "schizophrénie"):
        with pytest.raises(ValidationError):
            field.clean(text, None)


class JobForm(ModelForm):
    class Meta:
        model = User
        fields = ["job_title"]


class JobSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = ["job_title"]


def test_a_form_and_the_api_say_it_next_to_the_field_and_keep_what_was_typed() -> None:
    typed = {"job_title": "1850578006084"}
    form, serializer = JobForm(typed), JobSerializer(data=typed)
    assert form.errors == {"job_title": [NIR_MESSAGE]}
    assert form["job_title"].value() == typed["job_title"]
    assert not serializer.is_valid()
    assert serializer.errors == {"job_title": [NIR_MESSAGE]}


def test_a_plain_field_refuses_a_number_and_lets_words_pass() -> None:
    field = PlainCharField(max_length=200)
    with pytest.raises(ValidationError):
        field.clean("1850578006084", None)
    assert field.clean("Ligue contre le cancer", None) == "Ligue contre le cancer"
