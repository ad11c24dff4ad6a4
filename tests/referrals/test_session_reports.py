"""The bilan collectif: counted from the individual rows, published once, read without names and small groups."""

from __future__ import annotations

import datetime as dt
import io
import json
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from pypdf import PdfReader

from referrals import notifications
from referrals.models import (
    Attendance,
    Bilan,
    Event,
    EventKind,
    Exit,
    Half,
    Referral,
    Reminder,
    ReminderKind,
    ReportState,
    SessionReport,
)
from referrals.models.session_report import count
from referrals.permissions import Door
from structures.models import Session, Structure
from structures.vocabulary import NeedTheme, Role
from tests.referrals.stage import Stage, session_of
from tests.territory import a_member, a_person, a_sent, a_session, a_structure

COMMENT = "Un groupe assidu ; il manque un cours du soir."


class Group:
    """A session of a dozen people: eight from the Mission locale, four from a sensitive structure."""

    def __init__(self, size: int = 12) -> None:
        self.stage = Stage()
        self.protected = a_structure("CIDFF 41", is_sensitive=True)
        self.protects = Door.of(a_member(self.protected)).actor
        self.session: Session = a_session(self.stage.action, self.stage.today - dt.timedelta(days=20), code="Automne")
        self.fiches = [self._one(number) for number in range(size)]

    def _one(self, number: int) -> Referral:
        stage = self.stage
        sends = stage.sends if number < 8 else self.protects
        person = a_person(sends, stage.now, first_name=f"Prénom{number}", last_name="Zylberstein")
        fiche = a_sent(stage.action, sends, person, stage.now, session=self.session)
        fiche.accept(stage.receives, stage.now, session=self.session)
        fiche.enter(stage.receives, stage.now, on=stage.today - dt.timedelta(days=20))
        return fiche

    def tell(self) -> None:
        """Attendance, bilans and exits: seven rise and five stay; eight have the DELF, two leave for a job."""
        stage = self.stage
        for number, fiche in enumerate(self.fiches):
            mark = "present" if number < 9 else "absent"
            Attendance.objects.mark(stage.today, Half.MORNING, {fiche: mark}, stage.receives, stage.now)
            bilan = Bilan.objects.start(
                fiche,
                "final",
                stage.receives,
                stage.now,
                levels_before={"oral": 1},
                levels_after={"oral": 2 if number < 7 else 1},
                certificates=[{"certificate": "delf_a1", "result": "obtained" if number < 8 else "failed"}],
                obstacles_left=[NeedTheme.MOBILITY] if number < 6 else [],
                private_notes="Note privée.",
            )
            bilan.hand_in(stage.receives, stage.now)
        for fiche in self.fiches[:2]:
            Exit.objects.record(fiche, stage.receives, stage.now, on=stage.today, kind="cdi")

    def publish(self) -> SessionReport:
        SessionReport.objects.write(self.session, COMMENT, self.stage.receives, self.stage.now)
        report = SessionReport.objects.get()
        assert report.publish(self.stage.receives, self.stage.now)
        return report


@pytest.fixture
def group(db: None) -> Group:
    made = Group()
    made.tell()
    return made


def edit(session: Session) -> str:
    return reverse("referrals:session_report_edit", args=[session.pk])


def publish(session: Session) -> str:
    return reverse("referrals:session_report_publish", args=[session.pk])


def read(session: Session, name: str = "detail") -> str:
    return reverse(f"reporting:session_report_{name}", args=[session.pk])


def at(structure: Structure, *roles: Role) -> Client:
    return session_of(a_member(structure, *roles))


# Who may, and what is refused


def test_only_the_receiver_writes_it(group: Group) -> None:
    for client, code in ((group.stage.at_sender, 404), (group.stage.at_stranger, 404), (group.stage.manager, 403)):
        assert client.get(edit(group.session)).status_code == code
        assert client.post(publish(group.session), {"comment": COMMENT}).status_code == code
    assert not SessionReport.objects.exists()


