"""Importing national files: what is refused, what is kept of the structures' own, and the same file twice."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
import weakref
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from structures.catalogue import load_catalogue
from structures.exchange import merging
from structures.exchange.checking import check
from structures.exchange.faults import FaultLog
from structures.exchange.format import SERVICES
from structures.exchange.importing import LOCK, Refused
from structures.exchange.merging import Merge, slug_of
from structures.exchange.progress import progress_line
from structures.exchange.reading import BadFile
from structures.models import Action, Offer, Structure
from structures.vocabulary import ActionShape, NeedTheme, Role, StructureKind
from tests.structures.national import a_service_entry, a_structure_entry, bring, write_document
from tests.structures.test_catalogue import BLOIS
from tests.territory import NOW, TODAY, a_member, a_session, a_structure, an_action

pytestmark = pytest.mark.django_db
OTHER = "mobilite--acceder-a-un-vehicule"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tout.json"


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(merging, "BATCH", 3)


def the_action() -> Action:
    return Action.objects.get(source="dora", source_id="dora--1")


def faults(log: FaultLog) -> list[str]:
    return [str(fault) for fault in log.first]


def snapshot() -> list[Any]:
    """Every row of the catalogue, whole."""
    return [list(model.objects.order_by("pk").values()) for model in (Structure, Action)]


# A row that is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nom": None}, "champ nom\u00a0: valeur manquante"),
        ({"nom": "  "}, "champ nom\u00a0: valeur manquante"),
        ({"nom": "ab"}, "champ nom\u00a0: texte trop court"),
        ({"nom": "a\0bcd"}, "champ nom\u00a0: caractère interdit"),
        ({"description": "a\0bcdef"}, "champ description\u00a0: caractère interdit"),
        ({"date_maj": "hier"}, "champ date_maj\u00a0: date mal formée (AAAA-MM-JJ attendu)"),
        ({"date_maj": "2026-09-01T10:00:00"}, "champ date_maj\u00a0: date mal formée (AAAA-MM-JJ attendu)"),
        ({"type": "cours"}, "champ type\u00a0: valeur inconnue"),
        ({"thematiques": ["astrologie"]}, "champ thematiques\u00a0: valeur inconnue"),
        ({"thematiques": None}, "champ thematiques\u00a0: aucune ne correspond à un besoin de Relais"),
        ({"thematiques": []}, "champ thematiques\u00a0: aucune ne correspond à un besoin de Relais"),
        ({"thematiques": ["sante--addictions"]}, "aucune ne correspond à un besoin de Relais"),
        ({"publics": ["femmes", "tous-publics"]}, "`tous-publics` ne peut pas être utilisé avec d’autres valeurs."),
        ({"zone_eligibilite": ["41", "partout"]}, "champ zone_eligibilite\u00a0: code mal formé"),
        ({"courriel": "pas une adresse"}, "champ courriel\u00a0: adresse e-mail mal formée"),
        ({"lien_source": "zut"}, "champ lien_source\u00a0: adresse web mal formée"),
        ({"latitude": "nord"}, "champ latitude\u00a0: un nombre est attendu"),
        ({"nombre_semaines": 1.5}, "champ nombre_semaines\u00a0: un nombre entier est attendu"),
        ({"volume_horaire_hebdomadaire": -1}, "champ volume_horaire_hebdomadaire\u00a0: nombre trop petit"),
        ({"structure_id": "dora--rien"}, "champ structure_id\u00a0: structure inconnue"),
        ({"structure_id": "x" * 201}, "champ structure_id\u00a0: texte trop long (200 caractères au plus)"),
        ({"source": "x" * 61}, "champ source\u00a0: texte trop long (60 caractères au plus)"),
        ({"source": "relais"}, "cette source est celle de Relais"),
    ],
)
def test_a_bad_row_is_skipped_and_said_and_the_others_come_in(path, change, message) -> None:
    bad = a_service_entry(id="dora--mauvais", **change)
    log = FaultLog()
    report = bring(write_document(path, [bad, a_service_entry()]), log)
    assert (report.services.read, report.services.added, log.skipped["services"]) == (2, 1, 1)
    assert list(Action.objects.values_list("source_id", flat=True)) == ["dora--1"]
    [fault] = faults(log)
    assert fault.startswith("services, ligne 1 (dora--mauvais), ")
    assert message in fault


def test_a_row_without_a_readable_identifier_is_said_without_it(path) -> None:
    log = FaultLog()
    bring(write_document(path, [a_service_entry(id=7), a_service_entry(id="a\0b"), 3, a_service_entry()]), log)
    assert faults(log) == [
        "services, ligne 1, champ id\u00a0: un texte est attendu",
        "services, ligne 2, champ id\u00a0: caractère interdit",
        "services, ligne 3\u00a0: un objet est attendu",
    ]
    assert log.nameless["services"] == 3


def test_what_comes_in_is_suggested_at_once_and_what_is_withdrawn_no_longer(path) -> None:
    bring(write_document(path, [a_service_entry(), a_service_entry(id="dora--2")]))
    assert set(Offer.objects.values_list("action__source_id", flat=True)) == {"dora--1", "dora--2"}
    bring(write_document(path, [a_service_entry(id="dora--2")]), complete=["dora"])
    assert set(Offer.objects.values_list("action__source_id", flat=True)) == {"dora--2"}


def test_a_value_that_our_column_cannot_hold_is_left_empty_and_the_row_comes_in(path) -> None:
    entry = a_service_entry(
        telephone="3949",
        adresse="rue " * 60,
        latitude=148.5,
        longitude=-200,
        volume_horaire_hebdomadaire=1.333,
        nombre_semaines=99_999,
        contact_nom_prenom="a\0b",
        courriel="accueil@example.org",
        lien_source=f"https://example.org/{'a' * 500}",
    )
    log = FaultLog()
    bring(write_document(path, [entry]), log)
    action = the_action()
    empty = ("phone", "address", "contact_name", "source_link")
    assert [getattr(action, name) for name in empty] == [""] * len(empty)
    assert (action.latitude, action.longitude, action.weekly_hours, action.weeks) == (None, None, None, None)
    assert action.email == "accueil@example.org"
    assert (log.skipped.total(), log.emptied["services"]) == (0, 8)
    assert "champ telephone\u00a0: numéro de téléphone inconnu" in "\n".join(faults(log))


def test_what_json_lines_can_say_and_a_database_cannot_hold_is_refused_or_left_empty(tmp_path) -> None:
    path = tmp_path / "services.jsonl"
    bring(write_document(tmp_path / "structures.json", []))
    lines = [a_service_entry(latitude=float("nan")), a_service_entry(id="dora--2", nom="a\ud800bcd")]
    path.write_text("\n".join(map(json.dumps, lines)))
    log = FaultLog()
    bring(path, log)
    assert the_action().latitude is None
    assert faults(log) == [
        "services, ligne 1 (dora--1), champ latitude\u00a0: nombre hors limites",
        "services, ligne 2 (dora--2), champ nom\u00a0: texte mal encodé",
    ]


def test_the_same_identity_twice_keeps_the_first(path, small_batches) -> None:
    names = ["Premier", "Deuxième", "Troisième", "Quatrième"]
    log = FaultLog()
    report = bring(write_document(path, [a_service_entry(nom=name) for name in names]), log)
    assert (the_action().name, report.services.added, log.skipped["services"]) == ("Premier", 1, 3)
    assert faults(log)[-1] == "services, ligne 4 (dora--1), champ id\u00a0: déjà dans le fichier, plus haut"


def test_a_faulty_structure_takes_its_services_with_it_unless_it_is_known(path) -> None:
    structures = [a_structure_entry(nom="x"), a_structure_entry(id="dora--s2")]
    services = [a_service_entry(), a_service_entry(id="dora--2", structure_id="dora--s2")]
    log = FaultLog()
    bring(write_document(path, services, structures), log)
    assert [action.source_id for action in Action.objects.order_by("pk")] == ["dora--2"]
    bring(write_document(path, services))
    assert bring(write_document(path, services, structures)).services.unchanged == 2


def test_a_structure_of_another_source_is_not_the_service_s(path) -> None:
    a_structure(source="soliguide", source_id="dora--s1")
    log = FaultLog()
    bring(write_document(path, [a_service_entry()], []), log)
    assert "structure inconnue" in faults(log)[0]


# Nothing half-written


def test_a_file_that_breaks_after_its_first_rows_leaves_nothing(tmp_path) -> None:
    path = tmp_path / "tout.json"
    write_document(path, [a_service_entry(id=f"dora--{n}") for n in range(50)])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(BadFile, match="le fichier est incomplet"):
        bring(path)
    assert snapshot() == [[], []]


def test_a_fault_refuses_everything_when_asked(path) -> None:
    with pytest.raises(Refused):
        bring(write_document(path, [a_service_entry(), a_service_entry(id="dora--2", nom="x")]), strict=True)
    with pytest.raises(Refused):
        bring(write_document(path, [a_service_entry(telephone="3949")]), strict=True)
    assert snapshot() == [[], []]


def test_a_dry_run_reports_and_keeps_nothing(path) -> None:
    report = bring(write_document(path, [a_service_entry()]), dry_run=True)
    assert (report.structures.added, report.services.added, report.action_ids) == (1, 1, [])
    assert snapshot() == [[], []]


def test_a_file_without_a_row_is_refused(path) -> None:
    with pytest.raises(BadFile, match="aucune ligne à importer"):
        bring(write_document(path, [], []))


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_are_one_too_many(path) -> None:
    write_document(path, [a_service_entry()])
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        with pytest.raises(BadFile, match="un autre import est en cours"):
            bring(path)
    assert bring(path).services.added == 1


# Added, changed, unchanged


def test_a_row_comes_in_with_its_fields_and_ours(path) -> None:
    entry = a_service_entry(
        publics=["jeunes"], zone_eligibilite=["41"], frais="payant", frais_precisions="10 €",
        telephone="02 61 91 00 01", latitude=47.58, modes_accueil=["en-presentiel"], volume_horaire_hebdomadaire=1.5,
        lien_source="https://example.org", score_qualite=0.8,
    )  # fmt: skip
    log = FaultLog()
    report = bring(write_document(path, [entry], [a_structure_entry(reseaux_porteurs=["mission-locale"])]), log)
    action = the_action()
    assert action.structure.kind == StructureKind.MISSION_LOCALE
    assert not action.structure.is_prescriber
    assert (action.name, action.frais, action.modes_accueil) == ("Atelier permis", "payant", ["en-presentiel"])
    assert (str(action.phone), action.source_link) == ("+33261910001", "https://example.org")
    assert (action.source_updated_on, action.created_at, action.is_published) == (dt.date(2026, 9, 1), NOW, True)
    assert (action.themes, action.shape) == ([NeedTheme.MOBILITY], ActionShape.COURSE)
    assert [criterion.kind for criterion in action.conditions()] == ["public", "manual", "zone"]
    assert (action.places, action.confirmed_on, action.level_in) == (None, None, "")
    assert report.action_ids == [action.pk]
    assert log.unknown == {"score_qualite"}
    assert log.count == 0


def test_an_overseas_number_written_the_national_way_is_read(path) -> None:
    bring(write_document(path, [a_service_entry(telephone="0262 20 12 34")]))
    assert str(the_action().phone) == "+262262201234"


def test_the_same_file_again_writes_no_row(path, small_batches) -> None:
    write_document(path, [a_service_entry(id=f"dora--{n}", conditions_acces=f"Condition {n}") for n in range(8)])
    bring(path)
    before = snapshot()
    report = bring(path)
    assert (report.structures.unchanged, report.services.unchanged) == (1, 8)
    assert (report.services.changed, report.services.added, report.action_ids) == (0, 0, [])
    assert snapshot() == before


def test_what_changed_is_written_and_counted_by_field(path, small_batches) -> None:
    bring(write_document(path, [a_service_entry(id=f"dora--{n}") for n in range(5)]))
    later = [a_service_entry(id=f"dora--{n}", description="Autre texte.", weeks=None) for n in range(2)]
    later += [a_service_entry(id="dora--2", thematiques=[OTHER], publics=["femmes"])]
    report = bring(write_document(path, later, [a_structure_entry(telephone="+33261910002")]))
    assert report.structures.fields == {"telephone": 1}
    assert (report.services.changed, report.services.unchanged) == (3, 0)
    assert report.services.fields == {"description": 2, "thematiques": 1, "publics": 1, "criteria": 1}
    changed = Action.objects.filter(source_id__in=["dora--0", "dora--1", "dora--2"])
    assert sorted(report.action_ids) == sorted(changed.values_list("pk", flat=True))
    assert {action.updated_at for action in changed} == {NOW}


def test_a_service_follows_its_new_structure(path) -> None:
    structures = [a_structure_entry(), a_structure_entry(id="dora--s2", nom="Autre")]
    bring(write_document(path, [a_service_entry()], structures))
    report = bring(write_document(path, [a_service_entry(structure_id="dora--s2")], structures))
    assert (the_action().structure.name, report.services.fields) == ("Autre", {"structure_id": 1})


def test_a_field_that_the_file_no_longer_gives_is_emptied(path) -> None:
    bring(write_document(path, [a_service_entry(frais="gratuit", latitude=47.5, publics=["femmes"])]))
    bring(write_document(path, [a_service_entry()]))
    action = the_action()
    assert (action.frais, action.latitude, action.publics, action.criteria) == ("", None, [], [])


def test_several_sources_come_in_one_file(path) -> None:
    structures = [a_structure_entry(source=source) for source in ("dora", "soliguide")]
    services = [a_service_entry(source=source) for source in ("dora", "soliguide")]
    report = bring(write_document(path, services, structures))
    assert report.services.added == 2
    assert {action.structure.source for action in Action.objects.order_by("pk")} == {"dora", "soliguide"}


# What is the structure's own


def test_what_is_ours_survives(path) -> None:
    bring(write_document(path, [a_service_entry()]))
    own: dict[str, Any] = {
        "level_in": "A1", "level_out": "A2", "places": 12, "confirmed_on": TODAY, "paused_until": TODAY,
        "learner_publics": ["fle"], "timetable": ["mon_am"], "programme": "PLIE", "rhythm": "Le lundi",
    }  # fmt: skip
    Action.objects.update(**own)
    a_session(the_action(), TODAY)
    bring(write_document(path, [a_service_entry(nom="Autre nom", publics=["femmes"])]))
    action = the_action()
    assert {name: getattr(action, name) for name in own} == own
    assert action.sessions.count() == 1
    assert action.name == "Autre nom"


def test_what_a_manager_changed_of_the_files_own_fields_stays_and_is_counted(path) -> None:
    bring(write_document(path, [a_service_entry(telephone="0254000000", volume_horaire_hebdomadaire=12.35)]))
    manager = a_member(the_action().structure, Role.MANAGER)
    the_action().rewrite(manager, NOW, name="À nous", phone="0254111111", weekly_hours=Decimal("7.50"))
    newer = {"nom": "Autre nom", "description": "Autre texte.", "telephone": "0254222222", "date_maj": "2026-10-01"}
    for _ in range(2):
        report = bring(write_document(path, [a_service_entry(**newer, volume_horaire_hebdomadaire=20)]))
        action = the_action()
        assert (action.name, action.phone.as_e164, action.weekly_hours) == ("À nous", "+33254111111", Decimal("7.50"))
        assert action.description == "Autre texte."
        assert report.services.kept == {"nom": 1, "telephone": 1, "volume_horaire_hebdomadaire": 1}
    assert (report.services.changed, report.services.unchanged) == (0, 1)


def test_a_place_that_a_manager_moved_takes_no_coordinates_from_the_file(path) -> None:
    bring(write_document(path, [a_service_entry(adresse="1 rue Vieille", latitude=47.6, longitude=1.3)]))
    manager = a_member(the_action().structure, Role.MANAGER)
    the_action().rewrite(manager, NOW, address="2 rue Neuve", latitude=None, longitude=None)
    bring(write_document(path, [a_service_entry(adresse="1 rue Vieille", latitude=47.61, longitude=1.31)]))
    assert (the_action().address, the_action().latitude, the_action().longitude) == ("2 rue Neuve", None, None)


def test_what_a_manager_brought_back_or_only_confirmed_follows_the_file_again(path) -> None:
    bring(write_document(path, [a_service_entry()]))
    manager = a_member(the_action().structure, Role.MANAGER)
    change = the_action().rewrite(manager, NOW, name="À nous")
    assert change is not None
    the_action().undo(change, manager, NOW)
    the_action().confirm(manager, NOW, TODAY)
    report = bring(write_document(path, [a_service_entry(nom="Autre nom")]))
    assert (the_action().name, report.services.kept) == ("Autre nom", {})


def test_what_is_derived_still_follows_a_file_whose_publics_a_manager_changed(path) -> None:
    bring(write_document(path, [a_service_entry(publics=["femmes"])]))
    the_action().rewrite(a_member(the_action().structure, Role.MANAGER), NOW, publics=["seniors"])
    report = bring(write_document(path, [a_service_entry(publics=["femmes", "jeunes"])]))
    assert (the_action().publics, report.services.kept) == (["seniors"], {"publics": 1})
    assert the_action().criteria[0]["any_of"] == ["femmes", "jeunes"]


def test_each_manager_keeps_their_own_words_whatever_the_batch(path, small_batches) -> None:
    entries = [a_service_entry(id=f"dora--{number}") for number in range(1, 8)]
    bring(write_document(path, entries))
    manager = a_member(Structure.objects.get(), Role.MANAGER)
    for action in Action.objects.filter(source_id__in=["dora--2", "dora--6"]).order_by("pk"):
        action.rewrite(manager, NOW, name=f"À nous {action.source_id}")
    report = bring(write_document(path, [entry | {"nom": "Autre nom"} for entry in entries]))
    names = Action.objects.order_by("source_id").values_list("name", flat=True)
    assert list(names) == [
        "Autre nom", "À nous dora--2", "Autre nom", "Autre nom", "Autre nom", "À nous dora--6", "Autre nom",
    ]  # fmt: skip
    assert (report.services.changed, report.services.kept) == (5, {"nom": 2})


CHOSEN: dict[str, Any] = {
    "themes": [NeedTheme.PROJECT],
    "shape": ActionShape.POSITIONING,
    "criteria": [{"kind": "age", "need": "required", "min": 18}],
}
LATER: dict[str, Any] = {"thematiques": ["famille--garde-denfants"], "type": "information", "publics": ["femmes"]}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_derived_value_that_the_structure_changed_is_kept_and_counted(path, name) -> None:
    bring(write_document(path, [a_service_entry()]))
    Action.objects.update(**{name: CHOSEN[name]})
    for _ in range(2):
        report = bring(write_document(path, [a_service_entry(**LATER)]))
        assert getattr(the_action(), name) == CHOSEN[name]
        assert report.services.kept == {name: 1}
    others = {"themes", "shape", "criteria"} - {name}
    assert all(getattr(the_action(), other) != getattr(Action(), other) for other in others)


def test_a_derived_value_that_nobody_changed_follows_the_file(path) -> None:
    bring(write_document(path, [a_service_entry()]))
    report = bring(write_document(path, [a_service_entry(**LATER)]))
    action = the_action()
    assert (action.themes, action.shape) == ([NeedTheme.CHILDCARE], ActionShape.DROP_IN)
    assert [criterion["any_of"] for criterion in action.criteria] == [["femmes"]]
    assert report.services.kept == {}


def test_criteria_that_a_form_saved_in_another_order_still_follow_the_file(path) -> None:
    bring(write_document(path, [a_service_entry(publics=["femmes", "jeunes"])]))
    Action.objects.update(criteria=[{"any_of": ["jeunes", "femmes"], "need": "required", "kind": "public"}])
    same = bring(write_document(path, [a_service_entry(publics=["femmes", "jeunes"])]))
    assert (same.services.unchanged, same.services.kept) == (1, {})
    bring(write_document(path, [a_service_entry(publics=["seniors"])]))
    assert the_action().criteria[0]["any_of"] == ["seniors"]


def test_criteria_that_a_structure_emptied_stay_empty(path) -> None:
    bring(write_document(path, [a_service_entry(publics=["femmes"])]))
    Action.objects.update(criteria=[])
    bring(write_document(path, [a_service_entry(publics=["femmes", "jeunes"])]))
    assert the_action().criteria == []


def test_what_a_structure_saves_during_an_import_is_kept(path, monkeypatch) -> None:
    bring(write_document(path, [a_service_entry()]))
    count = Merge._count

    def saved_meanwhile(self: Merge, bounds: dict[str, int]) -> int:
        Action.objects.update(themes=[NeedTheme.PROJECT], places=3)
        return count(self, bounds)

    monkeypatch.setattr(Merge, "_count", saved_meanwhile)
    bring(write_document(path, [a_service_entry(nom="Autre nom")]))
    action = the_action()
    assert (action.name, action.themes, action.places) == ("Autre nom", [NeedTheme.PROJECT], 3)


def test_the_kind_of_a_structure_that_somebody_chose_is_kept(path) -> None:
    bring(write_document(path, [], [a_structure_entry(reseaux_porteurs=["ccas-cias"])]))
    assert Structure.objects.get().kind == StructureKind.CCAS
    Structure.objects.update(kind=StructureKind.TOWN_HALL)
    report = bring(write_document(path, [], [a_structure_entry(reseaux_porteurs=["mission-locale"])]))
    assert (Structure.objects.get().kind, report.structures.kept) == (StructureKind.TOWN_HALL, {"kind": 1})


def test_rows_of_relais_and_of_other_sources_are_never_touched(path) -> None:
    ours = a_structure(source_id="dora--s1")
    an_action(ours, source_id="dora--1", slug="a-nous")
    an_action(a_structure(source="autre", source_id="dora--s1"), source="autre", source_id="dora--1")
    before = [Structure.objects.filter(source__in=["relais", "autre"]), Action.objects.exclude(source="dora")]
    kept = [list(rows.order_by("pk").values()) for rows in before]
    forged = [a_service_entry(source="relais", nom="Faux"), a_service_entry()]
    bring(write_document(path, forged), complete=["dora"])
    assert [list(rows.order_by("pk").values()) for rows in before] == kept
    with pytest.raises(BadFile, match="jamais complète"):
        bring(path, complete=["relais"])


# Addresses


def test_an_address_is_readable_and_never_changes(path) -> None:
    bring(write_document(path, [a_service_entry(nom="L’été à l’école & ailleurs")]))
    slug = the_action().slug
    assert re.fullmatch(r"lete-a-lecole-ailleurs-[a-z2-7]{8}", slug)
    bring(write_document(path, [a_service_entry(nom="Autre nom")]))
    assert (the_action().name, the_action().slug) == ("Autre nom", slug)


@pytest.mark.parametrize("name", ["é" * 150, "日本語の名前"])
def test_a_long_or_foreign_name_makes_an_address_too(path, name) -> None:
    bring(write_document(path, [a_service_entry(nom=name)]))
    the_action().full_clean(exclude=["phone"])


def test_an_address_that_is_taken_is_lengthened(path, monkeypatch) -> None:
    an_action(a_structure(), slug=slug_of("Atelier permis", "dora", "dora--1"))
    bring(write_document(path, [a_service_entry()]))
    assert the_action().slug.startswith(slug_of("Atelier permis", "dora", "dora--1") + "-")
    # Two rows of one file whose addresses are the same by chance.
    monkeypatch.setattr(merging, "slug_of", lambda *_: "hasard")
    report = bring(write_document(path, [a_service_entry(id=f"dora--n{number}") for number in range(3)]))
    assert report.services.added == 3


# Leaving


def test_what_left_a_complete_source_is_withdrawn_and_nothing_else(path) -> None:
    services = [a_service_entry(id=f"dora--{n}") for n in range(3)]
    other = {"source": "soliguide"}
    bring(
        write_document(path, [*services, a_service_entry(**other)], [a_structure_entry(), a_structure_entry(**other)])
    )
    write_document(path, services[:1], [a_structure_entry(id="dora--s2")])
    assert bring(path).services.withdrawn == 0
    report = bring(path, complete=["dora"])
    gone = Action.objects.filter(is_published=False).order_by("source_id")
    assert [action.source_id for action in gone] == ["dora--1", "dora--2"]
    assert report.action_ids == [action.pk for action in gone]
    assert (report.services.withdrawn, report.structures.absent) == (2, 1)
    assert Structure.objects.filter(is_active=True).count() == 3
    assert bring(path, complete=["dora"]).services.withdrawn == 0


def test_a_row_with_a_fault_has_not_left(path) -> None:
    bring(write_document(path, [a_service_entry(), a_service_entry(id="dora--2")]))
    bring(write_document(path, [a_service_entry(nom="x"), a_service_entry(id="dora--2")]), complete=["dora"])
    assert the_action().is_published


def test_nothing_is_withdrawn_when_a_row_could_be_any(path) -> None:
    bring(write_document(path, [a_service_entry(), a_service_entry(id="dora--2")]))
    report = bring(write_document(path, [a_service_entry(id="dora--2"), a_service_entry(id=None)]), complete=["dora"])
    assert (report.withheld, report.services.withdrawn) == (["dora"], 0)
    assert the_action().is_published


@pytest.mark.parametrize("source", ["soliguide", "Dora"])
def test_a_source_that_the_file_does_not_hold_cannot_be_complete(path, source) -> None:
    write_document(path, [a_service_entry()])
    bring(path)
    with pytest.raises(BadFile, match=f"aucun service de la source {source}"):
        bring(path, complete=[source])
    assert the_action().is_published


def test_a_file_of_structures_does_not_say_which_actions_are_left(tmp_path) -> None:
    path = tmp_path / "structures.json"
    path.write_text(json.dumps([a_structure_entry()]))
    with pytest.raises(BadFile, match="seul un fichier de services"):
        bring(path, complete=["dora"])


def test_an_action_that_is_out_of_the_catalogue_comes_back_only_when_asked(path) -> None:
    write_document(path, [a_service_entry(), a_service_entry(id="dora--2")])
    bring(path)
    Action.objects.filter(source_id="dora--1").update(is_published=False)
    report = bring(path)
    assert (report.services.unpublished, the_action().is_published) == (1, False)
    report = bring(path, republish=True)
    assert (the_action().is_published, report.services.fields) == (True, {"is_published": 1})
    assert report.action_ids == [the_action().pk]
    assert bring(path, republish=True).services.unchanged == 2


# How it is done


def test_no_more_than_a_row_is_held_while_the_file_is_read() -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0

    def rows() -> Any:
        nonlocal most
        for number in range(1, 400):
            row = check(SERVICES, number, a_service_entry(id=f"dora--{number}"))
            alive.append(weakref.ref(row))
            yield row
            del row
            most = max(most, sum(reference() is not None for reference in alive))

    with connection.cursor():
        Merge(SERVICES, FaultLog(), NOW).stage(rows())
    assert most <= 2


def test_no_statement_returns_more_than_a_batch(path, small_batches, monkeypatch) -> None:
    sizes: list[int] = []
    run = Merge.run

    def counted(self: Merge, *arguments: Any, **options: Any) -> Any:
        rows = run(self, *arguments, **options)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(Merge, "run", counted)
    write_document(path, [a_service_entry(id=f"dora--{n % 9}", structure_id=f"dora--s{n % 2}") for n in range(20)])
    bring(path)
    Action.objects.update(themes=["project"])
    bring(path)
    assert max(sizes) == 3


def test_the_faults_that_are_kept_do_not_grow_with_the_file(path) -> None:
    log = FaultLog()
    bring(write_document(path, [a_service_entry(id=f"dora--{n}", nom="x") for n in range(300)]), log)
    assert (log.skipped["services"], len(log.first), len(log.tally)) == (300, 20, 1)


def test_the_catalogue_of_blois_keeps_all_that_its_own_file_said(tmp_path) -> None:
    load_catalogue(BLOIS)
    before = snapshot()
    report = bring(BLOIS, complete=["contrat-de-ville-blois"])
    assert (report.services.unchanged, report.structures.unchanged) == (38, 30)
    assert snapshot() == before


# The command


def run(*arguments: Any) -> tuple[list[str], list[str]]:
    out, err = StringIO(), StringIO()
    call_command("import_catalogue", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue().splitlines()


def test_the_command_says_what_it_did_in_french(path) -> None:
    services = [
        a_service_entry(),
        a_service_entry(id="dora--2", telephone="3949"),
        a_service_entry(id="dora--3", nom="x"),
    ]
    write_document(path, services)
    out, err = run(path, "--dry-run")
    assert out == [
        "Structures\u00a0: 1 lue, 1 ajoutée, 0 modifiée, 0 inchangée, 0 écartée",
        "Services\u00a0: 3 lus, 2 ajoutés, 0 modifié, 0 inchangé, 1 écarté",
        "  valeurs laissées vides\u00a0: telephone 1",
        "Rien n’est enregistré (--dry-run).",
    ]
    assert err == [
        "  1 × services, telephone\u00a0: numéro de téléphone inconnu (champ laissé vide)",
        "  1 × services, nom\u00a0: texte trop court (ligne écartée)",
        "Premières fautes\u00a0:",
        "  - services, ligne 2 (dora--2), champ telephone\u00a0: numéro de téléphone inconnu",
        "  - services, ligne 3 (dora--3), champ nom\u00a0: texte trop court",
    ]
    run(path)
    Action.objects.filter(source_id="dora--1").update(themes=[NeedTheme.PROJECT])
    write_document(path, [a_service_entry(nom="Autre nom", score_qualite=1)])
    assert run(path, "--complete", "dora")[0] == [
        "Structures\u00a0: 1 lue, 0 ajoutée, 0 modifiée, 1 inchangée, 0 écartée",
        "Services\u00a0: 1 lu, 0 ajouté, 1 modifié, 0 inchangé, 0 écarté",
        "  champs modifiés\u00a0: nom 1",
        "  modifiés par la structure, gardés\u00a0: besoins couverts 1",
        "  retirées du catalogue\u00a0: 1",
        "Champs ignorés\u00a0: score_qualite",
    ]


def test_the_command_writes_every_fault_in_a_table_that_a_spreadsheet_does_not_compute(path, tmp_path) -> None:
    write_document(path, [a_service_entry(id="=1+1", nom="x", type="cours"), a_service_entry()])
    run(path, "--faults", tmp_path / "fautes.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "fautes.csv").read_text(encoding="utf-8-sig"))))
    assert rows == [
        ["fichier", "ligne", "id", "champ", "message", "effet"],
        ["services", "1", "'=1+1", "nom", "texte trop court", "ligne écartée"],
        ["services", "1", "'=1+1", "type", "valeur inconnue", "ligne écartée"],
    ]


def test_the_command_refuses_in_french_without_a_trace(path, tmp_path) -> None:
    with pytest.raises(CommandError, match=r"fichier introuvable\u00a0: .*\. Rien n’est enregistré\."):
        run(path)
    write_document(path, [a_service_entry(nom="x")])
    with pytest.raises(CommandError, match=r"Le fichier a des fautes\u00a0: rien n’est enregistré \(--strict\)\."):
        run(path, "--strict", "--faults", tmp_path / "fautes.csv")
    assert "texte trop court" in (tmp_path / "fautes.csv").read_text(encoding="utf-8")
    with pytest.raises(CommandError, match="Impossible d’écrire les fautes dans"):
        run(path, "--faults", tmp_path / "absent" / "fautes.csv")


class Terminal(StringIO):
    """What a terminal would show."""

    def isatty(self) -> bool:
        return True


def test_the_bar_moves_on_a_terminal_and_leaves_the_line_clean(monkeypatch) -> None:
    monkeypatch.setattr("structures.exchange.progress.EVERY", 0)
    out = Terminal()
    with progress_line(out, "services, lecture", 200) as moved:
        moved(100)
    assert "services, lecture [############............]  50%" in out.getvalue()
    assert out.getvalue().endswith("\r\033[K")


def test_nothing_is_drawn_elsewhere() -> None:
    out = StringIO()
    with progress_line(out, "services", 200) as moved:
        moved(100)
    assert out.getvalue() == ""
