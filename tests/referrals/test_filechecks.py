"""What a file is, by its content: disguises, two files in one, bombs, and what an image tells of its place."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from referrals import filechecks
from referrals.filechecks import MAX_BYTES, ODT_TYPE, PROBLEMS, FileType, Refused, check_file
from tests.territory import a_pdf


def archive(*parts: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as file:
        for name, content in parts:
            file.writestr(name, content)
    return written.getvalue()


def a_docx(*more: tuple[str, bytes]) -> bytes:
    return archive(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"), *more)


def an_odt() -> bytes:
    return archive(("mimetype", ODT_TYPE), ("content.xml", b"<office/>"))


def an_image(kind: str = "JPEG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: object) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "white").save(written, kind, **options)
    return written.getvalue()


def located() -> bytes:
    """A photograph that says where it was taken, lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "Chez Awa Diallo"
    exif.get_ifd(0x8825)[1] = "N"
    return an_image(exif=exif)


def a_bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that says how many pixels it is wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99_999))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("vide.pdf", b"", "empty"),
        ("lourd.pdf", a_pdf() + b" " * MAX_BYTES, "size"),
        ("page.pdf", b"<!doctype html><script>alert(1)</script>", "kind"),
        ("programme.pdf", b"MZ\x90\x00" + b"\0" * 200, "kind"),
        ("image.jpg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "kind"),
        ("tableau.docx", archive(("[Content_Types].xml", b""), ("xl/workbook.xml", b"")), "kind"),
        ("archive.odt", archive(("note.txt", b"x")), "kind"),
        ("ancien.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "kind"),
        ("cv.pdf", a_docx(), "name"),
        ("cv.docx", a_pdf(), "name"),
        ("cv.docx", an_odt(), "name"),
        ("photo.png", an_image("JPEG"), "name"),
        ("cv", a_pdf(), "name"),
        ("cv.pdf.exe", a_pdf(), "name"),
        ("cv.pdf\x00.html", a_pdf(), "name"),
        ("coupe.pdf", a_pdf()[:10], "damaged"),
        ("coupe.jpg", an_image()[:200], "damaged"),
        ("coupe.png", an_image("PNG")[:40], "damaged"),
        ("coupe.docx", a_docx()[:-30], "damaged"),
        ("deux.pdf", a_pdf() + a_docx(), "double"),
        ("deux.pdf", a_pdf() + archive(("a.html", b"x")), "double"),
        ("deux.docx", archive(("%PDF-1.7", b"x"), ("[Content_Types].xml", b""), ("word/document.xml", b"")), "double"),
        ("macros.docx", a_docx(("word/vbaProject.bin", b"x")), "macros"),
        ("bombe.png", a_bomb(40_000), "pixels"),
        ("lourde.png", a_bomb(6_000), "pixels"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(name: str, content: bytes, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        check_file(name, content)
    assert refusal.value.code == code
    assert str(refusal.value) == PROBLEMS[refusal.value.code]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("Convention.PDF", a_pdf(), FileType.PDF),
        ("../../etc/passwd.pdf", a_pdf(), FileType.PDF),
        ("cv.docx", a_docx(), FileType.DOCX),
        ("cv.odt", an_odt(), FileType.ODT),
        ("photo.jpeg", an_image(), FileType.JPEG),
        ("photo.jpg", an_image(mode="CMYK"), FileType.JPEG),
        ("scan.png", an_image("PNG"), FileType.PNG),
        ("scan.png", an_image("PNG", mode="P"), FileType.PNG),
        ("signature.png", an_image("PNG", mode="RGBA"), FileType.PNG),
    ],
)
def test_a_file_that_is_what_it_says_is_taken(name: str, content: bytes, found: FileType) -> None:
    assert check_file(name, content).file_type == found


def test_documents_are_kept_as_they_came() -> None:
    for name, content in (("a.pdf", a_pdf()), ("a.docx", a_docx()), ("a.odt", an_odt())):
        assert check_file(name, content).content == content


def test_an_archive_is_never_unpacked() -> None:
    """A bomb of a gigabyte in a megabyte costs nothing: its parts are not read."""
    bomb = archive(
        ("[Content_Types].xml", b"x"),
        ("word/document.xml", b"\0" * 300_000_000),
        compression=zipfile.ZIP_DEFLATED,
    )
    assert len(bomb) < MAX_BYTES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "read", lambda *given: pytest.fail("a part was read"))
        patch.setattr(zipfile.ZipFile, "open", lambda *given: pytest.fail("a part was opened"))
        assert check_file("cv.docx", bomb).file_type == FileType.DOCX


def test_an_odt_whose_own_type_would_unpack_is_refused() -> None:
    bomb = archive(("mimetype", b"\0" * 5_000_000), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(Refused) as refusal:
        check_file("cv.odt", bomb)
    assert refusal.value.code == "kind"


def test_an_archive_with_too_many_parts_is_not_even_listed() -> None:
    crowd = archive(*((f"{n}.xml", b"") for n in range(filechecks.MAX_PARTS + 1)))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Refused) as refusal:
        patch.setattr(zipfile.ZipFile, "infolist", lambda *given: pytest.fail("the parts were listed"))
        check_file("cv.docx", crowd)
    assert refusal.value.code == "kind"


def test_a_photograph_no_longer_says_where_it_was_taken_and_stands_upright() -> None:
    assert Image.open(io.BytesIO(located())).size == (40, 20)
    kept = check_file("photo.jpg", located())
    image = Image.open(io.BytesIO(kept.content))
    assert not image.getexif()
    assert b"Diallo" not in kept.content
    assert image.size == (20, 40)


def test_what_hides_behind_an_image_is_not_kept() -> None:
    for name, content in (("a.jpg", an_image()), ("a.png", an_image("PNG"))):
        kept = check_file(name, content + archive(("virus.exe", b"hidden-inside")))
        assert b"hidden-inside" not in kept.content


def test_a_transparent_image_stays_so_and_a_large_one_is_made_smaller() -> None:
    see_through = check_file("a.png", an_image("PNG", mode="RGBA"))
    assert Image.open(io.BytesIO(see_through.content)).mode == "RGBA"
    for size in ((9000, 300), (9000, 6000)):
        large = check_file("a.jpg", an_image(size=size))
        assert 2048 <= max(Image.open(io.BytesIO(large.content)).size) <= filechecks.MAX_SIDE


@given(st.binary(max_size=400), st.sampled_from([b"", b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04"]))
@settings(max_examples=300, deadline=None)
def test_no_content_breaks_the_checks(content: bytes, start: bytes) -> None:
    for name in ("a.pdf", "a.jpg", "a.png", "a.docx"):
        try:
            check_file(name, start + content)
        except Refused as refusal:
            assert refusal.code in PROBLEMS
