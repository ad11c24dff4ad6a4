"""Documents attached to a fiche: a convention, a CV, a certificate. The row says what, a file beside it holds it.

A fiche that follows another one by a redirection has rows of its own for the same files. A file is complete on the
disk before its first row exists, and leaves it after its last row is gone: whatever is interrupted, no row lacks its
file. What may remain is a file without a row, which `sweep` removes.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import Error, models, transaction
from django.db.models import Q
from django.utils.text import slugify

from accounts.fields import FreeCharField
from referrals.filechecks import MAX_BYTES, CheckedFile, FileType
from referrals.models.event import Actor, Event, EventKind
from referrals.models.referral import Referral, StaleReferral
from referrals.scanning import Infected, Scan, ScannerFailed, scan
from referrals.states import OPEN, State
from structures.models import Structure

MAX_PER_FICHE = 10
ATTACHABLE = (State.DRAFT, *OPEN)
"""A fiche takes documents until it is closed."""

ORPHAN_AGE = dt.timedelta(hours=1)
"""A file without a row may be one that is being uploaded; after this delay it is not."""


class AttachmentKind(models.TextChoices):
    """What a document is for."""

    AGREEMENT = "agreement", "Convention"
    CV = "cv", "CV"
    PROOF = "proof", "Justificatif"
    CERTIFICATE = "certificate", "Attestation ou diplôme"
    OTHER = "other", "Autre document"


class TooManyAttachments(Exception):
    """The fiche holds `MAX_PER_FICHE` documents."""


class AlreadyAttached(Exception):
    """The fiche holds the very same document."""


REFUSALS: dict[type[Exception], str] = {
    TooManyAttachments: f"Cette fiche a déjà {MAX_PER_FICHE} documents. Retirez-en un pour en joindre un autre.",
    AlreadyAttached: "Ce document est déjà joint à cette fiche.",
    Infected: "L’antivirus a trouvé un programme dangereux dans ce fichier. Il n’a pas été gardé.",
    ScannerFailed: "L’antivirus ne répond pas : le fichier n’a pas été gardé. Réessayez dans quelques minutes.",
}
"""Why a checked file is not kept, in the reader's words."""


def path_of(name: str) -> Path:
    """Where the file of that random name stands."""
    return Path(settings.ATTACHMENTS_DIR) / name[:2] / name


