"""The sheets as PDF: what they say, their tags, and what no text typed by anybody can do to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import ContentStream

from referrals.documents.reading import Runs, Sheet, read_sheet
from referrals.documents.typesetting import FOLDER, MISSING, NOTE, drawable, typeset
from referrals.models import Bilan, BilanKind, ConsentScope, Positioning
from structures.vocabulary import ActionShape, NeedTheme
from tests.api.conftest import client_of
from tests.referrals.stage import Stage

GREY = {"g", "G"}
COLOURS = {"rg": 3, "RG": 3, "k": 4, "K": 4, "sc": None, "SC": None, "scn": None, "SCN": None}


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def opened(content: bytes) -> PdfReader:
    return PdfReader(BytesIO(content))


def words(text: str) -> str:
    """The text without its spaces: lines break elsewhere on a page and in a file."""
    return re.sub(r"\s", "", text)


def said(reader: PdfReader) -> str:
    """All that the pages say, without the line at the foot of each."""
    pages = [page.extract_text() for page in reader.pages]
    return words("\n".join(re.sub(r"Relais \S* ?page \d+ / \d+", "", page) for page in pages))


def tags(reader: PdfReader) -> list[str]:
    """The tags of the document, in reading order."""

    def walk(node: Any) -> Iterator[str]:
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                yield from walk(child)
        elif isinstance(node, dict):
            if "/S" in node:
                yield str(node["/S"]).removeprefix("/")
            if "/K" in node:
                yield from walk(node["/K"])

    return list(walk(reader.root_object["/StructTreeRoot"]))


def of_fiche(stage: Stage) -> PdfReader:
    response = stage.at_sender.get(reverse("referrals:referral_pdf", args=[stage.referral.reference]))
    assert response.status_code == 200
    return opened(response.content)


def a_sheet(text: str) -> Sheet:
    runs: Runs = [{"text": text, "strong": False}]
    blocks: list[dict[str, Any]] = [{"kind": "paragraph", "runs": runs}, {"kind": "facts", "rows": [[runs, runs]]}]
    return Sheet("Fiche", "Mission locale", "R-7K2M4Q", blocks)


class MainText(HTMLParser):
    """What a page to print says between <main> and </main>."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.drawing, self.text = False, 0, ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.inside = self.inside or tag == "main"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "main"

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def on_page(html: str) -> str:
    parser = MainText()
    parser.feed(html)
    return words(parser.text)


# Accessible


def test_the_fiche_says_that_it_is_tagged_in_french_and_follows_pdf_ua(stage: Stage) -> None:
    reader = of_fiche(stage)
    root: Any = reader.root_object
    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] in ("fr", "fr-FR")
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    found = tags(reader)
    assert found.count("H1") == 1
    assert {"H2", "P", "L", "LI", "Lbl", "LBody"} <= set(found)
    assert found.index("H1") < found.index("H2")


def test_a_table_of_levels_has_headers(stage: Stage) -> None:
    bilan = stage.enter().bilan()
    reader = opened(stage.at_sender.get(reverse("referrals:bilan_sheet_pdf", args=[bilan.pk])).content)
    found = tags(reader)
    assert found.count("TH") == 3
    assert found.index("THead") < found.index("TBody")


def test_every_font_is_in_the_file(stage: Stage) -> None:
    resources: Any = of_fiche(stage).pages[0]["/Resources"]
    for font in resources["/Font"].values():
        described = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(described)


def test_nothing_is_said_by_a_colour(stage: Stage) -> None:
    reader = of_fiche(stage)
    for page in reader.pages:
        for operands, operator in ContentStream(page.get_contents(), reader).operations:
            name = operator.decode()
            if name in COLOURS:
                numbers = [float(one) for one in operands if not str(one).startswith("/")]
                assert len(set(numbers)) <= 1, (name, numbers)


def test_a_fiche_of_the_usual_length_fits_on_one_page(stage: Stage) -> None:
    stage.referral.motive = "Souhaite apprendre à lire un planning et à remplir un formulaire. " * 4
    stage.referral.save()
    assert len(of_fiche(stage).pages) == 1


def test_neither_the_file_s_name_nor_its_metadata_names_the_person(stage: Stage) -> None:
    url = reverse("referrals:referral_pdf", args=[stage.referral.reference])
    response = stage.at_receiver.get(url)
    reference = stage.referral.reference
    assert response["Content-Disposition"] == f'attachment; filename="{reference}-fiche.pdf"'
    assert response["Content-Type"] == "application/pdf"
    reader = opened(response.content)
    assert reader.metadata is not None
    assert reader.metadata.title == f"Fiche de prescription et de liaison {reference}"
    root: Any = reader.root_object
    xmp = root["/Metadata"].get_object().get_data().decode()
    for text in (str(dict(reader.metadata)), xmp):
        assert stage.person.last_name not in text


# The same words as the page


