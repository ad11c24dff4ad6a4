"""Exporting the catalogue: valid by the schema, what is published and no more, and an import of it changes nothing."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from data_inclusion.schema import v1
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from structures.catalogue import load_catalogue
from structures.exchange.faults import FaultLog
from structures.exchange.format import SERVICES, STRUCTURES
from structures.exchange.reading import BadFile, locate, read
from structures.exchange.writing import export_catalogue
from structures.models import Action, Structure
from tests.structures.national import a_service_entry, a_structure_entry, bring, write_document
from tests.structures.test_catalogue import BLOIS
from tests.territory import TODAY, a_structure, an_action

pytestmark = pytest.mark.django_db


def entries(path: Path) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"structures": [], "services": []}
    for part in locate(path):
        found[part.kind.name] += [entry for _, entry in read(part)]
    return found


def catalogue() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Structure, Action)]


# What is refused


@pytest.mark.parametrize("name", ["tout.csv", "tout.jsonl", "tout.csv.gz"])
def test_two_lists_do_not_fit_in_one_table(tmp_path, name) -> None:
    with pytest.raises(BadFile, match="deux fichiers dans ce format\u00a0: donnez un dossier"):
        export_catalogue(tmp_path / name)
    with pytest.raises(BadFile, match="deux fichiers"):
        export_catalogue(tmp_path / "tout.json", "csv")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path) -> None:
    (tmp_path / "fichier").touch()
    with pytest.raises(BadFile, match="n’est pas un dossier"):
        export_catalogue(tmp_path / "fichier")
    with pytest.raises(BadFile, match="impossible d’écrire"):
        export_catalogue(tmp_path / "absent" / "tout.json")


def test_an_export_that_fails_leaves_the_former_file(tmp_path, monkeypatch) -> None:
    a_structure()
    path = tmp_path / "tout.json"
    export_catalogue(path)
    before = path.read_bytes()
    an_action(Structure.objects.get())
    monkeypatch.setattr("structures.exchange.writing._line", lambda entry: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_catalogue(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_row_that_the_format_refuses_is_left_out_and_said_with_its_services(tmp_path) -> None:
    short = a_structure("AB", source_id="s1")
    an_action(short, source_id="a1")
    an_action(a_structure(), source_id="a2", description="Non")
    an_action(a_structure(), source_id="a3", source_updated_on=dt.date(1999, 1, 1))
    report = export_catalogue(tmp_path)
    assert (report.left_out, report.written) == ({"structures": 1, "services": 3}, {"structures": 2})
    assert [str(fault) for fault in report.first] == [
        "structures, relais, s1, champ nom\u00a0: texte trop court",
        "services, relais, a1, champ structure_id\u00a0: sa structure est laissée de côté",
        "services, relais, a2, champ description\u00a0: texte trop court",
        "services, relais, a3, champ date_maj\u00a0: La date de dernière modification doit être au 21e siècle.",
    ]
    assert entries(tmp_path)["services"] == []


# What is written


def test_only_what_is_published_leaves(tmp_path) -> None:
    structure = a_structure("Le Tournesol", source_id="s1")
    an_action(structure, source_id="oui")
    an_action(structure, source_id="en-pause", paused_until=TODAY)
    an_action(structure, source_id="non", is_published=False)
    an_action(a_structure(source_id="s2", is_active=False), source_id="fermee")
    export_catalogue(tmp_path / "tout.json")
    found = entries(tmp_path / "tout.json")
    assert [entry["id"] for entry in found["structures"]] == ["s1"]
    assert [entry["id"] for entry in found["services"]] == ["en-pause", "oui"]


def test_a_source_leaves_with_the_structures_of_its_actions(tmp_path) -> None:
    dora, ours = a_structure(source="dora", source_id="d1"), a_structure(source_id="r1")
    an_action(dora, source="dora", source_id="d")
    an_action(dora, source="relais", source_id="r")
    an_action(ours, source="relais", source_id="r2")
    export_catalogue(tmp_path / "dora.json", sources=["dora"])
    assert [entry["id"] for entry in entries(tmp_path / "dora.json")["services"]] == ["d"]
    export_catalogue(tmp_path / "relais.json", sources=["relais"])
    found = entries(tmp_path / "relais.json")
    assert [entry["id"] for entry in found["structures"]] == ["d1", "r1"]
    assert [entry["structure_id"] for entry in found["services"]] == ["d1", "r1"]


def test_an_action_born_here_says_when_it_was_last_changed(tmp_path) -> None:
    an_action(a_structure())
    Action.objects.update(updated_at=dt.datetime(2026, 11, 17, 23, 30, tzinfo=dt.UTC))
    export_catalogue(tmp_path / "tout.json")
    assert entries(tmp_path / "tout.json")["services"][0]["date_maj"] == "2026-11-18"


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_what_leaves_is_valid_by_the_schema_in_every_format(tmp_path, form) -> None:
    load_catalogue(BLOIS)
    report = export_catalogue(tmp_path, form)
    assert report.written == {"structures": 30, "services": 38}
    assert [path.name for path in report.paths] == [f"structures.{form}", f"services.{form}"]
    found = entries(tmp_path)
    for name, schema in (("structures", v1.Structure), ("services", v1.Service)):
        for entry in found[name]:
            filled = {field: value for field, value in entry.items() if value not in ("", [])}
            schema.model_validate(filled, context={"ignore_warnings": False})
            assert set(entry) <= set(schema.model_fields)


def test_an_empty_catalogue_is_two_empty_lists(tmp_path) -> None:
    export_catalogue(tmp_path / "tout.json")
    export_catalogue(tmp_path, "csv")
    assert json.loads((tmp_path / "tout.json").read_text()) == {"structures": [], "services": []}
    assert (tmp_path / "structures.csv").read_text().startswith("source,id,nom,")


def test_a_cell_is_exact_even_when_it_looks_like_a_formula(tmp_path) -> None:
    an_action(a_structure(), '=SOMME("a"; b)', phone="+33261910001")
    export_catalogue(tmp_path, "csv")
    [row] = csv.DictReader((tmp_path / "services.csv").open(encoding="utf-8", newline=""))
    assert (row["nom"], row["telephone"]) == ('=SOMME("a"; b)', "+33261910001")


def test_the_same_catalogue_gives_the_same_gzipped_file(tmp_path) -> None:
    load_catalogue(BLOIS)
    for name in ("a.json.gz", "b.json.gz"):
        export_catalogue(tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.json.gz", "b.json.gz"))
    assert first == second
    assert len(json.loads(gzip.decompress(first))["services"]) == 38


def test_as_many_queries_for_many_rows_as_for_one(tmp_path) -> None:
    counts = []
    for number in range(2):
        for _ in range(1 + 20 * number):
            an_action(a_structure())
        with CaptureQueriesContext(connection) as queries:
            export_catalogue(tmp_path / "tout.json")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_structures_and_services_are_those_of_one_moment(tmp_path, monkeypatch) -> None:
    an_action(a_structure(source_id="s1"), source_id="a1")
    seen = []
    write_list = export_catalogue.__globals__["_write_list"]

    def then_another_comes(out: Any, kind: Any, rows: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            seen.append((kind, cursor.fetchone()[0]))
        write_list(out, kind, rows)

    monkeypatch.setattr("structures.exchange.writing._write_list", then_another_comes)
    export_catalogue(tmp_path / "tout.json")
    assert seen == [(STRUCTURES, "repeatable read"), (SERVICES, "repeatable read")]


# There and back


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_an_import_of_an_export_changes_nothing(tmp_path, form) -> None:
    load_catalogue(BLOIS)
    bring(write_document(tmp_path / "dora.json", [a_service_entry(publics=["femmes"], nom="Réparer ; « vélo »")]))
    before = catalogue()
    export_catalogue(tmp_path / "sortie", form)
    log = FaultLog()
    report = bring(tmp_path / "sortie", log, complete=["dora", "contrat-de-ville-blois"])
    assert (report.services.unchanged, report.structures.unchanged, log.count) == (39, 31, 0)
    assert catalogue() == before


def test_an_export_of_an_import_says_what_the_file_said(tmp_path) -> None:
    structure = a_structure_entry(
        reseaux_porteurs=["aci", "ei"], site_web="https://example.org", siret="13003013300016"
    )
    service = a_service_entry(
        publics=["femmes", "jeunes"], zone_eligibilite=["41", "france"], latitude=47.586123, longitude=1.3,
        volume_horaire_hebdomadaire=1.25, nombre_semaines=3, telephone="+33261910001", frais="payant",
        lien_mobilisation="https://example.org?a=b", courriel="Accueil@Example.org",
        horaires_accueil="Mo-Fr 09:00-12:00",
    )  # fmt: skip
    bring(write_document(tmp_path / "entree.json", [service], [structure]))
    export_catalogue(tmp_path / "sortie.json")
    assert entries(tmp_path / "sortie.json") == {"structures": [structure], "services": [service]}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=5, max_size=80)
CODES = {
    "thematiques": [thematique.value for thematique in v1.Thematique if thematique.startswith("mobilite")],
    "publics": [public.value for public in v1.Public if public != v1.Public.TOUS_PUBLICS],
    "modes_accueil": [mode.value for mode in v1.ModeAccueil],
    "zone_eligibilite": ["41", "2A", "41018", "200030385", "france"],
}
SERVICE = st.fixed_dictionaries(
    {
        "nom": TEXT.filter(lambda text: text.strip()),
        "description": TEXT.filter(lambda text: text.strip()),
        "thematiques": st.lists(st.sampled_from(CODES["thematiques"]), min_size=1, unique=True).map(sorted),
    },
    optional={
        "conditions_acces": TEXT,
        "publics_precisions": TEXT,
        "adresse": TEXT,
        "type": st.sampled_from([service_type.value for service_type in v1.TypeService]),
        "frais": st.sampled_from(["gratuit", "payant"]),
        "latitude": st.floats(-90, 90),
        "longitude": st.floats(-180, 180),
        "nombre_semaines": st.integers(1, 32_767),
        "volume_horaire_hebdomadaire": st.decimals(0, 999, places=2).map(float),
        "date_maj": st.dates(dt.date(2000, 1, 1), dt.date(2026, 9, 1)).map(dt.date.isoformat),
        **{
            name: st.lists(st.sampled_from(CODES[name]), min_size=1, unique=True)
            for name in ("publics", "modes_accueil", "zone_eligibilite")
        },
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SERVICE, st.sampled_from(["json", "jsonl", "csv"]))
def test_any_service_goes_out_and_comes_back_the_same(tmp_path, values, form) -> None:
    with transaction.atomic():
        log = FaultLog()
        bring(write_document(tmp_path / "entree.json", [a_service_entry(**values)]), log)
        assert log.count == 0, log.first
        before = catalogue()
        report = export_catalogue(tmp_path / form, form)
        assert report.left_out.total() == 0, report.first
        back = bring(tmp_path / form, log)
        assert (back.services.unchanged, log.count) == (1, 0), log.first
        assert catalogue() == before
        transaction.set_rollback(True)


# The command


def test_the_command_counts_and_names_what_it_wrote(tmp_path) -> None:
    an_action(a_structure(), description="Non")
    out, err = StringIO(), StringIO()
    call_command("export_catalogue", str(tmp_path / "tout.json"), stdout=out, stderr=err)
    assert out.getvalue() == f"1 structures, 0 services\u00a0: {tmp_path / 'tout.json'}\n"
    assert err.getvalue().startswith("1 laissés de côté, le format les refuse\u00a0:\n  - services, relais, test-")
    with pytest.raises(CommandError, match="donnez un dossier"):
        call_command("export_catalogue", str(tmp_path / "tout.csv"))
