"""Criteria as sentences: every kind has its line, what is typed comes back whole, faults stand beside their blank."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given, settings

from structures.eligibility import BadCriteria, parse_criteria
from structures.eligibility.parsing import READERS
from structures.forms.criteria import MOST_LINES, SENTENCES, CriteriaForm
from structures.models import Commune
from tests.structures.drawn_criteria import PARAMS, several

pytestmark = pytest.mark.django_db


def sent(form: CriteriaForm, **changes: Any) -> QueryDict:
    """What a browser sends for the form as it is drawn, with some controls changed."""
    data = QueryDict(mutable=True)
    data.setlist("line", [f"{line.key}:{line.kind}" for line in form.lines])
    for field in form:
        value = changes.get(field.name, field.value())
        if isinstance(value, list):
            data.setlist(field.name, list(map(str, value)))
        elif value not in (None, "") and value is not False:
            data[field.name] = "on" if value is True else str(value)
    return data


def read(data: QueryDict) -> list[dict[str, Any]]:
    """The criteria that the form gives."""
    form = CriteriaForm.posted(data)
    assert form.is_valid(), form.errors
    criteria: list[dict[str, Any]] = form.cleaned_data["criteria"]
    return criteria


def errors(*criteria: dict[str, Any], **changes: Any) -> dict[str, list[str]]:
    form = CriteriaForm.posted(sent(CriteriaForm.of(criteria), **changes))
    assert not form.is_valid()
    return {name: [str(one) for one in found] for name, found in form.errors.items()}


# Every kind


def test_every_kind_that_can_be_read_has_its_sentence() -> None:
    assert set(SENTENCES) == set(READERS) == set(PARAMS)


@settings(max_examples=150, deadline=None)
@given(several(max_size=8))
def test_criteria_drawn_as_sentences_and_sent_back_say_the_same(criteria: list[dict[str, Any]]) -> None:
    back = read(sent(CriteriaForm.of(criteria)))
    assert parse_criteria(back) == parse_criteria(criteria)
    assert back == json.loads(json.dumps(back))


@settings(max_examples=50, deadline=None)
@given(several(min_size=1))
def test_adding_a_line_and_removing_it_changes_nothing_else(criteria: list[dict[str, Any]]) -> None:
    data = sent(CriteriaForm.of(criteria))
    more = CriteriaForm.redrawn(data, add="priority:manual")
    assert not more.errors
    assert more.lines[-1].kind == "manual"
    assert len(more.lines) == len(criteria) + 1
    less = CriteriaForm.redrawn(sent(more), drop=more.lines[-1].key)
    assert parse_criteria(read(sent(less))) == parse_criteria(criteria)


def test_an_age_of_zero_is_a_value() -> None:
    assert read(sent(CriteriaForm.of([{"kind": "age", "need": "required", "min": 0}])))[0]["min"] == 0


# Faults


AGE = {"kind": "age", "need": "required", "min": 16, "max": 25}
PLACE = {"kind": "residence", "need": "required", "communes": ["41018"]}


def test_a_line_without_a_value_is_refused_at_its_first_blank() -> None:
    assert errors(AGE, **{"0-min": "", "0-max": ""}) == {"0-min": ["Valeur manquante."]}
    assert errors(PLACE, **{"0-communes": ""}) == {"0-communes": ["Valeur manquante."]}


def test_each_fault_stands_at_its_blank_and_what_was_typed_stays() -> None:
    found = errors(AGE, PLACE, **{"0-max": "douze", "1-communes": "Blois, Atlantide"})
    assert set(found) == {"0-max", "1-communes"}
    assert len(found["1-communes"]) == 1
    assert "« Atlantide »" in found["1-communes"][0]
    assert set(errors({"kind": "age", "need": "required", "max": 9}, **{"0-max": "neuf"})) == {"0-max"}
    form = CriteriaForm.posted(sent(CriteriaForm.of([AGE, PLACE]), **{"0-max": "douze", "1-communes": "Atlantide"}))
    assert form["0-max"].value() == "douze"
    assert form["1-communes"].value() == "Atlantide"


def test_a_maximum_below_the_minimum_and_an_age_beyond_all_ages_are_refused() -> None:
    assert list(errors(AGE, **{"0-max": 12})) == ["0-max"]
    assert list(errors(AGE, **{"0-min": "", "0-max": 999})) == ["0-max"]


def test_two_lines_of_a_kind_at_one_level_are_refused_at_the_level_of_the_second() -> None:
    found = errors(AGE, {**AGE, "need": "priority"}, **{"1-need": "required"})
    assert list(found) == ["1-need"]
    assert "au même niveau" in found["1-need"][0]


def test_values_that_no_control_offers_are_refused() -> None:
    data = sent(CriteriaForm.of([{"kind": "status", "need": "required", "any_of": ["rsa"]}]))
    data.setlist("0-any_of", ["astronaut"])
    data["0-need"] = "forbidden"
    assert set(CriteriaForm.posted(data).errors) == {"0-any_of", "0-need"}


@pytest.mark.parametrize("line", ["x:age", "0", "0:", "0:dragon", "-1:age", "9999999:age", "²:age"])
def test_a_line_that_the_page_did_not_draw_is_left_out(line: str) -> None:
    data = QueryDict(mutable=True)
    data.setlist("line", [line])
    assert read(data) == []


def test_lines_are_bounded() -> None:
    data = QueryDict(mutable=True)
    data.setlist("line", [f"{number}:manual" for number in range(500)])
    assert len(CriteriaForm.posted(data).lines) == MOST_LINES
    assert len(CriteriaForm.redrawn(data, add="required:age").lines) == MOST_LINES


# What is offered


def offered(form: CriteriaForm) -> set[str]:
    return {value for _, kinds in form.offered() for value, _ in kinds}


def test_only_the_kinds_that_are_free_at_a_level_are_offered_there() -> None:
    form = CriteriaForm.of([AGE, {"kind": "manual", "need": "required", "text": "Motivé(e)"}])
    assert offered(form) == offered(CriteriaForm.of([])) - {"required:age"}
    assert {"priority:age", "to_check:age", "required:manual"} <= offered(form)


def test_a_kind_is_free_again_once_its_line_is_gone_or_moved_to_another_level() -> None:
    data = sent(CriteriaForm.of([AGE]), **{"0-need": "priority"})
    assert "required:age" in offered(CriteriaForm.redrawn(data))
    assert "priority:age" not in offered(CriteriaForm.redrawn(data))
    assert "priority:age" in offered(CriteriaForm.redrawn(data, drop="0"))


def test_what_cannot_be_added_adds_nothing() -> None:
    data = sent(CriteriaForm.of([AGE]))
    for add in ("", "required", "required:dragon", "never:age"):
        assert len(CriteriaForm.redrawn(data, add=add).lines) == 1, add


def test_half_typed_lines_survive_the_round_trip_as_they_were_typed() -> None:
    data = sent(CriteriaForm.of([AGE, PLACE]), **{"0-min": "douze", "1-communes": "Atlantide", "1-qpv": True})
    form = CriteriaForm.redrawn(data, add="required:licence")
    assert (form["0-min"].value(), form["1-communes"].value(), form["1-qpv"].value()) == ("douze", "Atlantide", "on")
    assert form["2-need"].value() == "required"
    assert form.fields["2-need"].widget.attrs["autofocus"]


# Places


def test_places_are_written_by_name_or_code_whatever_the_accents() -> None:
    form = CriteriaForm.of([{**PLACE, "communes": ["41018", "94038"], "departments": ["41"], "epcis": ["200030385"]}])
    assert form["0-communes"].value() == "Blois, 94038"
    assert (form["0-departments"].value(), form["0-epcis"].value()) == ("Loir-et-Cher", "Agglopolys")
    typed = {
        "0-communes": "saint gervais la foret; 94038",
        "0-departments": "41, loir et cher",
        "0-epcis": "agglopolys",
    }
    entry = read(sent(CriteriaForm.of([PLACE]), **typed))[0]
    assert entry["communes"] == ["41212", "94038"]
    assert (entry["departments"], entry["epcis"]) == (["41"], ["200030385"])


@pytest.fixture
def country() -> None:
    rows = [("41018", "Blois", "41000"), ("41295", "Vineuil", "41350"), ("36247", "Vineuil", "36110")]
    for code, name, postal_code in [*rows, ("94038", "L’Haÿ-les-Roses", "94240")]:
        Commune.objects.create(code=code, name=name, latitude=47.0, longitude=1.3, postal_codes=[postal_code])


def test_a_commune_of_the_country_is_written_by_its_name_its_postal_code_or_its_official_code(country: None) -> None:
    for typed in ("l'hay les roses", "94240", "94038"):
        entry = read(sent(CriteriaForm.of([PLACE]), **{"0-communes": typed}))[0]
        assert entry["communes"] == ["94038"]
        assert parse_criteria([entry])[0].sentence() == "Habiter\u00a0: L’Haÿ-les-Roses"
        assert CriteriaForm.of([entry])["0-communes"].value() == "L’Haÿ-les-Roses"


def test_of_communes_that_are_namesakes_none_is_guessed(country: None) -> None:
    found = errors(PLACE, **{"0-communes": "Blois, vineuil, Atlantide"})["0-communes"]
    assert len(found) == 2
    assert "Vineuil (36)" in found[0] and "Laquelle" in found[0]
    assert "Atlantide" in found[1]
    entry = read(sent(CriteriaForm.of([PLACE]), **{"0-communes": "Vineuil (36)"}))[0]
    assert entry["communes"] == ["36247"]
    assert parse_criteria([entry])[0].sentence() == "Habiter\u00a0: Vineuil (36)"


def test_a_criterion_that_names_a_commune_with_a_namesake_is_sent_back_as_it_was(country: None) -> None:
    stored = {**PLACE, "communes": ["41018", "41295"]}
    form = CriteriaForm.of([stored])
    assert form["0-communes"].value() == "Blois, Vineuil (41)"
    assert read(sent(form)) == [stored]
    assert parse_criteria([stored])[0].sentence() == "Habiter\u00a0: Blois ou Vineuil"


@pytest.mark.parametrize("names", [["Blois"], {"Blois": "41018"}, {"41018": ""}, {"41018": 3}, {"41018": "a" * 91}])
def test_names_that_are_not_those_of_codes_are_refused(names: Any) -> None:
    with pytest.raises(BadCriteria):
        parse_criteria([{**PLACE, "names": names}])
