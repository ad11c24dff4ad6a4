"""Documents attached to a fiche: who may, what is refused, and that row and file always go together."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import stat
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from backend.checks import attachments_stand_apart
from referrals.filechecks import MAX_BYTES, check_file
from referrals.models import (
    AlreadyAttached,
    Attachment,
    AttachmentKind,
    Event,
    EventKind,
    Referral,
    TooManyAttachments,
)
from referrals.models.attachment import MAX_PER_FICHE
from referrals.models.referral import StaleReferral
from referrals.permissions import Door
from referrals.scanning import Infected, Scan, ScannerFailed
from referrals.states import Reason
from structures.vocabulary import Role
from tests.api.conftest import client_of
from tests.referrals.stage import Stage, session_of
from tests.territory import a_draft, a_member, a_pdf, a_structure, an_action, an_attachment


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.ATTACHMENTS_DIR = tmp_path / "attachments"
    return settings.ATTACHMENTS_DIR


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def list_url(stage: Stage) -> str:
    return reverse("referrals:attachment_list", args=[stage.referral.reference])


def file_url(row: Attachment) -> str:
    return reverse("referrals:attachment_file", args=[row.pk])


def remove_url(row: Attachment) -> str:
    return reverse("referrals:attachment_remove", args=[row.pk])


def data(content: bytes | None = None, name: str = "convention.pdf", **values: Any) -> dict[str, Any]:
    file = SimpleUploadedFile(name, a_pdf() if content is None else content)
    return {"kind": "agreement", "label": "", "file": file} | values


def a_scanner(tmp_path: Path, script: str) -> list[str]:
    program = tmp_path / "scanner"
    program.write_text(f"#!{sys.executable}\nimport sys, time\ncontent = open(sys.argv[1], 'rb').read()\n{script}\n")
    program.chmod(0o700)
    return [str(program)]


# Who may


def test_a_stranger_finds_nothing(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.sends)
    assert stage.at_stranger.get(list_url(stage)).status_code == 404
    assert stage.at_stranger.post(list_url(stage), data()).status_code == 404
    assert stage.at_stranger.get(file_url(row)).status_code == 404
    assert stage.at_stranger.post(remove_url(row)).status_code == 404
    assert Client().get(file_url(row)).status_code == 302
    assert Attachment.objects.count() == 1


def test_a_role_that_neither_sends_nor_receives_reads_and_adds_nothing(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.receives)
    reader = session_of(a_member(stage.receiver, Role.PRESCRIBER))
    for client in (reader, stage.manager):
        assert client.get(file_url(row)).status_code == 200
        assert client.post(list_url(stage), data(b"%PDF-1.4 other %%EOF")).status_code == 403
        assert client.post(remove_url(row)).status_code == 403
        assert "Joindre" not in client.get(list_url(stage)).content.decode()


def test_only_the_structure_that_added_a_document_removes_it(stage: Stage, folder: Path) -> None:
    row = an_attachment(stage.referral, stage.sends)
    assert stage.at_receiver.post(remove_url(row)).status_code == 403
    assert "Retirer" not in stage.at_receiver.get(list_url(stage)).content.decode()
    assert "Retirer" in stage.at_sender.get(list_url(stage)).content.decode()
    assert row.path.exists()


def test_a_draft_s_documents_are_seen_by_the_sender_alone(stage: Stage) -> None:
    draft = a_draft(stage.action, stage.sends, stage.person, stage.now)
    row = an_attachment(draft, stage.sends)
    assert stage.at_receiver.get(file_url(row)).status_code == 404
    assert stage.at_sender.get(file_url(row)).status_code == 200
    page = stage.at_sender.get(reverse("referrals:referral_send", args=[draft.reference])).content.decode()
    assert file_url(row) in page
    assert "les documents joints sont toujours transmis" in page


def test_a_get_of_the_removal_removes_nothing(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.sends)
    assert stage.at_sender.get(remove_url(row)).status_code == 405
    assert Attachment.objects.exists()


# What a redirection carries along


def redirected(stage: Stage) -> Referral:
    return stage.referral.redirect(
        stage.receives, timezone.now(), to=an_action(a_structure("Maison de Bégon"), "Atelier du soir")
    )


def test_the_sender_s_documents_follow_a_redirection_and_the_receiver_s_stay(stage: Stage, folder: Path) -> None:
    sent = an_attachment(stage.referral, stage.sends, label="CV de mars")
    own = an_attachment(stage.referral, stage.receives)
    following = redirected(stage)
    carried = following.attachments.get()
    assert (carried.name, carried.label, carried.structure) == (sent.name, "CV de mars", stage.sender)
    assert carried.pk != sent.pk
    assert len(files(folder)) == 2, "no file is copied"
    reader = session_of(a_member(following.receiver))
    assert reader.get(file_url(carried)).getvalue() == sent.path.read_bytes()
    for row in (sent, own):
        assert reader.get(file_url(row)).status_code == 404
    page = reader.get(reverse("referrals:referral_detail", args=[following.reference])).content.decode()
    assert file_url(carried) in page
    assert "Document joint" in page
    there = reverse("referrals:attachment_list", args=[following.reference])
    assert remove_url(carried) in stage.at_sender.get(there).content.decode()
    assert stage.at_receiver.get(file_url(carried)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_removing_a_document_that_was_carried_leaves_the_other_one_readable(folder: Path) -> None:
    stage = Stage()
    sent = an_attachment(stage.referral, stage.sends)
    carried = redirected(stage).attachments.get()
    assert stage.at_sender.post(remove_url(carried)).status_code == 302
    assert not Attachment.objects.filter(pk=carried.pk).exists()
    assert stage.at_sender.get(file_url(sent)).status_code == 200
    assert Attachment.objects.sweep(timezone.now() + dt.timedelta(hours=2)) == 0
    assert Attachment.objects.filter(pk=sent.pk).erase() == 1
    assert files(folder) == []


@pytest.mark.django_db(transaction=True)
def test_taking_the_redirection_back_throws_away_the_rows_and_keeps_the_files(folder: Path) -> None:
    stage = Stage()
    sent = an_attachment(stage.referral, stage.sends)
    redirected(stage)
    stage.reload().retract(stage.receives, timezone.now())
    assert list(Attachment.objects.all()) == [sent]
    assert stage.at_sender.get(file_url(sent)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_fiches_that_lose_the_same_document_at_once_leave_no_file(folder: Path) -> None:
    stage = Stage()
    sent = an_attachment(stage.referral, stage.sends)
    carried = redirected(stage).attachments.get()
    barrier = threading.Barrier(2)

    def erase(pk: Any) -> int:
        try:
            with transaction.atomic():
                rows = Attachment.objects.filter(pk=pk)
                found = rows.erase()
                barrier.wait(20)
            return found
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(erase, [sent.pk, carried.pk])) == [1, 1]
    assert files(folder) == []


@pytest.mark.django_db(transaction=True)
def test_a_document_erased_while_its_fiche_is_redirected_leaves_no_row_without_its_file(folder: Path) -> None:
    stage = Stage()
    sent = an_attachment(stage.referral, stage.sends)
    erased, answers = threading.Event(), []

    def redirect() -> None:
        erased.wait(20)
        try:
            answers.append(redirected(stage).attachments.count())
        finally:
            connection.close()

    thread = threading.Thread(target=redirect)
    thread.start()
    with transaction.atomic():
        Attachment.objects.filter(pk=sent.pk).erase()
        erased.set()
        thread.join(1)
    thread.join(30)
    assert answers == [0]
    assert files(folder) == []


# What is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (data(b"<html>"), "ni un PDF, ni une image"),
        (data(name="photo.jpg"), "ne dit pas ce qu’il contient"),
        (data(a_pdf() + b" " * MAX_BYTES), "dépasse 10"),
        (data(b""), "Ce fichier est vide."),
        ({"kind": "cv"}, "Choisissez un fichier"),
        (data() | {"kind": ""}, "Dites ce qu’est ce document."),
        (data() | {"label": "1 85 05 78 006 084 36"}, "numéro de sécurité sociale"),
        (data() | {"label": "Suivi pour dépression"}, "pas son état de santé"),
        (data() | {"label": "x" * 81}, "80"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_kept(
    stage: Stage, folder: Path, values: dict[str, Any], message: str
) -> None:
    response = stage.at_sender.post(list_url(stage), values)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not Attachment.objects.exists()
    assert not files(folder)


def test_what_was_typed_is_kept_when_the_file_is_refused(stage: Stage) -> None:
    page = stage.at_sender.post(list_url(stage), data(b"<html>", kind="cv", label="CV de 2026")).content.decode()
    assert 'value="CV de 2026"' in page
    assert re.search(r'value="cv"[^>]* checked', page)


def test_the_same_document_twice_is_one_document(stage: Stage, folder: Path) -> None:
    assert stage.at_sender.post(list_url(stage), data()).status_code == 302
    again = stage.at_sender.post(list_url(stage), data())
    assert again.status_code == 422
    assert "déjà joint" in again.content.decode()
    assert len(files(folder)) == Attachment.objects.count() == 1


def test_an_eleventh_document_is_refused_and_a_place_left_is_taken_again(stage: Stage, folder: Path) -> None:
    rows = [an_attachment(stage.referral, stage.sends) for _ in range(MAX_PER_FICHE)]
    assert "le maximum" in stage.at_sender.get(list_url(stage)).content.decode()
    refused = stage.at_sender.post(list_url(stage), data())
    assert "déjà 10 documents" in refused.content.decode()
    assert len(files(folder)) == MAX_PER_FICHE
    rows[3].detach(stage.sends, stage.now)
    assert an_attachment(stage.referral, stage.sends).slot == rows[3].slot


def test_a_closed_fiche_takes_and_loses_no_document(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.receives)
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    page = stage.at_receiver.get(list_url(stage)).content.decode()
    assert "Joindre" not in page
    assert "Retirer" not in page
    told = stage.at_receiver.post(list_url(stage), data(), follow=True)
    assert "Rien n’a été modifié." in told.content.decode()
    told = stage.at_receiver.post(remove_url(row), follow=True)
    assert "Rien n’a été modifié." in told.content.decode()
    assert Attachment.objects.get() == row
    assert stage.at_sender.get(file_url(row)).status_code == 200


@pytest.mark.parametrize("values", [{"slot": 11}, {"slot": 0}, {"size": MAX_BYTES + 1}, {"size": 0}])
def test_the_database_itself_refuses_an_eleventh_document_and_a_size_out_of_bounds(
    stage: Stage, values: dict[str, int]
) -> None:
    row = an_attachment(stage.referral, stage.sends)
    with pytest.raises(IntegrityError), transaction.atomic():
        Attachment.objects.filter(pk=row.pk).update(**values)


# Kept, read, removed


def test_a_document_is_kept_apart_under_a_name_of_its_own(stage: Stage, folder: Path, settings: Any) -> None:
    hostile = "../../../etc/Awa Diallo.pdf"
    assert stage.at_sender.post(list_url(stage), data(name=hostile)).status_code == 302
    row = Attachment.objects.get()
    assert files(folder) == [row.path]
    assert row.path.parent.parent == folder
    assert stat.S_IMODE(row.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(row.path.parent.stat().st_mode) == 0o700
    assert row.path.read_bytes() == a_pdf()
    assert row.sha256 == check_file("a.pdf", a_pdf()).sha256
    kept = str({field.name: getattr(row, field.name) for field in Attachment._meta.fields})
    assert "Awa" not in kept
    assert attachments_stand_apart(None) == []


def test_documents_among_the_static_files_are_reported(settings: Any) -> None:
    settings.ATTACHMENTS_DIR = Path(settings.STATIC_ROOT) / "documents"
    assert [error.id for error in attachments_stand_apart(None)] == ["relais.E006"]


def test_a_document_is_given_to_be_saved_and_may_run_nothing(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.sends, kind=AttachmentKind.CERTIFICATE)
    response = stage.at_receiver.get(file_url(row))
    assert response.getvalue() == row.path.read_bytes()
    assert (
        response["Content-Disposition"]
        == f'attachment; filename="{stage.referral.reference}-attestation-ou-diplome-1.pdf"'
    )
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "no-store, private"


def test_a_file_that_the_disk_lost_is_not_found(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.sends)
    row.path.unlink()
    assert stage.at_receiver.get(file_url(row)).status_code == 404


def test_both_structures_see_who_joined_what_and_the_journal_holds_codes_only(stage: Stage) -> None:
    stage.at_sender.post(list_url(stage), data(label="Convention de décembre"))
    page = stage.at_receiver.get(reverse("referrals:referral_detail", args=[stage.referral.reference]))
    assert "Convention de décembre" in page.content.decode()
    assert "Document joint" in page.content.decode()
    listed = stage.at_receiver.get(list_url(stage)).content.decode()
    assert "Non analysée" in listed
    event = Event.objects.get(kind=EventKind.ATTACHED)
    assert event.data == {"kind": "agreement", "type": "pdf"}
    printed = stage.at_receiver.get(reverse("referrals:referral_print", args=[stage.referral.reference]))
    assert "Convention de décembre" in printed.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_document_removed_leaves_no_file_and_one_line_in_the_journal(folder: Path) -> None:
    stage = Stage()
    row = an_attachment(stage.referral, stage.sends)
    colleague = session_of(a_member(stage.sender, Role.PRESCRIBER))
    assert colleague.post(remove_url(row)).status_code == 302
    assert not files(folder)
    assert not Attachment.objects.exists()
    assert Event.objects.get(kind=EventKind.DETACHED).data == {"kind": "agreement", "type": "pdf"}
    assert not row.detach(stage.sends, stage.now)


@pytest.mark.django_db(transaction=True)
def test_a_draft_thrown_away_takes_its_documents_with_it(folder: Path) -> None:
    stage = Stage()
    draft = a_draft(stage.action, stage.sends, stage.person, stage.now)
    an_attachment(draft, stage.sends)
    kept = an_attachment(stage.referral, stage.sends)
    draft.cancel(stage.sends, stage.now, reason=Reason.MISTAKE)
    assert files(folder) == [kept.path]
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.MOVED)
    assert files(folder) == [kept.path]


@pytest.mark.django_db(transaction=True)
def test_the_documents_of_a_person_who_is_erased_go_rows_and_files(folder: Path) -> None:
    stage = Stage()
    an_attachment(stage.referral, stage.sends)
    an_attachment(stage.referral, stage.receives)
    assert Attachment.objects.filter(referral__person=stage.person).erase() == 2
    assert not files(folder)
    assert not Attachment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_removal_taken_back_by_the_database_keeps_the_file(folder: Path) -> None:
    stage = Stage()
    row = an_attachment(stage.referral, stage.sends)
    with pytest.raises(RuntimeError), transaction.atomic():
        row.detach(stage.sends, stage.now)
        raise RuntimeError
    assert Attachment.objects.get().path.exists()


# Both or neither


@pytest.mark.parametrize("failing", ["referrals.models.event.EventQuerySet.log", "os.fsync"])
def test_a_failure_on_the_way_leaves_neither_row_nor_file(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(failing, fail)
    with pytest.raises(OSError, match="space"):
        an_attachment(stage.referral, stage.sends)
    assert not Attachment.objects.exists()
    assert not files(folder)


def test_a_row_never_stands_before_its_file_is_whole(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(path: Path) -> Scan:
        seen.append((path.read_bytes(), Attachment.objects.count()))
        return Scan.NONE

    monkeypatch.setattr("referrals.models.attachment.scan", look)
    row = an_attachment(stage.referral, stage.sends)
    assert seen == [(row.path.read_bytes(), 0)]


def test_when_the_database_cannot_say_whether_the_row_stands_the_file_stays_for_the_sweep(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr("referrals.models.attachment.AttachmentQuerySet.filter", fail)
        an_attachment(stage.referral, stage.sends)
    assert len(files(folder)) == 1
    assert Attachment.objects.sweep(timezone.now() + dt.timedelta(hours=2)) == 1


def test_the_sweep_removes_old_files_without_a_row_and_no_other(stage: Stage, folder: Path) -> None:
    row = an_attachment(stage.referral, stage.sends)
    old = time.time() - 2 * 3600
    orphan, recent = folder / "ab" / ("ab" * 16), folder / "cd" / ("cd" * 16)
    for path in (orphan, recent):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    for path in (orphan, row.path):
        os.utime(path, (old, old))
    said = io.StringIO()
    call_command("clean_attachments", stdout=said)
    assert said.getvalue() == "1 file(s) removed\n"
    assert sorted(files(folder)) == sorted([row.path, recent])
    assert Attachment.objects.sweep(timezone.now() + dt.timedelta(hours=2)) == 1
    assert files(folder) == [row.path]


def test_the_sweep_of_a_site_without_documents_finds_nothing(db: None) -> None:
    assert Attachment.objects.sweep(timezone.now()) == 0


@pytest.mark.django_db(transaction=True)
def test_many_uploads_at_once_never_go_past_ten(folder: Path) -> None:
    stage = Stage()

    def add(number: int) -> str:
        try:
            an_attachment(stage.referral, stage.sends, content=a_pdf(str(number)))
            return "kept"
        except TooManyAttachments:
            return "full"
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(add, range(16)))
    assert sorted(found) == ["full"] * 6 + ["kept"] * 10
    assert len(files(folder)) == Attachment.objects.count() == MAX_PER_FICHE


@pytest.mark.django_db(transaction=True)
def test_a_double_click_joins_one_document(folder: Path) -> None:
    stage = Stage()

    def add(number: int) -> str:
        try:
            an_attachment(stage.referral, stage.sends, content=a_pdf("même"))
            return "kept"
        except AlreadyAttached:
            return "same"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(add, range(4)))
    assert sorted(found) == ["kept", "same", "same", "same"]
    assert len(files(folder)) == 1


# The antivirus


def test_a_document_analysed_says_so(stage: Stage, tmp_path: Path, settings: Any) -> None:
    settings.ATTACHMENT_SCANNER = a_scanner(tmp_path, "sys.exit(0)")
    assert an_attachment(stage.referral, stage.sends).scan == Scan.CLEAN
    assert "Analysée, rien de suspect" in stage.at_receiver.get(list_url(stage)).content.decode()


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("sys.exit(1 if b'EICAR' in content else 0)", Infected, "programme dangereux"),
        ("sys.exit(2)", ScannerFailed, "ne répond pas"),
        ("time.sleep(60)", ScannerFailed, "ne répond pas"),
    ],
)
def test_an_infected_file_and_a_failing_antivirus_keep_nothing(
    stage: Stage,
    folder: Path,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    error: type[Exception],
    message: str,
) -> None:
    settings.ATTACHMENT_SCANNER = a_scanner(tmp_path, script)
    # Only the one that never answers is to be waited for: a busy machine may take seconds to start the others.
    monkeypatch.setattr("referrals.scanning.SECONDS", 2 if "sleep" in script else 60)
    with pytest.raises(error):
        an_attachment(stage.referral, stage.sends, content=a_pdf("EICAR"))
    response = stage.at_sender.post(list_url(stage), data(a_pdf("EICAR")))
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not files(folder)
    assert not Attachment.objects.exists()


def test_an_antivirus_that_is_not_there_keeps_nothing(stage: Stage, folder: Path, settings: Any) -> None:
    settings.ATTACHMENT_SCANNER = ["/nowhere/clamdscan"]
    with pytest.raises(ScannerFailed):
        an_attachment(stage.referral, stage.sends)
    assert not files(folder)


# The API


def test_the_api_attaches_lists_gives_and_removes(stage: Stage) -> None:
    api = client_of(stage.prescriber)
    body = data(label="CV") | {"referral": stage.referral.reference}
    made = api.post("/api/v1/attachments/", body, format="multipart")
    assert made.status_code == 201, made.content
    key = made.json()["id"]
    listed = api.get(f"/api/v1/attachments/?referral={stage.referral.reference}").json()["results"]
    assert [one["id"] for one in listed] == [key]
    given = client_of(stage.trainer).get(f"/api/v1/attachments/{key}/file/", headers={"accept": "application/pdf"})
    assert given.getvalue() == a_pdf()
    assert client_of(stage.trainer).delete(f"/api/v1/attachments/{key}/").status_code == 403
    assert api.delete(f"/api/v1/attachments/{key}/").status_code == 204
    assert not Attachment.objects.exists()


def test_the_api_refuses_as_the_screens_do(stage: Stage, folder: Path) -> None:
    api = client_of(stage.prescriber)
    body = data(b"<html>") | {"referral": stage.referral.reference}
    refused = api.post("/api/v1/attachments/", body, format="multipart")
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/file"
    an_attachment(stage.referral, stage.sends, content=a_pdf())
    same = api.post("/api/v1/attachments/", data() | {"referral": stage.referral.reference}, format="multipart")
    assert same.status_code == 400
    stranger = client_of(a_member(Stage().sender))
    body = data() | {"referral": stage.referral.reference}
    assert stranger.post("/api/v1/attachments/", body, format="multipart").status_code == 404
    stage.referral.decline(stage.receives, stage.now, reason=Reason.NO_PLACE)
    late = api.post(
        "/api/v1/attachments/", data(a_pdf("x")) | {"referral": stage.referral.reference}, format="multipart"
    )
    assert late.status_code == 409
    assert len(files(folder)) == 1


def test_a_closed_fiche_keeps_its_documents_through_the_model_too(stage: Stage) -> None:
    row = an_attachment(stage.referral, stage.sends)
    stage.referral.cancel(stage.sends, stage.now, reason=Reason.MOVED)
    with pytest.raises(StaleReferral):
        row.detach(stage.sends, stage.now)
    assert Door.of(stage.trainer).attachment(row.pk) == row
