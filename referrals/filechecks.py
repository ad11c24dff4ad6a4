"""What an attached file is, told by its content; its name must agree, and is then forgotten.

Nothing is unpacked: an archive's own list of parts says whether it is an ODT or a DOCX. An image is drawn again, which
leaves behind where and when it was taken, and whatever was hidden after its last pixel.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import PurePath

from django.db.models import TextChoices
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 32_000_000
"""More would fill the memory once drawn. A JPEG is opened at a half or a quarter of its size: any telephone's fits."""
MAX_SIDE = 4096
"""Pixels of an image's longer side once kept: a sheet of A4 at 350 dots per inch."""
QUALITY = 88
MAX_PARTS = 5_000
"""Parts of an ODT or a DOCX, and the most that its list may weigh, in hundreds of bytes."""

PDF_START, PDF_END, PDF_TAIL = b"%PDF-", b"%%EOF", 2048
ZIP_START, ZIP_END, ZIP_TAIL = b"PK\x03\x04", b"PK\x05\x06", 65_557
ODT_TYPE = b"application/vnd.oasis.opendocument.text"
MACROS = "vbaproject.bin"


class FileType(TextChoices):
    """What may be attached; the value is the extension of the file given back."""

    PDF = "pdf", "PDF"
    JPEG = "jpg", "image JPEG"
    PNG = "png", "image PNG"
    ODT = "odt", "ODT (LibreOffice)"
    DOCX = "docx", "DOCX (Word)"


EXTENSIONS = {
    ".pdf": FileType.PDF,
    ".jpg": FileType.JPEG,
    ".jpeg": FileType.JPEG,
    ".png": FileType.PNG,
    ".odt": FileType.ODT,
    ".docx": FileType.DOCX,
}

CONTENT_TYPES = {
    FileType.PDF: "application/pdf",
    FileType.JPEG: "image/jpeg",
    FileType.PNG: "image/png",
    FileType.ODT: "application/vnd.oasis.opendocument.text",
    FileType.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}

PROBLEMS = {
    "size": "Ce fichier dépasse 10\u00a0Mo. Réduisez-le, ou photographiez moins de pages à la fois.",
    "empty": "Ce fichier est vide.",
    "kind": "Ce fichier n’est ni un PDF, ni une image JPEG ou PNG, ni un texte ODT ou DOCX.",
    "name": "Le nom de ce fichier ne dit pas ce qu’il contient. Enregistrez-le à nouveau au bon format.",
    "damaged": "Ce fichier est abîmé et ne peut pas être lu. Ouvrez-le, enregistrez-le à nouveau, puis réessayez.",
    "double": "Ce fichier est à la fois deux choses, ce qui peut cacher un piège. Enregistrez-le à nouveau en PDF.",
    "macros": "Ce document contient des programmes (macros). Enregistrez-le en PDF, puis réessayez.",
    "pixels": "Cette image est trop grande. Prenez-la avec moins de détails, ou réduisez-la.",
}
"""Why a file is refused, in the reader's words."""


class Refused(Exception):
    """The file may not be attached; the message is a sentence for the reader, the code a key of `PROBLEMS`."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(PROBLEMS[code])


@dataclass(frozen=True)
class CheckedFile:
    """What will be kept, and what it is."""

    content: bytes
    file_type: FileType

    @property
    def sha256(self) -> str:
        """The fingerprint of what is kept."""
        return hashlib.sha256(self.content).hexdigest()


def check_file(name: str, content: bytes) -> CheckedFile:
    """The file as it will be kept. Raises `Refused` when its content, its name or its size does not suit."""
    if not content:
        raise Refused("empty")
    if len(content) > MAX_BYTES:
        raise Refused("size")
    found = _type_of(content)
    if EXTENSIONS.get(PurePath(name).suffix.lower()) != found:
        raise Refused("name")
    if found in (FileType.JPEG, FileType.PNG):
        content = _drawn_again(content, found)
        if len(content) > MAX_BYTES:
            raise Refused("size")
    return CheckedFile(content, found)


def _type_of(content: bytes) -> FileType:
    if content.startswith(PDF_START):
        if PDF_END not in content[-PDF_TAIL:]:
            raise Refused("damaged")
        if ZIP_END in content[-ZIP_TAIL:] and zipfile.is_zipfile(io.BytesIO(content)):
            raise Refused("double")
        return FileType.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return FileType.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileType.PNG
    if content.startswith(ZIP_START):
        return _office_type(content)
    raise Refused("kind")


def _office_type(content: bytes) -> FileType:
    """ODT or DOCX, by the archive's list of parts; only the few bytes of an ODT's own type are read."""
    if PDF_START in content[:PDF_TAIL]:
        raise Refused("double")
    end = content.rfind(ZIP_END, -ZIP_TAIL)
    if end < 0 or len(content) < end + 22:
        raise Refused("damaged")
    parts, weight = struct.unpack_from("<HI", content, end + 10)
    if parts > MAX_PARTS or weight > MAX_PARTS * 100:
        raise Refused("kind")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            names = {part.filename.lower() for part in listed}
            if any(name.rpartition("/")[2] == MACROS for name in names):
                raise Refused("macros")
            if {"[content_types].xml", "word/document.xml"} <= names:
                return FileType.DOCX
            first = listed[0] if listed else None
            if (
                first is not None
                and first.filename == "mimetype"
                and first.compress_type == zipfile.ZIP_STORED
                and first.file_size == len(ODT_TYPE)
                and archive.read(first) == ODT_TYPE
            ):
                return FileType.ODT
    except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, OSError) as error:
        raise Refused("damaged") from error
    raise Refused("kind")


def _drawn_again(content: bytes, file_type: FileType) -> bytes:
    """The same image, upright, at most `MAX_SIDE` pixels long, with nothing but its pixels."""
    written = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns; ours refuses.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(content), formats=[file_type.name])
        image.draft("RGB", (MAX_SIDE // 2, MAX_SIDE // 2))
        if image.width * image.height > MAX_PIXELS:
            raise Refused("pixels")
        image.load()
        image = ImageOps.exif_transpose(image)
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        see_through = file_type == FileType.PNG and image.has_transparency_data
        clean = image.convert("RGBA" if see_through else "RGB")
        clean.info = {}
        clean.save(written, file_type.name, quality=QUALITY)
    except Image.DecompressionBombError as error:
        raise Refused("pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Refused("damaged") from error
    return written.getvalue()