@pytest.mark.parametrize("comment", ["Madame Zylberstein a trouvé.", "Prénom3 a beaucoup aidé.", "ZYLBERSTEIN"])
def test_a_comment_that_names_a_participant_is_refused_and_kept_on_the_page(group: Group, comment: str) -> None:
    response = group.stage.at_receiver.post(publish(group.session), {"comment": comment})
    assert response.status_code == 422
    assert "retirez-le" in response.content.decode()
    assert comment in response.content.decode()
    assert not SessionReport.objects.exists()


def test_a_session_that_nobody_entered_has_nothing_to_publish(db: None) -> None:
    stage = Stage()
    session = a_session(stage.action, stage.today)
    assert stage.at_receiver.post(publish(session), {"comment": COMMENT}).status_code == 302
    assert not SessionReport.objects.exists()


def test_a_draft_is_read_by_nobody_else(group: Group) -> None:
    assert group.stage.at_receiver.post(edit(group.session), {"comment": COMMENT}).status_code == 302
    assert SessionReport.objects.get().state == ReportState.DRAFT
    assert COMMENT in group.stage.at_receiver.get(edit(group.session)).content.decode()
    for client in (group.stage.at_sender, group.stage.at_receiver, at(a_structure("Ville"), Role.COORDINATOR)):
        assert client.get(read(group.session)).status_code == 404


def test_a_published_report_changes_no_more(group: Group) -> None:
    report = group.publish()
    response = group.stage.at_receiver.post(publish(group.session), {"comment": "Autre"}, follow=True)
    assert "déjà publié" in response.content.decode()
    assert group.stage.at_receiver.post(edit(group.session), {"comment": "Autre"}).status_code == 302
    assert not SessionReport.objects.write(group.session, "Autre", group.stage.receives, group.stage.now)
    assert not report.publish(group.stage.receives, group.stage.now)
    kept = SessionReport.objects.get()
    assert (kept.comment, kept.figures) == (COMMENT, report.figures)


def test_the_database_refuses_a_published_report_without_figures(group: Group) -> None:
    group.publish()
    with pytest.raises(IntegrityError, match="session_report_published_with_its_figures"), transaction.atomic():
        SessionReport.objects.update(figures=None)


# What is counted


def test_everything_is_counted_from_the_individual_rows(group: Group) -> None:
    figures = count(group.session)
    sender, protected = str(group.stage.sender.pk), str(group.protected.pk)
    assert figures == {
        "participants": 12,
        "senders": {sender: 8, protected: 4},
        "attendance": {"half_days": 1, "hours": 27, "rate": 75},
        "bilans": 12,
        "axes": {"oral": {"rose": 7, "same": 5}},
        "certificates": {"delf_a1": {"obtained": 8, "failed": 4}},
        "exits": {"durable": 2},
        "obstacles": {"mobility": 6},
    }


def test_who_never_entered_is_no_participant_and_who_came_twice_is_one(group: Group) -> None:
    stage = group.stage
    a_sent(stage.action, stage.sends, now=stage.now, session=group.session).accept(stage.receives, stage.now)
    again = a_sent(stage.action, stage.sends, group.fiches[5].person, stage.now, session=group.session)
    again.accept(stage.receives, stage.now, session=group.session)
    again.enter(stage.receives, stage.now, on=stage.today)
    assert count(group.session)["participants"] == 12


def test_the_figures_stay_those_of_the_publication(group: Group) -> None:
    group.publish()
    Exit.objects.record(group.fiches[5], group.stage.receives, group.stage.now, on=group.stage.today, kind="cdi")
    assert count(group.session)["exits"] == {"durable": 3}
    figures = SessionReport.objects.get().figures
    assert figures is not None
    assert figures["exits"] == {"durable": 2}


def test_neither_a_name_nor_a_note_stands_in_what_is_kept(group: Group) -> None:
    kept = json.dumps(group.publish().figures)
    assert "Zylberstein" not in kept
    assert "Note privée" not in kept
    event = Event.objects.get(kind=EventKind.REPORT_PUBLISHED)
    assert event.data == {"session": group.session.pk}


