"""Reading a table: what it is, not what it is called; bounded; and each refusal in one sentence."""

from __future__ import annotations

import datetime as dt
import io
import json
import resource
import time
import zipfile
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from structures.spreadsheet import reading
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.headings import letter
from structures.spreadsheet.reading import MAX_BYTES, Row, Unreadable, read_table
from tests.structures.tables import a_csv, an_ods, an_xlsx, repacked

ROWS: list[list[Any]] = [["Nom", "Places"], ["Atelier de français", 12]]


def refusal(content: bytes) -> str:
    """The code of the refusal."""
    with pytest.raises(Unreadable) as caught:
        read_table(content)
    assert str(caught.value).endswith(".")
    return caught.value.code


def cells(content: bytes) -> list[list[str]]:
    """The cells read, without the numbers of the rows."""
    return [row.cells for row in read_table(content).rows]


# What is refused


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\n;;\n \n", "empty"),
        (b"%PDF-1.7\n\x00\x01\x02", "kind"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "kind"),
        (b"PK\x03\x04 and then nothing of an archive", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "old"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"x" * (MAX_BYTES + 1), "size"),
        (b'"' + b"a" * 200_000, "damaged"),
    ],
)
def test_what_is_not_a_readable_table_is_refused_in_one_sentence(content: bytes, code: str) -> None:
    assert refusal(content) == code


