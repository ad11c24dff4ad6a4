"""Attaching a document to a fiche."""

from __future__ import annotations

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.validators import no_health_detail, no_nir
from referrals.filechecks import MAX_BYTES, PROBLEMS, CheckedFile, Refused, check_file
from referrals.models import AttachmentKind

ACCEPTED = ".pdf,.odt,.docx,image/jpeg,image/png"
"""Named as images, so that a telephone offers its camera and turns its own formats into JPEG."""

MISSING = "Choisissez un fichier, ou prenez le document en photo."


def checked(file: UploadedFile) -> CheckedFile:
    """The uploaded file as it will be kept. Raises `ValidationError` with one sentence."""
    try:
        if (file.size or 0) > MAX_BYTES:
            raise Refused("size")
        return check_file(file.name or "", file.read())
    except Refused as refusal:
        raise forms.ValidationError(str(refusal), code=refusal.code) from refusal


class AttachForm(forms.Form):
    """What the document is, and its file."""

    kind = forms.ChoiceField(
        label="Nature du document",
        choices=AttachmentKind.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites ce qu’est ce document."},
    )
    label = forms.CharField(
        label="Précision",
        required=False,
        max_length=80,
        help_text="Facultatif, par exemple «\u00a0convention de stage, décembre\u00a0».",
        validators=[no_nir, no_health_detail],
    )
    file = forms.FileField(
        label="Fichier",
        help_text="PDF, photo (JPEG, PNG), ODT ou DOCX, au plus 10\u00a0Mo. Sur un téléphone, vous pouvez prendre le "
        "document en photo. Ni document de santé, ni carte Vitale.",
        widget=forms.FileInput({"accept": ACCEPTED}),
        error_messages={"required": MISSING, "missing": MISSING, "invalid": MISSING, "empty": PROBLEMS["empty"]},
    )

    def clean_file(self) -> CheckedFile:
        """Look at what the file holds."""
        return checked(self.cleaned_data["file"])