# Who reads what


def cells(client: Client, session: Session) -> dict[str, list[str]]:
    """Each line of the published page by its heading."""
    report: dict[str, Any] = client.get(read(session)).context["report"]
    found = {label: [words] for label, words in report["facts"]}
    return found | {row[0]: row[1:] for table in report["tables"] for row in table["rows"]}


def test_its_own_structure_reads_every_figure(group: Group) -> None:
    group.publish()
    lines = cells(group.stage.at_receiver, group.session)
    assert lines["Participants"] == ["12"]
    assert lines["Communication orale"] == ["7", "5", "0"]
    assert lines["DELF A1"] == ["8", "4", "0"]
    assert lines["Emploi durable"] == ["2"]
    assert lines["CIDFF 41"] == ["4"]


def test_a_prescripteur_of_the_session_reads_neither_small_groups_nor_what_betrays_them(group: Group) -> None:
    group.publish()
    lines = cells(group.stage.at_sender, group.session)
    assert lines["Participants"] == ["12"]
    assert lines["Communication orale"] == ["7", "5", "0"]
    assert lines["DELF A1"] == ["n.c.", "<\u00a05", "0"], "the four who failed would be the difference"
    assert lines["Emploi durable"] == ["<\u00a05"]
    assert lines["Pas encore sortis"] == ["n.c."]
    assert lines["Structures protégées"] == ["<\u00a05"]
    text = group.stage.at_sender.get(read(group.session)).content.decode()
    assert "CIDFF" not in text
    assert "Zylberstein" not in text
    assert "Note privée" not in text
    assert COMMENT.split(" ;")[0] in text


@pytest.mark.parametrize("size", [1, 2, 4])
def test_of_a_handful_of_people_the_others_read_the_comment_alone(db: None, size: int) -> None:
    group = Group(size)
    group.tell()
    group.publish()
    for client in (group.stage.at_sender, at(a_structure("Ville"), Role.COORDINATOR)):
        assert cells(client, group.session) == {"Participants": ["<\u00a05"]}
        page = client.get(read(group.session)).content.decode()
        assert "Moins de cinq personnes" in page
        assert COMMENT.split(" ;")[0] in page
        assert "Emploi durable" not in client.get(read(group.session, "print")).content.decode()
    assert cells(group.stage.at_receiver, group.session)["Emploi durable"] == [str(min(size, 2))]


def test_five_people_are_a_group(db: None) -> None:
    group = Group(5)
    group.tell()
    group.publish()
    assert cells(group.stage.at_sender, group.session)["Bilans individuels rendus"] == ["5"]


def test_a_coordinator_reads_it_masked_unless_the_structure_is_sensitive(group: Group) -> None:
    group.publish()
    coordinator = at(a_structure("Ville"), Role.COORDINATOR)
    assert cells(coordinator, group.session)["Emploi durable"] == ["<\u00a05"]
    Structure.objects.filter(pk=group.stage.receiver.pk).update(is_sensitive=True)
    assert coordinator.get(read(group.session)).status_code == 404
    assert group.stage.at_sender.get(read(group.session)).status_code == 200, "who sent someone there knows it"


def test_a_prescripteur_who_sent_nobody_to_the_session_does_not_read_it(group: Group) -> None:
    group.publish()
    assert group.stage.at_stranger.get(read(group.session)).status_code == 404
    stage = group.stage
    waiting = Door.of(a_member(a_structure("PLIE")))
    a_sent(stage.action, waiting.actor, now=stage.now, session=group.session)
    assert session_of(waiting.user).get(read(group.session)).status_code == 404, "nobody of theirs entered"  # type: ignore[arg-type]


def test_the_sheet_to_print_says_the_same(group: Group) -> None:
    group.publish()
    text = group.stage.at_sender.get(read(group.session, "print")).content.decode()
    assert "Structures protégées" in text
    assert "CIDFF" not in text
    assert "n.c." in text