def test_each_file_says_what_its_page_says_and_in_the_same_order(db: None) -> None:
    stage = Stage(ActionShape.POSITIONING).accept()
    Positioning.objects.record(
        stage.referral,
        stage.receives,
        stage.now,
        on=stage.today,
        levels={"oral": 2},
        conclusion="Lit un horaire.",
        recommended=[NeedTheme.DIGITAL],
    )
    positioned = stage.referral.reference
    other = Stage().enter()
    bilan = other.bilan(hours=120, attendance=90, certificates=[{"certificate": "delf_a1", "result": "obtained"}])
    pairs = [
        (stage, "referral_print", "referral_pdf", positioned),
        (stage, "positioning_print", "positioning_pdf", positioned),
        (other, "bilan_print", "bilan_pdf", bilan.pk),
        (other, "bilan_sheet_print", "bilan_sheet_pdf", bilan.pk),
    ]
    for scene, page, file, key in pairs:
        html = scene.at_receiver.get(reverse(f"referrals:{page}", args=[key])).content.decode()
        assert reverse(f"referrals:{file}", args=[key]) in html
        reader = opened(scene.at_receiver.get(reverse(f"referrals:{file}", args=[key])).content)
        # A list's items bear a dash in the file, and a stylesheet's mark on the page.
        assert on_page(html).replace("–", "") in said(reader).replace("–", ""), page


def test_what_the_consent_does_not_share_is_not_in_the_receiver_s_file(db: None) -> None:
    stage = Stage(scopes=[ConsentScope.PROFILE])
    url = reverse("referrals:referral_pdf", args=[stage.referral.reference])
    text = said(opened(stage.at_receiver.get(url).content))
    assert words(stage.person.full_name) in text
    assert words(stage.person.phone.as_national) not in text
    assert words("Blois") not in text.partition("Orientation")[0]
    assert "Nontransmis:coordonnées" in text


def test_the_person_s_copy_has_no_private_note_and_the_professionals_one_has(stage: Stage) -> None:
    bilan = stage.enter().bilan()
    own = said(opened(stage.at_sender.get(reverse("referrals:bilan_pdf", args=[bilan.pk])).content))
    both = said(opened(stage.at_sender.get(reverse("referrals:bilan_sheet_pdf", args=[bilan.pk])).content))
    assert "MDSI" not in own
    assert "MDSI" in both
    assert "Saitlireunhoraire." in own
    assert "Saitlireunhoraire." in both


def test_a_draft_of_a_bilan_is_no_document_yet(stage: Stage) -> None:
    stage.enter().at_receiver.post(reverse("referrals:bilan_create", args=[stage.referral.reference, "final"]))
    draft = stage.referral.bilans.get()
    for name in ("bilan_pdf", "bilan_sheet_pdf", "bilan_sheet_print"):
        assert stage.at_receiver.get(reverse(f"referrals:{name}", args=[draft.pk])).status_code == 404


def test_there_is_no_positionnement_to_print_before_it_took_place(stage: Stage) -> None:
    url = reverse("referrals:positioning_pdf", args=[stage.referral.reference])
    assert stage.at_receiver.get(url).status_code == 404


# What people type


@pytest.mark.parametrize(
    "hostile",
    [
        '#import "/etc/passwd": *',
        '#read("/etc/passwd")',
        "#panic()",
        "]) #set page(width: 1pt)",
        "\\ \\u{41} \\#",
        "$ x^2 $ _a_ *b* `c` <d> @e = f",
        "<script>alert(1)</script> &amp; <b>gras</b>",
        '{"text": "x"}',
        "// rien /* rien */ https://example.org",
        "{{ 7|add:7 }} {% now 'Y' %}",
        '"guillemets" et 100 % -- --- ...',
    ],
)
def test_what_is_typed_is_written_as_it_was_typed(stage: Stage, hostile: str) -> None:
    stage.referral.motive = hostile
    stage.referral.save()
    assert words(hostile) in said(of_fiche(stage))


def test_a_long_text_goes_on_over_pages_and_nothing_of_it_is_lost(stage: Stage) -> None:
    numbered = [f"mot{n:05d}" for n in range(6000)]
    stage.referral.motive = " ".join(numbered)
    stage.referral.save()
    reader = of_fiche(stage)
    assert len(reader.pages) > 5
    text = said(reader)
    assert [word for word in numbered if word not in text] == []
    assert "Accorddelapersonne" in text
    assert f"page {len(reader.pages)} / {len(reader.pages)}" in reader.pages[-1].extract_text()


@pytest.mark.parametrize(
    ("first_name", "last_name"),
    [
        ("Олександра", "Ковальчук"),
        ("Şükrü", "Öztürk-Ğ"),
        ("Nguyễn", "Thị Ánh"),
        ("Marie-Charlotte Éléonore Geneviève", "de La Rochefoucauld-Montbel d’Aubusson de Castelnau"),
    ],
)
def test_a_name_is_written_whole_in_its_own_letters(stage: Stage, first_name: str, last_name: str) -> None:
    stage.person.first_name, stage.person.last_name = first_name, last_name
    stage.person.save()
    reader = of_fiche(stage)
    assert words(stage.person.full_name) in said(reader)
    assert len(reader.pages) == 1


