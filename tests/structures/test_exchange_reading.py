"""Reading national files: every way in which one can be broken, every format, never more than a little at a time."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from structures.exchange.format import SERVICES, STRUCTURES
from structures.exchange.reading import BadFile, Part, Unreadable, locate, read
from tests.structures.national import a_service_entry, a_structure_entry, write_document, write_table


def rows(path: Path, **options: Any) -> list[Any]:
    return [entry for part in locate(path, **options) for _, entry in read(part)]


# What cannot be read


@pytest.mark.parametrize("name", ["rien.json", "rien.jsonl", "rien.csv"])
def test_a_missing_file_is_named(tmp_path, name) -> None:
    with pytest.raises(BadFile, match=f"fichier introuvable\u00a0: .*{name}"):
        rows(tmp_path / name)


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path) -> None:
    path = tmp_path / "services.xlsx"
    path.touch()
    with pytest.raises(BadFile, match=r"format inconnu\u00a0: services\.xlsx \(attendu\u00a0: json, jsonl, csv\)"):
        rows(path)


@pytest.mark.parametrize("text", ["[{]", '[{"a": 1},', '{"services": [{"a": 1}', "", "[1, 2"])
def test_a_json_file_that_is_broken_or_cut_is_refused_whole(tmp_path, text) -> None:
    path = tmp_path / "services.json"
    path.write_text(text)
    with pytest.raises(
        BadFile, match=r"services\.json\u00a0: ce n’est pas du JSON valide, ou le fichier est incomplet"
    ):
        rows(path)


def test_a_gzipped_file_that_was_cut_is_refused(tmp_path) -> None:
    path = tmp_path / "services.jsonl.gz"
    lines = "".join(json.dumps(a_service_entry(id=f"dora--{n}")) + "\n" for n in range(5000))
    path.write_bytes(gzip.compress(lines.encode())[:-40])
    with pytest.raises(BadFile, match="fichier illisible"):
        rows(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "colonnes manquantes pour des structures\u00a0: date_maj, id, nom, source"),
        ("source,id\n", "colonnes manquantes pour des structures\u00a0: date_maj, nom"),
        ("source,id,nom,date_maj,nom\n", "deux colonnes ont le même nom"),
        ('source,id,nom,date_maj\na,b,"c', "tableau mal formé, ou fichier incomplet"),
        ('source,id,nom,date_maj\na,b,"c"d,e\n', "tableau mal formé, ou fichier incomplet"),
    ],
)
def test_a_table_that_cannot_be_read_to_its_end_is_refused(tmp_path, text, message) -> None:
    path = tmp_path / "structures.csv"
    path.write_text(text)
    with pytest.raises(BadFile, match=message):
        rows(path)


def test_a_table_that_is_not_in_utf_8_is_refused(tmp_path) -> None:
    path = tmp_path / "structures.csv"
    path.write_bytes("source,id,nom,date_maj\na,b,Régie,2026-01-01\n".encode("latin-1"))
    with pytest.raises(BadFile, match=r"structures\.csv\u00a0: le texte n’est pas en UTF-8"):
        rows(path)


def test_a_folder_with_two_files_of_services_does_not_guess(tmp_path) -> None:
    for name in ("services-inclusion-2026-09-01.json", "services-inclusion-2026-09-08.json"):
        (tmp_path / name).write_text("[]")
    with pytest.raises(BadFile, match=r"plusieurs fichiers de services .*01\.json, .*08\.json\. Donnez leur chemin"):
        locate(tmp_path)


def test_a_folder_without_a_file_of_ours_is_refused(tmp_path) -> None:
    (tmp_path / "services.txt").touch()
    with pytest.raises(BadFile, match=r"ni structures\.\* ni services\.\*"):
        locate(tmp_path)


def test_a_folder_and_a_file_of_services_are_one_too_many(tmp_path) -> None:
    with pytest.raises(BadFile, match="un dossier contient déjà les services"):
        locate(tmp_path, tmp_path / "services.json")


def test_a_line_that_is_not_an_object_is_set_aside_and_the_next_are_read(tmp_path) -> None:
    path = tmp_path / "services.jsonl"
    path.write_text(f'{{"id": \n\n[1]\n{"[" * 200_000}\n{json.dumps(a_service_entry())}\n')
    found = list(read(Part(SERVICES, path, "jsonl")))
    assert found == [
        (1, Unreadable("ce n’est pas du JSON valide")),
        (3, Unreadable("un objet est attendu")),
        (4, Unreadable("ce n’est pas du JSON valide")),
        (5, a_service_entry()),
    ]


def test_a_row_with_too_few_or_too_many_cells_is_set_aside_with_its_line(tmp_path) -> None:
    path = tmp_path / "structures.csv"
    path.write_text("source,id,nom,date_maj\na,b\n\na,b,c,d,e\na,b,c,d\n")
    assert list(read(Part(STRUCTURES, path, "csv"))) == [
        (2, Unreadable("2 cellules au lieu de 4")),
        (4, Unreadable("5 cellules au lieu de 4")),
        (5, {"source": "a", "id": "b", "nom": "c", "date_maj": "d"}),
    ]


def test_an_entry_of_a_json_list_that_is_not_an_object_is_set_aside(tmp_path) -> None:
    path = tmp_path / "services.json"
    path.write_text(json.dumps([7, a_service_entry(), None]))
    kinds = [type(entry) for entry in rows(path)]
    assert kinds == [Unreadable, dict, Unreadable]


# What can


ENTRIES = [
    a_service_entry(publics=["femmes", "jeunes"], latitude=47.5861, nombre_semaines=3),
    a_service_entry(id="dora--2", nom="L’été « à deux »", description="Première ligne,\nseconde ; « fin »."),
]


def as_given(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, int | float) else value for name, value in entry.items()}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_each_format_says_the_same_gzipped_or_not_with_or_without_a_byte_order_mark(
    tmp_path, form, mark, zipped
) -> None:
    path = tmp_path / f"services.{form}"
    if form == "csv":
        write_table(path, ENTRIES)
    else:
        lines = (json.dumps(entry) for entry in ENTRIES)
        path.write_text("\n".join(lines) if form == "jsonl" else f"\n [{','.join(lines)}]")
    data = mark + path.read_bytes()
    path.write_bytes(gzip.compress(data) if zipped else data)
    found = rows(path)
    if form == "csv":
        given = [{name: value for name, value in entry.items() if value not in ("", [])} for entry in found]
        assert given == [as_given(entry) for entry in ENTRIES]
    else:
        assert found == ENTRIES


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "lists",
    [json.dumps, str, lambda codes: "{" + ",".join(codes) + "}", ", ".join, "|".join],
    ids=["JSON", "Python", "PostgreSQL", "commas", "bars"],
)
def test_a_list_in_a_cell_is_read_however_its_producer_writes_it(tmp_path, separator, lists) -> None:
    path = write_table(tmp_path / "services.csv", [a_service_entry(publics=["femmes", "jeunes"])], separator, lists)
    [entry] = rows(path)
    assert (entry["publics"], entry["nom"]) == (["femmes", "jeunes"], "Atelier permis")


def test_a_list_alone_is_of_services_when_its_rows_say_their_structure(tmp_path) -> None:
    for name, entry, kind in (("a.json", a_service_entry(), SERVICES), ("b.json", a_structure_entry(), STRUCTURES)):
        path = tmp_path / name
        path.write_text(json.dumps([entry]))
        assert [part.kind for part in locate(path)] == [kind]
    table = write_table(tmp_path / "c.csv", [a_service_entry()])
    assert [part.kind for part in locate(table)] == [SERVICES]


def test_two_files_a_folder_or_one_document_are_the_same_with_structures_first(tmp_path) -> None:
    structures, services = tmp_path / "structures-2026.json", tmp_path / "services-2026.json"
    structures.write_text(json.dumps([a_structure_entry()]))
    services.write_text(json.dumps([a_service_entry()]))
    expected = [a_structure_entry(), a_service_entry()]
    assert rows(structures, services=services) == expected
    assert rows(tmp_path) == expected
    document = tmp_path / "tout.json"
    document.write_text(json.dumps({"services": [a_service_entry()], "structures": [a_structure_entry()]}))
    assert rows(document) == expected


def test_a_document_beside_a_file_of_services_gives_its_structures_only(tmp_path) -> None:
    document = write_document(tmp_path / "tout.json", [a_service_entry(nom="Du document")])
    services = tmp_path / "autres.json"
    services.write_text(json.dumps([a_service_entry(nom="Du fichier")]))
    assert [entry["nom"] for entry in rows(document, services=services)] == ["Le Tournesol", "Du fichier"]


def test_the_format_that_is_given_overrules_the_name(tmp_path) -> None:
    path = tmp_path / "services.txt"
    path.write_text(json.dumps(a_service_entry()))
    assert rows(path, given="jsonl") == [a_service_entry()]


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_a_long_file_is_read_as_it_goes(tmp_path, form) -> None:
    entries = [a_service_entry(id=f"dora--{n}") for n in range(5000)]
    path = tmp_path / f"services.{form}"
    if form == "csv":
        write_table(path, entries)
    else:
        lines = [json.dumps(entry) for entry in entries]
        path.write_text("\n".join(lines) if form == "jsonl" else f"[{','.join(lines)}]")
    positions: list[int] = []
    stream = read(Part(SERVICES, path, form), positions.append)
    next(stream)
    next(stream)
    size = path.stat().st_size
    assert 0 < positions[0] < size / 4
    assert sum(1 for _ in stream) == 4998
    assert positions == sorted(positions)
    assert positions[-1] == size
