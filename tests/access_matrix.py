"""Who gets what at each address: one row per address, one sign per actor.

`.` the page or the verb answers; `3` the role does not allow it (403); `4` it does not exist for this actor (404);
`L` asked to log in. The actors are in the order of `ACTORS`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.models import SavedView, User
from referrals.models import (
    Bilan,
    Commission,
    Exit,
    FollowUp,
    ItemKind,
    Link,
    MobilityAnswers,
    MobilityReading,
    Notification,
    PersonMerge,
    Positioning,
    Referral,
    SessionReport,
    Situation,
)
from referrals.models.merge import version_of
from referrals.permissions import Door
from referrals.states import Reason
from structures.models import Membership
from structures.vocabulary import ActionShape, Licence, NeedTheme, Role
from tests.territory import (
    a_batch,
    a_door,
    a_draft,
    a_member,
    a_need,
    a_person,
    a_person_batch,
    a_sent,
    a_session,
    a_structure,
    an_action,
    an_attachment,
)

ACTORS = (
    "own prescriber",
    "own receiver",
    "own manager",
    "linked receiver",
    "linked prescriber",
    "stranger",
    "coordinator",
    "anonymous",
)
"""Own: the structure that recorded the person and sent the fiche. Linked: the structure that received it."""


class Case:
    """One person followed by two structures, with a fiche at each step."""

    def __init__(self) -> None:
        self.now = timezone.now()
        today = timezone.localdate(self.now)
        self.own_structure = a_structure("Prescripteur")
        self.own: Door = a_door(self.own_structure)
        self.linked: Door = a_door(a_structure("Accueil"))
        self.users: dict[str, User | None] = {
            "own prescriber": a_member(self.own.structure, Role.PRESCRIBER),
            "own receiver": a_member(self.own.structure, Role.RECEIVER),
            "own manager": a_member(self.own.structure, Role.MANAGER),
            "linked receiver": a_member(self.linked.structure, Role.RECEIVER),
            "linked prescriber": a_member(self.linked.structure, Role.PRESCRIBER),
            "stranger": a_member(a_structure("Ailleurs"), Role.PRESCRIBER, Role.RECEIVER, Role.MANAGER),
            "coordinator": a_member(a_structure("Ville"), Role.COORDINATOR),
            "anonymous": None,
        }
        self.member = Membership.objects.get(user=self.users["own receiver"])
        self.action = an_action(self.linked.structure)
        self.other = an_action(self.linked.structure, themes=[NeedTheme.DIGITAL])
        self.managed = an_action(self.own.structure, criteria=[{"kind": "age", "need": "required", "min": 16}])
        self.session = a_session(self.managed, today)
        change = self.managed.confirm(self.own.user, self.now, today)
        assert change is not None
        self.change = change
        self.person = a_person(self.own.actor, self.now)
        self.need = a_need(self.person, self.own.actor)
        MobilityReading.objects.record(self.person, MobilityAnswers(licence=Licence.NONE), self.own.actor, self.now)
        self.draft = a_draft(self.action, self.own.actor, self.person, self.now)
        self.sent = self._sent()
        self.asked = self._sent()
        self.asked.ask(self.linked.actor, self.now, question="A-t-elle le permis ?")
        self.key = Link.objects.issue(self.sent, self.now)
        self.accepted = self._sent()
        self.accepted.accept(self.linked.actor, self.now)
        self.answered = self._sent()
        self.answered.decline(self.linked.actor, self.now, reason=Reason.NO_PLACE)
        self.waiting = self._sent()
        self.waiting.waitlist(self.linked.actor, self.now)
        self.offered = self._sent()
        self.offered.waitlist(self.linked.actor, self.now)
        self.offered.offer(self.linked.actor, self.now)
        self.met = self._sent()
        self.met.accept(self.linked.actor, self.now, appointment_at=self.now + dt.timedelta(days=3))
        self.entered = self._entered(self._sent())
        self.event = self._entered(self._sent(shape=ActionShape.EVENT))
        self.to_position = self._sent(shape=ActionShape.POSITIONING)
        self.to_position.accept(self.linked.actor, self.now)
        self.positioned = self._sent(shape=ActionShape.POSITIONING)
        self.positioned.accept(self.linked.actor, self.now)
        Positioning.objects.record(self.positioned, self.linked.actor, self.now, on=today, levels={"oral": 2})
        self.bilan = self.positioned.bilans.get()
        self.attachment = an_attachment(self.sent, self.own.actor, self.now)
        self.bilan_draft = Bilan.objects.start(self.entered, "intermediate", self.linked.actor, self.now)
        self.closed = self._sent()
        self.closed.cancel(self.own.actor, self.now, reason=Reason.MISTAKE)
        self.left = gone = self._entered(self._sent())
        Exit.objects.record(gone, self.linked.actor, self.now, on=today, kind="cdi")
        self.followup = FollowUp.objects.get(referral=gone)
        self.token = self.followup.ask(self.linked.actor, self.now)

        self.running = a_session(self.action, today)
        self.reported = a_session(self.action, today)
        left = a_sent(self.action, self.own.actor, self.person, self.now, session=self.reported)
        self._entered(left)
        SessionReport.objects.write(self.reported, "", self.linked.actor, self.now)
        SessionReport.objects.get(session=self.reported).publish(self.linked.actor, self.now)
        twins = [a_person(self.own.actor, self.now, first_name="Nour", last_name="Double") for _ in range(4)]
        self.twins = twins[:2]
        self.pair = self.own.resemblances().get(first__in=self.twins, second__in=self.twins)
        self.merge = PersonMerge.objects.merge(
            twins[2], twins[3], self.own.actor, self.now, values={}, seen=version_of(*twins[2:])
        )

        self.persons_uploaded = a_person_batch(self.own, [["Nom", "Prénom"], ["Sans prénom", ""]], self.now)
        self.notification = Notification.objects.create(
            user=self.member.user,
            structure=self.own_structure,
            referral=self.sent,
            reminder=self.sent.reminders.order_by("due_at", "id")[0],
            letter="referral_accepted",
            subject="Fiche acceptée",
            created_at=self.now,
        )
        city = Door.of(self.users["coordinator"])
        joined = [self.own_structure, self.action.structure]
        found = [Situation(ItemKind.UNANSWERED, referral=self.sent, since=today)]
        convened = [
            Commission.objects.prepare(city.actor, self.now, on=on, participants=joined, situations=found)
            for on in (today, today + dt.timedelta(days=30))
        ]
        self.meeting, self.coming = [one for one in convened if one is not None]
        self.meeting.hold(city.actor, self.now)
        self.point = self.meeting.items.get()
        task = self.point.give(self.own_structure, city.actor, self.now, what="Rappeler", due_on=today)
        assert task is not None
        self.task = task
        self.saved_view = SavedView.objects.keep(self.member.user, "QPV", "?periode=mois", self.now)
        self.uploaded = a_batch(self.own_structure, self.now, [["Nom"], ["Sans besoin"]])
        self.imported = a_batch(self.own_structure, self.now, [["Nom", "Besoins"], ["Atelier", "Mobilité"]])
        self.imported.import_rows(self.now, self.imported.plan().digest())

    def _sent(self, **values: Any) -> Referral:
        action = an_action(self.linked.structure, **values) if values else self.action
        return a_sent(action, self.own.actor, self.person, self.now, needs=[self.need])

    def _entered(self, referral: Referral) -> Referral:
        referral.accept(self.linked.actor, self.now)
        referral.enter(self.linked.actor, self.now, on=timezone.localdate(self.now) - dt.timedelta(days=1))
        return referral


Arguments = Callable[[Case], dict[str, Any]]


def of_person(case: Case) -> dict[str, Any]:
    return {"pk": case.person.pk}


def fiche(name: str) -> Arguments:
    return lambda case: {"reference": getattr(case, name).reference}


def row(name: str) -> Arguments:
    return lambda case: {"pk": getattr(case, name).pk}


def managed(case: Case) -> dict[str, Any]:
    return {"slug": case.managed.slug}


def of_point(case: Case) -> dict[str, Any]:
    return {"pk": case.meeting.pk, "item": case.point.pk}


@dataclass(frozen=True)
class Row:
    """What is asked, and what each actor gets."""

    signs: str
    arguments: Arguments = lambda case: {}
    method: str = "get"
    body: Arguments = field(default=lambda case: {})


def sign_of(response: HttpResponseBase) -> str:
    """The matrix's sign for an answer."""
    code = response.status_code
    if code == 401 or (code == 302 and re.match(r"/compte/connexion/|/admin/login/", response["Location"])):
        return "L"
    if code in (403, 404):
        return str(code)[-1]
    return "." if code < 500 else f"[{code}]"