def _write(path: Path, content: bytes) -> None:
    """Write a new file, for nobody else's eyes, and wait until the disk has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    """Questions about many documents. Always start from `Door.attachments()`: it decides which rows one may see."""

    def listed(self) -> AttachmentQuerySet:
        """In the order in which they were attached."""
        return self.select_related("structure", "added_by").order_by("added_at", "id")

    def attach(
        self,
        referral: Referral,
        actor: Actor,
        now: dt.datetime,
        *,
        file: CheckedFile,
        kind: str,
        label: str = "",
    ) -> Attachment:
        """Keep a checked file and its row, both or neither.

        Raises `Infected` and `ScannerFailed` (see `scanning`), `StaleReferral` once the fiche is closed,
        `TooManyAttachments`, `AlreadyAttached`.
        """
        name = uuid.uuid4().hex
        path = path_of(name)
        try:
            _write(path, file.content)
            found = scan(path)
            with transaction.atomic():
                return self._record(referral, actor, now, name=name, file=file, kind=kind, label=label, scan=found)
        except BaseException:
            self._drop_unless_recorded(name)
            raise

    def _record(
        self, referral: Referral, actor: Actor, now: dt.datetime, *, file: CheckedFile, kind: str, **values: str
    ) -> Attachment:
        locked = Referral.objects.select_for_update().get(pk=referral.pk)
        if locked.state not in ATTACHABLE:
            raise StaleReferral(locked, "attach")
        held = dict(self.filter(referral=referral).values_list("slot", "sha256"))
        if file.sha256 in held.values():
            raise AlreadyAttached
        slot = next((slot for slot in range(1, MAX_PER_FICHE + 1) if slot not in held), None)
        if slot is None:
            raise TooManyAttachments
        Event.objects.log(
            EventKind.ATTACHED, actor, now, referral=referral, data={"kind": kind, "type": file.file_type.value}
        )
        return self.create(
            referral=referral,
            slot=slot,
            kind=kind,
            file_type=file.file_type,
            size=len(file.content),
            sha256=file.sha256,
            structure=actor.structure,
            added_by=actor.user,
            added_at=now,
            **values,
        )

    def carry(self, source: Referral, to: Referral, actor: Actor, now: dt.datetime) -> None:
        """Have the documents that its sender attached to a fiche stand on the draft that follows it, under its consent.

        For the verb that redirects the fiche, in its transaction. Those of its receiver stay with it: they were not
        sent, and are its own papers. Each fiche then loses its documents by itself.
        """
        # Locked: a row that is being erased meanwhile would leave the new one without its file.
        rows = self.filter(referral=source, structure=source.sender_id).select_for_update(of=("self",), no_key=True)
        for row in rows.order_by("slot"):
            data = {"kind": row.kind, "type": row.file_type}
            Event.objects.log(EventKind.ATTACHED, actor, now, referral=to, data=data)
            row.pk, row.referral, row._state.adding = uuid.uuid4(), to, True
            row.save(force_insert=True)

    def _drop_unless_recorded(self, name: str) -> None:
        """Remove a file after a failure; when even the database cannot say whether its row stands, `sweep` will."""
        try:
            if not self.filter(name=name).exists():
                path_of(name).unlink(missing_ok=True)
        except Error:
            return

    def erase(self) -> int:
        """Remove rows and the files that no other row names, without a line in the journal. Says how many rows."""
        with transaction.atomic():
            names = dict(self.order_by("pk").values_list("pk", "name"))
            self.model.objects.filter(pk__in=names).delete()
            transaction.on_commit(lambda: _remove(names.values()))
        return len(names)

    def sweep(self, now: dt.datetime) -> int:
        """Remove the files that no row names, an hour old or more; says how many."""
        oldest = (now - ORPHAN_AGE).timestamp()
        files = [path for path in Path(settings.ATTACHMENTS_DIR).glob("??/*") if path.stat().st_mtime < oldest]
        return _remove(path.name for path in files)


def _remove(names: Iterable[str]) -> int:
    """Remove the files that no row names; says how many.

    After the rows are gone for everybody: of two that named one file and go at once, the last to go takes it along.
    """
    asked = set(names)
    held = Attachment.objects.filter(name__in=asked).order_by().values_list("name", flat=True)
    orphans = asked.difference(held)
    for name in orphans:
        path_of(name).unlink(missing_ok=True)
    return len(orphans)


class Attachment(models.Model):
    """One document of a fiche. The name it was uploaded under is not kept: it often holds the person's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(Referral, models.CASCADE, related_name="attachments", verbose_name="fiche")
    slot = models.PositiveSmallIntegerField("place", editable=False)
    kind = models.CharField("nature", max_length=11, choices=AttachmentKind)
    label = FreeCharField("précision", max_length=80, blank=True)
    file_type = models.CharField("format", max_length=4, choices=FileType)
    size = models.PositiveIntegerField("taille en octets")
    sha256 = models.CharField("empreinte", max_length=64)
    name = models.CharField("nom du fichier sur le disque", max_length=32, editable=False)
    scan = models.CharField("analyse", max_length=5, choices=Scan)
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="jointe par la structure")
    added_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="jointe par"
    )
    added_at = models.DateTimeField("jointe le")

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        verbose_name = "pièce jointe"
        verbose_name_plural = "pièces jointes"
        ordering = ["added_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["referral", "slot"], name="attachment_one_per_slot"),
            models.UniqueConstraint(fields=["referral", "sha256"], name="attachment_once_per_fiche"),
            models.CheckConstraint(condition=Q(slot__range=(1, MAX_PER_FICHE)), name="attachment_ten_per_fiche"),
            models.CheckConstraint(condition=Q(size__range=(1, MAX_BYTES)), name="attachment_of_ten_megabytes"),
        ]
        indexes = [models.Index(fields=["name"], name="attachment_by_file")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_file_type_display()})"

    @property
    def path(self) -> Path:
        """Where its file stands."""
        return path_of(self.name)

    @property
    def file_name(self) -> str:
        """« R-7K2M4Q-convention-2.pdf »: what it is saved under by who reads it; it tells nothing of the person."""
        return f"{self.referral.reference}-{slugify(self.get_kind_display())}-{self.slot}.{self.file_type}"

    def detach(self, actor: Actor, now: dt.datetime) -> bool:
        """Remove the document; `False` when it had been removed. Raises `StaleReferral` once the fiche is closed."""
        with transaction.atomic():
            locked = Referral.objects.select_for_update().get(pk=self.referral_id)
            if locked.state not in ATTACHABLE:
                raise StaleReferral(locked, "detach")
            removed, _ = Attachment.objects.filter(pk=self.pk).delete()
            if not removed:
                return False
            Event.objects.log(
                EventKind.DETACHED, actor, now, referral=locked, data={"kind": self.kind, "type": self.file_type}
            )
            transaction.on_commit(lambda: _remove([self.name]))
        return True