def test_a_workbook_cut_short_is_damaged() -> None:
    assert refusal(an_xlsx(ROWS)[:-200]) == "damaged"
    whole = an_xlsx(ROWS)
    assert refusal(repacked(whole, {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row"})) in {"damaged", "empty"}


def test_another_kind_of_archive_is_not_a_table() -> None:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refusal(output.getvalue()) == "kind"


def test_a_document_of_libreoffice_protected_by_a_password_says_so() -> None:
    manifest = b'<manifest:manifest><manifest:encryption-data manifest:checksum="x"/></manifest:manifest>'
    assert refusal(repacked(an_ods(ROWS), {"META-INF/manifest.xml": manifest})) == "password"


def test_a_workbook_without_a_filled_cell_is_empty() -> None:
    assert refusal(an_xlsx([])) == "empty"
    assert refusal(an_ods([["", " "]])) == "empty"


def test_more_rows_columns_or_text_than_the_limits_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [["Nom"], *[[f"Action {n}"] for n in range(5020)]]
    assert refusal(an_xlsx(many)) == "rows"
    assert refusal(a_csv(many)) == "rows"
    wide = [[f"Titre {n}" for n in range(61)]]
    assert refusal(an_xlsx(wide)) == "columns"
    assert refusal(a_csv(wide)) == "columns"
    monkeypatch.setattr(reading, "MAX_CHARACTERS", 10)
    assert refusal(an_xlsx(ROWS)) == "characters"


def test_five_thousand_rows_pass_and_one_more_does_not() -> None:
    rows = [Row(number, [f"Action {number}"]) for number in range(2, 5002)]
    assert len(COLUMNS.split([Row(1, ["Nom"]), *rows])[1]) == 5000
    with pytest.raises(Unreadable) as caught:
        COLUMNS.split([Row(1, ["Nom"]), *rows, Row(5002, ["x"])])
    assert caught.value.code == "rows"


def test_a_lone_cell_at_the_end_of_the_sheet_does_not_take_the_server_down() -> None:
    output = io.BytesIO()
    with xlsxwriter.Workbook(output, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "Nom")
        sheet.write(1_048_575, 16_383, "x")
    before = time.monotonic()
    assert refusal(output.getvalue()) == "memory"
    assert time.monotonic() - before < 120


def test_a_row_repeated_a_million_times_does_not_take_the_server_down() -> None:
    content = an_ods([["x" * 50] * 40])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("content.xml")
    bomb = sheet.replace(b"<table:table-row>", b'<table:table-row table:number-rows-repeated="1048576">')
    assert bomb != sheet
    peak, before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert refusal(repacked(content, {"content.xml": bomb})) == "memory"
    assert time.monotonic() - before < 120
    # In kilobytes: the memory was that of another process.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000


def test_a_small_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked() -> None:
    content = repacked(an_xlsx(ROWS), {"xl/media/image.bin": bytes(210 * 1024 * 1024)})
    assert len(content) < 1_000_000
    assert refusal(content) == "memory"


def test_the_reader_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WAIT", 0.001)
    assert refusal(an_xlsx(ROWS)) == "memory"


# What is read


def test_a_file_is_read_for_what_it_is_in_all_three_formats() -> None:
    for content, kind in ((an_xlsx(ROWS), "xlsx"), (an_ods(ROWS), "ods"), (a_csv(ROWS), "csv")):
        table = read_table(content)
        assert table.kind == kind
        assert [row.cells for row in table.rows] == [["Nom", "Places"], ["Atelier de français", "12"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_csv_is_read_in_the_usual_encodings_and_separators(encoding: str, separator: str) -> None:
    rows = [["Catalogue, 2026"], ["Nom", "Description", "Places"], ["Élan ; cœur", "a, b, c, d\nsuite\tfin", "3"]]
    assert cells(a_csv(rows, separator=separator, encoding=encoding)) == rows


def test_cells_come_as_a_french_reader_sees_them() -> None:
    row = [
        1.0, 12.5, 0.1 + 0.2, True, dt.date(2027, 1, 12), dt.datetime(2027, 1, 12, 14, 30),
        "  x \r\n y\u200b ", 254123456,
    ]  # fmt: skip
    assert cells(an_xlsx([row])) == [
        ["1", "12,5", "0,3", "oui", "12/01/2027", "12/01/2027 14:30", "x \n y", "254123456"]
    ]


def test_blank_rows_are_passed_over_and_the_others_keep_their_numbers() -> None:
    table = [["Nom"], [], ["", " "], ["Atelier"]]
    for content in (an_xlsx(table), an_ods(table), a_csv(table)):
        assert [(row.number, row.cells) for row in read_table(content).rows] == [(1, ["Nom"]), (4, ["Atelier"])]


def test_empty_first_columns_keep_their_letters() -> None:
    table = [["", "", "Nom"], ["", "", "Atelier"]]
    for content in (an_xlsx(table), a_csv(table)):
        assert [row.cells for row in read_table(content).rows] == table


def test_the_first_visible_sheet_that_is_filled_is_read_and_the_others_are_named() -> None:
    table = read_table(an_xlsx([["secret"]], [], ROWS, [["autre"]], hidden=[0]))
    assert (table.sheet, table.left_out) == ("Sheet3", ["Sheet4"])
    assert table.rows[0].cells == ["Nom", "Places"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"\xff\xfe", b"Nom;Places\n"]))
def test_any_bytes_are_read_or_refused(tail: bytes, head: bytes) -> None:
    try:
        table = read_table(head + tail)
    except Unreadable:
        return
    assert table.rows and json.dumps([row.cells for row in table.rows]).encode()


# Headings


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("NOM DE L'ACTION", "name"),
        ("Intitulé", "name"),
        ("intitulle", "name"),
        ("Besoin(s) couvert(s)", "themes"),
        ("Thematiques", "themes"),
        ("Date de debut", "starts_on"),
        ("Tél.", "phone"),
        ("Téléphonne", "phone"),
        ("mail", "email"),
        ("CP", "postal_code"),
        ("Ville", "commune"),
        ("Nombre de places", "places"),
        ("Niveau de francais à l’entrée (oral)", "french_oral"),
        ("QPV", "qpv"),
        ("Age mini", "age_min"),
        ("Réservé aux femmes ?", "women"),
    ],
)
def test_headings_are_recognised_without_accents_and_with_a_typo(heading: str, key: str) -> None:
    assert COLUMNS.guess([heading]) == {key: 0}


@pytest.mark.parametrize("heading", ["", "Remarques internes", "À corriger", "xyz", "Budget", "1"])
def test_other_headings_are_left_alone(heading: str) -> None:
    assert COLUMNS.guess([heading]) == {}


def test_each_column_is_used_once_and_the_best_likeness_wins() -> None:
    assert COLUMNS.guess(["Nomm", "Nom", "Nom"]) == {"name": 1}


def test_headings_are_found_below_a_title_and_rows_above_are_left_out() -> None:
    rows = [Row(1, ["Catalogue de l’association"]), Row(3, ["Nom", "Places"]), Row(4, ["Atelier", "3"])]
    head, below = COLUMNS.split(rows)
    assert (head.number, [row.number for row in below]) == (3, [4])


def test_a_table_of_headings_alone_is_empty() -> None:
    with pytest.raises(Unreadable) as caught:
        COLUMNS.split([Row(1, ["Nom"])])
    assert caught.value.code == "empty"


def test_columns_have_the_letters_of_a_spreadsheet() -> None:
    assert [letter(place) for place in (0, 25, 26, 51, 52, 59)] == ["A", "Z", "AA", "AZ", "BA", "BH"]