EVERYONE = "........"
LOGGED_IN = ".......L"
NOBODY = "44444444"
SUPPORT = "3333333L"
FILES = "......3L"
PARTIES = ".....44L"
SENDER = ".333344L"
RECEIVER = "333.344L"
MANAGER = "33.4444L"
JOINED = ".....4.L"
MINUTES = "333334.L"

MATRIX: dict[str, Row] = {
    "health": Row(EVERYONE),
    "theme": Row(EVERYONE, method="post", body=lambda case: {"theme": "dark", "next": "/"}),
    "style": Row(EVERYONE),
    # How letters leave: `tests/worker/test_operation.py` opens these to the support
    "worker:posting_health": Row(EVERYONE),
    "worker:metrics": Row(NOBODY),
    "worker:operation": Row(SUPPORT),
    "worker:replay": Row(SUPPORT, method="post"),
    "worker:abandon": Row(SUPPORT, lambda case: {"pk": case.person.pk}, method="post"),
    # The directory and the figures
    "structures:action_list": Row(LOGGED_IN),
    "structures:action_detail": Row(LOGGED_IN, lambda case: {"slug": case.action.slug}),
    "structures:commune_options": Row(LOGGED_IN, method="post", body=lambda case: {"commune": "blo"}),
    "structures:action_sheet": Row(LOGGED_IN, lambda case: {"slug": case.action.slug}),
    "reporting:dashboard": Row(LOGGED_IN),
    "reporting:alerts": Row(LOGGED_IN),
    "reporting:export": Row(LOGGED_IN, lambda case: {"kind": "csv"}),
    "reporting:saved_view_list": Row(LOGGED_IN),
    "reporting:saved_view_new": Row(LOGGED_IN),
    "reporting:saved_view_rename": Row("4.44444L", row("saved_view")),
    "reporting:saved_view_delete": Row("4.44444L", row("saved_view"), method="post"),
    "reporting:saved_view_restore": Row("4.44444L", row("saved_view"), method="post"),
    "reporting:pathways": Row(LOGGED_IN),
    "reporting:session_report_list": Row(LOGGED_IN),
    "reporting:session_report_detail": Row(".....4.L", lambda case: {"pk": case.reported.pk}),
    "reporting:session_report_pdf": Row(".....4.L", lambda case: {"pk": case.reported.pk}),
    "reporting:session_report_print": Row(".....4.L", lambda case: {"pk": case.reported.pk}),
    # Who is away
    "structures:hours_edit": Row("33.33.3L"),
    "referrals:policy_list": Row("33.33.3L"),
    "referrals:policy_edit": Row("33.33.3L", lambda case: {"kind": "unanswered"}),
    "referrals:policy_reset": Row("33.33.3L", lambda case: {"kind": "unanswered"}, method="post"),
    "structures:absence_list": Row(LOGGED_IN),
    "structures:absence_edit": Row("3..4444L", lambda case: {"pk": case.member.pk}),
    "structures:absence_end": Row("3..4444L", lambda case: {"pk": case.member.pk}, method="post"),
    # Letters, and what is read of them in Relais
    "structures:letter_choices": Row(LOGGED_IN),
    "referrals:notification_list": Row(LOGGED_IN),
    "referrals:notification_read": Row(LOGGED_IN, method="post"),
    "referrals:notification_open": Row("4.44444L", row("notification"), method="post"),
    "referrals:letter_list": Row("33.33.3L"),
    "referrals:letter_detail": Row("33.33.3L", lambda case: {"name": "referral_received"}),
    "referrals:letter_html": Row("33.33.3L", lambda case: {"name": "referral_received"}),
    # Actions brought from a table
    "structures:import_list": Row("33.33.3L"),
    "structures:import_model": Row("33.33.3L", lambda case: {"kind": "xlsx"}),
    "structures:import_detail": Row(MANAGER, row("uploaded")),
    "structures:import_columns": Row(MANAGER, row("uploaded")),
    "structures:import_faults": Row(MANAGER, row("uploaded")),
    "structures:import_run": Row(MANAGER, row("uploaded"), method="post"),
    "structures:import_undo": Row(MANAGER, row("imported"), method="post"),
    # The actions of one's structure
    "structures:own_actions": Row("33.33.3L"),
    "structures:action_create": Row("33.33.3L"),
    "structures:action_edit": Row(MANAGER, managed),
    "structures:action_criteria": Row(MANAGER, managed),
    "structures:action_pause": Row(MANAGER, managed, method="post"),
    "structures:action_resume": Row(MANAGER, managed, method="post"),
    "structures:action_confirm": Row(MANAGER, managed, method="post"),
    "structures:action_undo": Row(
        MANAGER, lambda case: {"slug": case.managed.slug, "pk": case.change.pk}, method="post"
    ),
    "structures:session_create": Row(MANAGER, managed),
    "structures:session_edit": Row(MANAGER, lambda case: {"slug": case.managed.slug, "pk": case.session.pk}),
    "structures:session_remove": Row(
        MANAGER, lambda case: {"slug": case.managed.slug, "pk": case.session.pk}, method="post"
    ),
    "referrals:criteria_preview": Row(MANAGER, managed, method="post"),
    # Home, persons, needs, suggestions
    "referrals:home": Row(LOGGED_IN),
    "referrals:switch_structure": Row(
        "...4444L", method="post", body=lambda case: {"structure": case.own_structure.pk, "next": "/"}
    ),
    "referrals:find_anything": Row(LOGGED_IN, method="post", body=lambda case: {"mots": "awa"}),
    "referrals:person_list": Row(FILES),
    "referrals:person_create": Row(".333..3L"),
    "referrals:person_duplicates": Row(".333..3L", method="post"),
    "referrals:person_import_list": Row(".333..3L"),
    "referrals:person_import_model": Row(".333..3L", lambda case: {"kind": "ods"}),
    "referrals:person_import_detail": Row(".334444L", row("persons_uploaded")),
    "referrals:person_import_columns": Row(".334444L", row("persons_uploaded")),
    "referrals:person_import_choose": Row(".334444L", row("persons_uploaded"), method="post"),
    "referrals:person_import_faults": Row(".334444L", row("persons_uploaded")),
    "referrals:person_import_run": Row(".334444L", row("persons_uploaded"), method="post"),
    "referrals:person_import_undo": Row(".334444L", row("persons_uploaded"), method="post"),
    "referrals:person_export": Row(FILES, lambda case: {"kind": "csv"}, method="post"),
    "referrals:merge_list": Row(".333..3L"),
    "referrals:merge_dismiss": Row(".334444L", row("pair"), method="post"),
    "referrals:merge_undo": Row(".334444L", row("merge"), method="post"),
    "referrals:merge_preview": Row(".334444L", lambda case: {"pk": case.twins[0].pk, "other": case.twins[1].pk}),
    "referrals:person_detail": Row(PARTIES, of_person),
    "referrals:person_update": Row(SENDER, of_person),
    "referrals:departure_record": Row(SENDER, of_person),
    "referrals:departure_undo": Row(SENDER, of_person, method="post"),
    "referrals:need_create": Row(".333.44L", of_person),
    "referrals:need_close": Row(".333.44L", lambda case: {"pk": case.person.pk, "need": case.need.pk}, method="post"),
    "referrals:mobility_record": Row(".333.44L", of_person),
    "referrals:mobility_print": Row(PARTIES, of_person),
    "referrals:suggestions": Row(".333.44L", of_person),
    "referrals:question_answer": Row(
        SENDER, of_person, method="post", body=lambda case: {"fact": "digital", "answer": "none"}
    ),
    "referrals:question_undo": Row(SENDER, of_person, method="post"),
    "referrals:plan_create": Row(".333.44L", of_person, method="post"),
    "referrals:plan_recall": Row(".333.44L", of_person, method="post"),
    "referrals:plan_send": Row(".333.44L", of_person),
    "referrals:referral_create": Row(
        ".333.44L", of_person, method="post", body=lambda case: {"action": case.action.slug}
    ),
    # The fiche, on the sender's side
    "referrals:referral_list": Row(FILES),
    "referrals:referral_detail": Row(PARTIES, fiche("sent")),
    "referrals:referral_print": Row(PARTIES, fiche("sent")),
    "referrals:referral_pdf": Row(PARTIES, fiche("sent")),
    "referrals:attachment_list": Row(PARTIES, fiche("sent")),
    "referrals:attachment_file": Row(PARTIES, row("attachment")),
    "referrals:attachment_remove": Row(SENDER, row("attachment"), method="post"),
    "referrals:referral_send": Row(".334444L", fiche("draft")),
    "referrals:referral_autosave": Row(".334444L", fiche("draft"), method="post"),
    "referrals:referral_recall": Row(SENDER, fiche("sent"), method="post"),
    "referrals:referral_cancel": Row(SENDER, fiche("sent")),
    "referrals:link_revoke": Row(".33.344L", fiche("sent"), method="post"),
    # The receiver's answers
    "referrals:response_accept": Row(RECEIVER, fiche("sent"), method="post"),
    "referrals:response_waitlist": Row(RECEIVER, fiche("sent"), method="post"),
    "referrals:response_decline": Row(RECEIVER, fiche("sent"), method="post"),
    "referrals:response_redirect": Row(RECEIVER, fiche("sent"), method="post"),
    "referrals:response_offer": Row(RECEIVER, fiche("waiting"), method="post"),
    "referrals:response_confirm": Row(".33.344L", fiche("offered"), method="post"),
    "referrals:response_lapse": Row(SENDER, fiche("offered"), method="post"),
    "referrals:response_retract": Row(RECEIVER, fiche("answered"), method="post"),
    "referrals:bulk_answer": Row(
        "333.343L", method="post", body=lambda case: {"fiche": f"{case.sent.reference}:{case.sent.version}"}
    ),
    "referrals:bulk_result": Row(FILES),
    "referrals:bulk_retract": Row(
        "333.343L", method="post", body=lambda case: {"fiche": f"{case.answered.reference}:{case.answered.version}"}
    ),
    "referrals:response_enter": Row(RECEIVER, fiche("accepted"), method="post"),
    "referrals:response_miss": Row(RECEIVER, fiche("accepted"), method="post"),
    "referrals:referral_end": Row(RECEIVER, fiche("event"), method="post"),
    "referrals:response_reopen": Row(".33.344L", fiche("closed"), method="post"),
    "referrals:response_resume": Row(RECEIVER, fiche("left"), method="post"),
    # Questions before deciding, and who follows the fiche
    "referrals:clarification_create": Row(RECEIVER, fiche("sent"), method="post"),
    "referrals:clarification_answer": Row(SENDER, fiche("asked"), method="post"),
    "referrals:clarification_withdraw": Row(RECEIVER, fiche("asked"), method="post"),
    "referrals:assignment_assign": Row("333.344L", fiche("sent"), method="post"),
    "referrals:assignment_hand_over": Row("33.3344L", fiche("sent"), method="post"),
    "referrals:assignment_many": Row("3...3.3L"),
    # The rendez-vous
    "referrals:appointment_set": Row(RECEIVER, fiche("met"), method="post"),
    "referrals:appointment_settle": Row(
        RECEIVER, fiche("met"), method="post", body=lambda case: {"outcome": "excused"}
    ),
    "referrals:appointment_unsettle": Row(RECEIVER, fiche("met"), method="post"),
    "referrals:appointment_tell": Row(".33.344L", fiche("met"), method="post"),
    "referrals:appointment_calendar": Row(PARTIES, fiche("met")),
    # Positionnement, bilans, exit
    "referrals:positioning_record": Row(RECEIVER, fiche("to_position")),
    "referrals:positioning_print": Row(PARTIES, fiche("positioned")),
    "referrals:positioning_pdf": Row(PARTIES, fiche("positioned")),
    "referrals:bilan_create": Row(
        ".33.344L", lambda case: {"reference": case.entered.reference, "kind": "final"}, method="post"
    ),
    "referrals:bilan_detail": Row(PARTIES, row("bilan")),
    "referrals:bilan_print": Row(PARTIES, row("bilan")),
    "referrals:bilan_pdf": Row(PARTIES, row("bilan")),
    "referrals:bilan_sheet_print": Row(PARTIES, row("bilan")),
    "referrals:bilan_sheet_pdf": Row(PARTIES, row("bilan")),
    "referrals:bilan_edit": Row("444..44L", row("bilan_draft")),
    "referrals:bilan_autosave": Row("444..44L", row("bilan_draft"), method="post"),
    "referrals:bilan_return": Row("444..44L", row("bilan_draft"), method="post"),
    "referrals:bilan_next": Row(".333.44L", row("bilan")),
    "referrals:exit_record": Row(RECEIVER, fiche("entered")),
    # Attendance, and the bilan collectif of a session
    "referrals:attendance_referral": Row(RECEIVER, fiche("entered")),
    "referrals:attendance_session": Row("444.344L", lambda case: {"pk": case.running.pk}),
    "referrals:attendance_print": Row("444.344L", lambda case: {"pk": case.running.pk}),
    "referrals:session_report_edit": Row("444.344L", lambda case: {"pk": case.running.pk}),
    "referrals:session_report_publish": Row("444.344L", lambda case: {"pk": case.running.pk}, method="post"),
    # Six months later
    "referrals:followup_list": Row("..3...3L"),
    "referrals:followup_detail": Row("..3..44L", row("followup")),
    "referrals:followup_record": Row("..3..44L", row("followup"), method="post"),
    "referrals:followup_answer": Row(EVERYONE, lambda case: {"token": case.token}),
    # The commission de suivi
    "referrals:commission_list": Row(LOGGED_IN),
    "referrals:commission_create": Row("333333.L"),
    "referrals:commission_detail": Row(JOINED, row("meeting")),
    "referrals:commission_print": Row(JOINED, row("meeting")),
    "referrals:commission_pdf": Row(JOINED, row("meeting")),
    "referrals:commission_edit": Row(MINUTES, row("meeting")),
    "referrals:commission_refresh": Row(MINUTES, row("coming"), method="post"),
    "referrals:commission_hold": Row(MINUTES, row("coming"), method="post"),
    "referrals:commission_close": Row(MINUTES, row("meeting"), method="post"),
    "referrals:commission_decide": Row(
        MINUTES, of_point, method="post", body=lambda case: {"decision": "Relancer", "version": 0}
    ),
    "referrals:commission_give": Row(MINUTES, of_point, method="post"),
    "referrals:task_done": Row("...4444L", row("task"), method="post"),
    "referrals:task_undone": Row("...4444L", row("task"), method="post"),
    # By the link of a letter
    "referrals:link_ask": Row(EVERYONE, method="post", body=lambda case: {"reference": case.sent.reference}),
    "referrals:link": Row(EVERYONE, lambda case: {"token": case.key.token}),
    "referrals:link_page": Row(
        EVERYONE, lambda case: {"token": case.key.token, "rest": f"fiches/{case.sent.reference}/imprimer/"}
    ),
    # The API: a session opens it too
    "api:docs": Row(LOGGED_IN),
    "api:schema": Row(LOGGED_IN),
    "api:me": Row(LOGGED_IN),
    "api:letters": Row(LOGGED_IN),
    "api:notification-list": Row(LOGGED_IN),
    "api:notification-read-all": Row(LOGGED_IN, method="post"),
    "api:notification-read": Row("4.44444L", row("notification"), method="post"),
    "api:structure-list": Row(LOGGED_IN),
    "api:structure-detail": Row(LOGGED_IN, lambda case: {"pk": case.own_structure.pk}),
    "api:action-list": Row(LOGGED_IN),
    "api:action-detail": Row(LOGGED_IN, lambda case: {"slug": case.action.slug}),
    "api:person-list": Row(FILES),
    "api:person-search": Row(FILES, method="post", body=lambda case: {"words": "a"}),
    "api:person-export": Row(FILES, method="post", body=lambda case: {"format": "csv"}),
    "api:person-import-list": Row(".333..3L"),
    "api:person-import-detail": Row(".334443L", row("persons_uploaded")),
    "api:person-import-columns": Row(".334443L", row("persons_uploaded"), method="post"),
    "api:person-import-choose": Row(".334443L", row("persons_uploaded"), method="post"),
    "api:person-import-apply": Row(".334443L", row("persons_uploaded"), method="post"),
    "api:person-import-undo": Row(".334443L", row("persons_uploaded"), method="post"),
    "api:duplicate-list": Row(".333..3L"),
    "api:duplicate-dismiss": Row(".334443L", row("pair"), method="post"),
    "api:merge-list": Row(".333..3L"),
    "api:merge-preview": Row(
        ".334443L", method="post", body=lambda case: {"keep": case.twins[0].pk, "lose": case.twins[1].pk}
    ),
    "api:merge-undo": Row(".334443L", row("merge"), method="post"),
    "api:person-detail": Row(".....43L", of_person),
    "api:person-move-away": Row(".333343L", of_person, method="post"),
    "api:person-come-back": Row(".333343L", of_person, method="post"),
    "api:person-needs": Row(".....43L", of_person),
    "api:person-suggestions": Row(".333.43L", of_person),
    "api:need-detail": Row(".....43L", row("need")),
    "api:need-close": Row(".333.43L", row("need"), method="post"),
    "api:referral-list": Row(FILES),
    "api:referral-detail": Row(".....43L", fiche("sent")),
    "api:referral-pdf": Row(".....43L", fiche("sent")),
    "api:referral-positioning-pdf": Row(".....43L", fiche("positioned")),
    "api:referral-send": Row(".334443L", fiche("draft"), method="post"),
    "api:referral-recall": Row(".333343L", fiche("sent"), method="post"),
    "api:referral-cancel": Row(".333343L", fiche("sent"), method="post"),
    "api:referral-accept": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-meet": Row("333.343L", fiche("met"), method="post"),
    "api:referral-settle": Row("333.343L", fiche("met"), method="post"),
    "api:referral-unsettle": Row("333.343L", fiche("met"), method="post"),
    "api:referral-tell": Row(".33.343L", fiche("met"), method="post"),
    "api:referral-calendar": Row(".....43L", fiche("met")),
    "api:referral-waitlist": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-decline": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-ask": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-unask": Row("333.343L", fiche("asked"), method="post"),
    "api:referral-clarify": Row(".333343L", fiche("asked"), method="post"),
    "api:referral-assign": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-hand-over": Row("33.3343L", fiche("sent"), method="post"),
    "api:referral-redirect": Row("333.343L", fiche("sent"), method="post"),
    "api:referral-offer": Row("333.343L", fiche("waiting"), method="post"),
    "api:referral-confirm": Row(".33.343L", fiche("offered"), method="post"),
    "api:referral-lapse": Row(".333343L", fiche("offered"), method="post"),
    "api:referral-retract": Row("333.343L", fiche("answered"), method="post"),
    "api:referral-enter": Row("333.343L", fiche("accepted"), method="post"),
    "api:referral-miss": Row("333.343L", fiche("accepted"), method="post"),
    "api:referral-end": Row("333.343L", fiche("event"), method="post"),
    "api:referral-revoke-links": Row(".33.343L", fiche("sent"), method="post"),
    "api:referral-reopen": Row(".33.343L", fiche("closed"), method="post"),
    "api:referral-resume": Row("333.343L", fiche("left"), method="post"),
    "api:referral-position": Row("333.343L", fiche("to_position"), method="post"),
    "api:referral-exit": Row("333.343L", fiche("entered"), method="post"),
    "api:bilan-list": Row(FILES),
    "api:bilan-detail": Row(".....43L", row("bilan")),
    "api:bilan-pdf": Row(".....43L", row("bilan")),
    "api:bilan-person-pdf": Row(".....43L", row("bilan")),
    "api:bilan-hand-in": Row("444..43L", row("bilan_draft"), method="post"),
    "api:attachment-list": Row(FILES),
    "api:attachment-detail": Row(".....43L", row("attachment")),
    "api:attachment-file": Row(".....43L", row("attachment")),
    "api:policy-list": Row("33.33.3L"),
    "api:policy-detail": Row("33.33.3L", lambda case: {"kind": "unanswered"}),
    "api:commission-list": Row(LOGGED_IN),
    "api:commission-detail": Row(JOINED, row("meeting")),
    "api:commission-decide": Row(
        MINUTES,
        row("meeting"),
        method="post",
        body=lambda case: {"item": case.point.pk, "decision": "Relancer", "version": 0},
    ),
    "api:commission-give": Row(MINUTES, row("meeting"), method="post"),
    "api:commission-pdf": Row(JOINED, row("meeting")),
    "api:task-list": Row(LOGGED_IN),
    "api:task-done": Row("...4444L", row("task"), method="post"),
    "api:followup-list": Row(FILES),
    "api:followup-detail": Row(".....43L", row("followup")),
    "api:followup-record": Row("..3..43L", row("followup"), method="post"),
}
"""Every address but those of the account pages and of the admin, which have tests of their own."""