def test_the_pdf_says_the_same_and_is_tagged(group: Group) -> None:
    group.publish()
    answer = group.stage.at_sender.get(read(group.session, "pdf"))
    assert answer["Content-Type"] == "application/pdf"
    pdf = PdfReader(io.BytesIO(answer.content))
    text = " ".join(" ".join(page.extract_text() for page in pdf.pages).split())
    assert "Structures protégées" in text
    assert "CIDFF" not in text
    assert "Communication orale 7 5 0" in text
    assert "/MarkInfo" in pdf.root_object
    assert group.stage.at_stranger.get(read(group.session, "pdf")).status_code == 404


def test_the_list_holds_those_that_one_may_read(group: Group) -> None:
    group.publish()
    url = reverse("reporting:session_report_list")
    assert read(group.session) in group.stage.at_sender.get(url).content.decode()
    assert read(group.session) not in group.stage.at_stranger.get(url).content.decode()


def test_the_fiche_leads_to_the_report_of_its_session(group: Group) -> None:
    page = reverse("referrals:referral_detail", args=[group.fiches[3].reference])
    assert edit(group.session) in group.stage.at_receiver.get(page).content.decode()
    group.publish()
    for client in (group.stage.at_receiver, group.stage.at_sender):
        assert read(group.session) in client.get(page).content.decode()


# Who is told of it


def due_of(group: Group) -> list[Reminder]:
    rows = Reminder.objects.filter(kind=ReminderKind.REPORT_PUBLISHED).select_related("referral__sender")
    return list(rows.order_by("referral__sender__name"))


def letters_of(group: Group) -> list[tuple[str, str]]:
    written = [letter for one in due_of(group) for letter in notifications.carry_out(one, group.stage.now)]
    return sorted((letter.letter, letter.to) for letter in written)


def test_each_prescripteur_of_a_participant_gets_one_letter_and_nobody_else(group: Group) -> None:
    stage = group.stage
    absent = Door.of(a_member(a_structure("PLIE")))
    a_sent(stage.action, absent.actor, now=stage.now, session=group.session)
    other = a_member(stage.sender, email="second@example.org")
    Referral.objects.filter(pk=group.fiches[2].pk).update(sender_member=other)
    own = a_sent(stage.action, stage.receives, now=stage.now, session=group.session)
    own.accept(stage.receives, stage.now, session=group.session)
    own.enter(stage.receives, stage.now, on=stage.today)
    group.publish()
    assert [one.referral.sender.name for one in due_of(group)] == ["CIDFF 41", "Mission locale"]
    assert all(notifications.decide(one, stage.now) == "" for one in due_of(group))
    protects = group.protects.user
    assert protects is not None
    expected = sorted([protects.email, stage.prescriber.email, "second@example.org"])
    assert [to for _, to in letters_of(group)] == expected


def test_colleagues_who_left_are_written_to_once_at_their_structure(group: Group) -> None:
    other = a_member(group.stage.sender)
    Referral.objects.filter(pk=group.fiches[2].pk).update(sender_member=other)
    group.stage.sender.memberships.update(is_active=False)
    Structure.objects.filter(pk=group.stage.sender.pk).update(email="ml@example.org")
    group.publish()
    assert [to for _, to in letters_of(group)].count("ml@example.org") == 1


def test_the_letter_names_nobody_no_small_group_and_leads_to_the_report(group: Group) -> None:
    group.publish()
    for one in due_of(group):
        for letter in notifications.carry_out(one, group.stage.now):
            assert letter.referral is not None
            assert read(group.session) in letter.body_text
            for words in ("Zylberstein", "Prénom", COMMENT, "CIDFF", one.referral.reference):
                assert words not in letter.subject + letter.body_text + letter.body_html


def test_publishing_twice_plans_nothing_more_and_a_fiche_moved_elsewhere_is_not_told(group: Group) -> None:
    report = group.publish()
    assert not report.publish(group.stage.receives, group.stage.now)
    assert len(due_of(group)) == 2
    Referral.objects.filter(pk=due_of(group)[0].referral_id).update(session=None)
    assert [notifications.decide(one, group.stage.now) for one in due_of(group)] == ["overtaken", ""]
