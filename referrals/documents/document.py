"""One sheet, as a page and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from referrals.documents.reading import read_sheet
from referrals.documents.typesetting import typeset


@dataclass(frozen=True)
class Document:
    """A sheet: the template of its page (on `base_print.html`), what it shows, and the name of its file.

    The file's name and the PDF's title bear a reference, never the person's name.
    """

    template: str
    context: dict[str, Any]
    file_name: str

    def pdf(self) -> bytes:
        """The page as an accessible PDF. Raises `ValueError` when the page holds what a sheet cannot."""
        return typeset(read_sheet(render_to_string(self.template, self.context)))
