"""The sheets that leave Relais on paper or as PDF: the fiche, the positionnement, the bilan.

A sheet is written once, as the template of its page to print. `reading` turns that page into plain data, `typesetting`
makes an accessible PDF (PDF/UA-1) of the data: what the screen, the printer and the file say cannot differ.
"""

from referrals.documents.document import Document
from referrals.documents.sheets import bilan_sheet, fiche_sheet, person_sheet, positioning_sheet

__all__ = ["Document", "bilan_sheet", "fiche_sheet", "person_sheet", "positioning_sheet"]