def test_a_name_in_arabic_is_drawn_and_not_replaced(stage: Stage) -> None:
    stage.person.first_name = "عائشة"
    stage.person.save()
    text = said(of_fiche(stage))
    assert MISSING not in text
    assert any("\u0600" <= letter <= "\u06ff" or "\ufb50" <= letter <= "\ufeff" for letter in text)


def test_a_character_that_no_font_has_leaves_a_mark_and_a_note(stage: Stage) -> None:
    stage.person.first_name = "李"
    stage.person.save()
    stage.referral.motive = "Merci 🙂"
    stage.referral.save()
    text = said(of_fiche(stage))
    assert f"Merci{MISSING}" in text
    assert words(NOTE) in text


def test_without_such_a_character_there_is_no_note(stage: Stage) -> None:
    assert words(NOTE) not in said(of_fiche(stage))


def test_every_character_said_to_be_drawable_is() -> None:
    ranges = [line.split("-") for line in (FOLDER / "glyphs.txt").read_text().split()]
    every = [chr(code) for first, last in ranges for code in range(int(first, 16), int(last, 16) + 1)]
    assert len(every) > 5000
    assert typeset(a_sheet(" x".join(every)))


def test_accents_typed_apart_are_joined_to_their_letter() -> None:
    assert drawable("e\u0301") == "é"
    assert drawable("\x00") == MISSING


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_text_keeps_a_sheet_from_being_made(text: str) -> None:
    assert typeset(a_sheet(text)).startswith(b"%PDF-")


def test_several_sheets_asked_for_at_once_are_all_made_right() -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: typeset(a_sheet(f"numéro {n:03d}")), range(40)))
    for n, content in enumerate(made):
        assert f"numéro {n:03d}" in opened(content).pages[0].extract_text()


# Reading a page


@pytest.mark.parametrize(
    "inside",
    [
        "<form></form>",
        "texte sans paragraphe",
        "<img alt='x'>",
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "<dl><dt><h2>x</h2></dt></dl>",
    ],
)
def test_a_page_that_holds_something_else_is_refused_instead_of_losing_it(inside: str) -> None:
    with pytest.raises(ValueError, match="sheet"):
        read_sheet(f"<main><h1>Titre</h1>{inside}</main>")


@pytest.mark.parametrize("page", ["", "<main></main>", "<main><h1>Titre</h1>", "<h1>Titre</h1>"])
def test_a_page_that_is_no_sheet_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="not a sheet"):
        read_sheet(page)


def test_a_page_is_read_with_the_spaces_that_it_shows() -> None:
    sheet = read_sheet(
        "<header><span class='sheet-sender'>\n La  Mission </span><span class='ref'>R-7K</span></header><main>"
        "<h1>\n Titre </h1><p>\n  Un <strong>deux</strong>\n trois&nbsp;: <br> quatre </p><dl><dt>a</dt><dd>b</dd></dl>"
        "<ol><li>c</li></ol><div class='sign'><p>d</p></div></main>"
    )
    assert (sheet.title, sheet.sender, sheet.reference) == ("Titre", "La Mission", "R-7K")
    assert sheet.blocks[0]["runs"] == [
        {"text": "Un ", "strong": False},
        {"text": "deux", "strong": True},
        {"text": " trois\u00a0:", "strong": False},
        {"break": True},
        {"text": "quatre", "strong": False},
    ]
    assert [block["kind"] for block in sheet.blocks] == ["paragraph", "facts", "numbered", "sign"]


# The API


def test_the_api_gives_the_same_files_whatever_it_is_asked_to_accept(db: None) -> None:
    stage = Stage(ActionShape.POSITIONING).accept()
    Positioning.objects.record(
        stage.referral, stage.receives, stage.now, on=stage.today, levels={"oral": 2}, conclusion="Lit un horaire."
    )
    bilan = stage.referral.bilans.get()
    api = client_of(stage.trainer)
    for address in (
        f"referrals/{stage.referral.reference}/pdf/",
        f"referrals/{stage.referral.reference}/positioning-pdf/",
        f"bilans/{bilan.pk}/pdf/",
        f"bilans/{bilan.pk}/person-pdf/",
    ):
        for accepted in ("application/pdf", "application/json", "*/*"):
            given = api.get(f"/api/v1/{address}", headers={"accept": accepted})
            assert given["Content-Type"] == "application/pdf", address
            assert stage.referral.reference in said(opened(given.content))


def test_the_api_answers_a_problem_document_where_there_is_no_file(db: None) -> None:
    stage = Stage().enter()
    draft = Bilan.objects.start(stage.referral, BilanKind.FINAL, stage.receives, stage.now)
    api = client_of(stage.trainer)
    for address in (f"bilans/{draft.pk}/pdf/", f"referrals/{stage.referral.reference}/positioning-pdf/"):
        given = api.get(f"/api/v1/{address}", headers={"accept": "application/pdf"})
        assert given.status_code == 404
        assert given["Content-Type"] == "application/problem+json"
