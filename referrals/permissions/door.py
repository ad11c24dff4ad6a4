"""The one door: what a user may do in the name of a structure, and which rows they see.

Every view, API endpoint and button asks the same `Door`. A row that the door does not show answers 404; a verb that
the role does not allow answers 403; a verb that the state does not allow is no button, and answers 409 when forced.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Func, OuterRef, Q
from django.http import Http404

from accounts.models import User
from referrals.models import (
    Actor,
    Attachment,
    Bilan,
    ConsentScope,
    FollowUp,
    Link,
    MobilityReading,
    Need,
    Origin,
    Person,
    PersonBatch,
    PersonMerge,
    Referral,
    Resemblance,
    SessionReport,
)
from referrals.models.attachment import ATTACHABLE, AttachmentQuerySet
from referrals.models.bilan import BilanQuerySet, BilanState
from referrals.models.followup import FollowUpQuerySet
from referrals.models.merge import PersonMergeQuerySet
from referrals.models.mobility import MobilityReadingQuerySet
from referrals.models.need import NeedQuerySet
from referrals.models.notification import NotificationQuerySet
from referrals.models.person import PersonQuerySet, ResemblanceQuerySet
from referrals.models.person_batch import PersonBatchQuerySet
from referrals.models.referral import ReferralQuerySet
from referrals.models.session_report import SessionReportQuerySet
from referrals.permissions.counting import counts_of, memberships_of, told_to
from referrals.permissions.gone import MergedAway
from referrals.permissions.roles import (
    ACTION_VERBS,
    ASKING,
    BOTH_SIDES,
    BY_LINK,
    CASE_ROLES,
    RECEIVER_STEPS,
    RECEIVER_VERBS,
    SENDER_VERBS,
    SESSION_VERBS,
    STEPS,
)
from referrals.states import OPEN, PENDING, AppointmentState, Reason, State, Verb, may_move
from structures.models import Action, ImportBatch, Membership, Session, Structure
from structures.models.action import ActionQuerySet
from structures.models.batch import ImportBatchQuerySet
from structures.models.membership import MembershipQuerySet
from structures.models.session import SessionQuerySet
from structures.vocabulary import Role

Subject = Person | Referral | Attachment | Bilan | FollowUp | Action | ImportBatch | Membership | Session
"""What a verb may be asked about."""

ALL_SCOPES = frozenset(ConsentScope.values)


@dataclass
class Door:
    """What one user may do and see, in the name of one of their structures.

    With a `link`, what somebody without an account may: the receiver's part in that one fiche, and nothing around it.
    """

    user: User | None = None
    structure: Structure | None = None
    roles: frozenset[str] = frozenset()
    memberships: list[Membership] = field(default_factory=list)
    unread: int | None = None
    origin: Origin = Origin.WEB
    link: Link | None = None

    @classmethod
    def of(
        cls, user: User | AnonymousUser | None, structure_id: str | UUID | None = None, origin: Origin = Origin.WEB
    ) -> Door:
        """The door of a user: in the structure asked for if they belong to it, else in the first of theirs."""
        if not isinstance(user, User) or not user.is_active:
            return cls(origin=origin)
        memberships = list(memberships_of(user))
        chosen = next((one for one in memberships if str(one.structure_id) == str(structure_id)), None)
        if chosen is None and memberships:
            chosen = memberships[0]
        if chosen is None:
            return cls(user=user, memberships=[], origin=origin)
        return cls(
            user=user,
            structure=chosen.structure,
            roles=frozenset(chosen.roles),
            memberships=memberships,
            unread=chosen.unread,  # type: ignore[attr-defined] # an annotation
            origin=origin,
        )

    @classmethod
    def of_link(cls, link: Link) -> Door:
        """The door of whoever holds a link of the receiving structure, which must be live (`Link.objects.by_token`)."""
        return cls(structure=link.structure, roles=frozenset({Role.RECEIVER}), origin=Origin.LINK, link=link)

    @property
    def actor(self) -> Actor:
        """Who signs the events."""
        return Actor(user=self.user, structure=self.structure, origin=self.origin)

    def has(self, *roles: Role | str) -> bool:
        """Whether one of the roles is held in this structure."""
        return bool(self.roles.intersection(roles))

    @property
    def opens_files(self) -> bool:
        """Whether persons and fiches are visible at all (a coordinator sees figures)."""
        return self.structure is not None and self.has(*CASE_ROLES)

    @property
    def sees_territory(self) -> bool:
        """Whether the figures cover the whole territory, not only one's own structure."""
        return self.structure is not None and self.has(Role.COORDINATOR)

    @cached_property
    def counts(self) -> dict[str, int]:
        """What the navigation and the header count, by the name of the address that they lead to."""
        return counts_of(self.user, self.structure, answers=self.has(Role.RECEIVER, Role.MANAGER), unread=self.unread)

    def absentees(self, on: dt.date) -> dict[User, dt.date]:
        """The colleagues of this structure for whom one stands in on a day, and until when."""
        own = next((one.pk for one in self.memberships if one.structure_id == self._structure_id), None)
        if own is None:
            return {}
        away = self.team().absent_on(on).filter(covered_by=own)
        return {one.user: one.absent_until for one in away if one.absent_until is not None}

    def colleagues(self, role: Role) -> list[User]:
        """Those who hold a role in one's structure, by name."""
        return [place.user for place in self.team().filter(roles__contains=[role])]

    # Which rows

    def team(self) -> MembershipQuerySet:
        """Those who work in one's structure."""
        return Membership.objects.at_work().filter(structure=self.structure).by_name()

    def referrals(self) -> ReferralQuerySet:
        """The fiches one's structure sent, and those that were really sent to it."""
        if not self.opens_files:
            return Referral.objects.none()
        if self.link is not None:
            return self._received()
        return Referral.objects.kept().filter(
            Q(sender=self.structure) | Q(receiver=self.structure, sent_at__isnull=False)
        )

    def referrals_of(self, side: str) -> ReferralQuerySet:
        """Of these, those that one's structure sent (`sent`), or was sent (`received`).

        Never `referrals()` narrowed: asked for one side of two, PostgreSQL squares how rare it thinks that side is.
        """
        if not self.opens_files or (side == "sent" and self.link is not None):
            return Referral.objects.none()
        return self._received() if side == "received" else Referral.objects.kept().filter(sender=self.structure)

    def _received(self) -> ReferralQuerySet:
        """The fiches that were really sent to one's structure; by a link, that one alone."""
        rows = Referral.objects.filter(receiver=self.structure, sent_at__isnull=False)
        return rows if self.link is None else rows.filter(pk=self.link.referral_id)

    def _is_own(self, column: str) -> Q:
        """Whether a row is one's structure's by that column. A link makes nothing one's own."""
        return Q(**{column: self.structure}) if self.link is None else Q(pk__in=[])

    def persons(self) -> PersonQuerySet:
        """The persons one's structure recorded, and those about whom it was sent a fiche."""
        if not self.opens_files:
            return Person.objects.none()
        received = self._received().filter(person=OuterRef("pk"))
        scopes = received.annotate(scope=Func("consent_scope", function="unnest")).order_by().values("scope").distinct()
        rows = Person.objects.known_to(self.structure) if self.link is None else Person.objects.filter(Exists(received))
        return rows.standing().annotate(shared_scopes=ArraySubquery(scopes))

    def resemblances(self) -> ResemblanceQuerySet:
        """The pairs of files that one's structure recorded and that may be about the same person.

        Those of others are left out even where one sees them: only who recorded both may make one of them.
        """
        if not self.opens_files or self.link is not None:
            return Resemblance.objects.none()
        return Resemblance.objects.standing().filter(
            first__recorded_by=self.structure, second__recorded_by=self.structure
        )

    def merges(self) -> PersonMergeQuerySet:
        """The merges of files that one's structure did."""
        if not self.opens_files or self.link is not None:
            return PersonMerge.objects.none()
        return PersonMerge.objects.filter(structure=self.structure)

    def persons_in_full(self) -> PersonQuerySet:
        """The persons of whom all that a condition may ask is open here: one's own, or shared by one consent."""
        asked = [ConsentScope.CONTACT, ConsentScope.PROFILE, ConsentScope.NEEDS]
        shared = self._received().filter(person=OuterRef("pk"), consent_scope__contains=asked)
        return self.persons().filter(self._is_own("recorded_by") | Exists(shared))

    def needs(self) -> NeedQuerySet:
        """The needs of the persons one sees, as far as their consent goes."""
        if not self.opens_files:
            return Need.objects.none()
        shared = self._received().filter(person=OuterRef("person"), consent_scope__contains=[ConsentScope.NEEDS])
        return Need.objects.of_standing_files().filter(
            self._is_own("person__recorded_by") | self._is_own("structure") | Exists(shared)
        )

    def mobility_readings(self) -> MobilityReadingQuerySet:
        """The mobility pre-diagnoses of one's own structure, and those that a consent to share the profile opens."""
        if not self.opens_files:
            return MobilityReading.objects.none()
        shared = self._received().filter(person=OuterRef("person"), consent_scope__contains=[ConsentScope.PROFILE])
        return MobilityReading.objects.filter(
            self._is_own("person__recorded_by") | self._is_own("structure") | Exists(shared)
        )

    def bilans(self) -> BilanQuerySet:
        """The bilans of the fiches one sees: returned ones, and one's own drafts."""
        return Bilan.objects.filter(referral__in=self.referrals()).filter(
            Q(state=BilanState.RETURNED) | Q(structure=self.structure)
        )

    def attachments(self) -> AttachmentQuerySet:
        """The documents of the fiches one sees: they are part of what was sent."""
        return Attachment.objects.filter(referral__in=self.referrals())

    def followups(self) -> FollowUpQuerySet:
        """The checks after an exit of the fiches one sees."""
        if self.link is not None:
            return FollowUp.objects.none()
        return FollowUp.objects.filter(referral__in=self.referrals())

    def notifications(self) -> NotificationQuerySet:
        """What was told to oneself as a member of this structure."""
        return told_to(self.user, self.structure)

    def imports(self) -> ImportBatchQuerySet:
        """The tables of actions that one's structure imported, or is about to."""
        if self.structure is None or self.link is not None:
            return ImportBatch.objects.none()
        return ImportBatch.objects.filter(structure=self.structure)

    def person_batches(self) -> PersonBatchQuerySet:
        """The tables of persons that one's structure imported, or is about to."""
        if not self.opens_files or self.link is not None:
            return PersonBatch.objects.none()
        return PersonBatch.objects.filter(structure=self.structure)

    def actions(self) -> ActionQuerySet:
        """The actions of one's structure, withdrawn ones too; the catalogue itself is open to everyone."""
        if self.structure is None or self.link is not None:
            return Action.objects.none()
        return Action.objects.filter(structure=self.structure)

    def scopes(self, person: Person) -> frozenset[str]:
        """What of a person's file is shown: everything to those who recorded it, else what the consents share.

        Costs no query for a person that came from `persons()`.
        """
        if self.structure is None or not self.opens_files:
            return frozenset()
        if person.recorded_by_id == self.structure.pk and self.link is None:
            return ALL_SCOPES
        shared = getattr(person, "shared_scopes", None)
        if shared is None:
            found = self.persons().filter(pk=person.pk).first()
            shared = getattr(found, "shared_scopes", None)
        return frozenset(shared or ())

    # One row, or 404

    def person(self, pk: UUID | str) -> Person:
        """One person. Raises `Http404` for a stranger's, and `MergedAway` where another file was kept."""
        found = self.persons().filter(pk=pk).select_related("recorded_by").first()
        if found is None:
            kept = self.persons().filter(merged_away__pk=pk).first()
            raise Http404 if kept is None else MergedAway(pk, kept.pk)
        return found

    def resemblance(self, pk: int) -> Resemblance:
        """One pair of files. Raises `Http404` for a stranger's, and once it is settled."""
        found = self.resemblances().filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def merge(self, pk: int) -> PersonMerge:
        """One merge. Raises `Http404` for a stranger's."""
        found = self.merges().filter(pk=pk).select_related("kept", "gone").first()
        if found is None:
            raise Http404
        return found

    def referral(self, reference: str) -> Referral:
        """One fiche by its reference. Raises `Http404` for a stranger's."""
        found = self.referrals().with_everything().filter(reference=reference).first()
        if found is None:
            raise Http404
        return found

    def bilan(self, pk: UUID | str) -> Bilan:
        """One bilan. Raises `Http404` for a stranger's."""
        found = (
            self.bilans()
            .filter(pk=pk)
            .select_related(
                "structure",
                "author",
                "referral__person",
                "referral__action",
                "referral__sender",
                "referral__receiver",
            )
            .first()
        )
        if found is None:
            raise Http404
        return found

    def attachment(self, pk: UUID | str) -> Attachment:
        """One document. Raises `Http404` for a stranger's."""
        found = self.attachments().filter(pk=pk).select_related("referral", "structure").first()
        if found is None:
            raise Http404
        return found

    def followup(self, pk: UUID | str) -> FollowUp:
        """One check after an exit. Raises `Http404` for a stranger's."""
        found = self.followups().filter(pk=pk).with_everything().first()
        if found is None:
            raise Http404
        return found

    def batch(self, pk: int) -> ImportBatch:
        """One import. Raises `Http404` for a stranger's."""
        found = self.imports().filter(pk=pk).select_related("structure", "user").first()
        if found is None:
            raise Http404
        return found

    def member(self, pk: int) -> Membership:
        """One colleague of one's structure. Raises `Http404` for a stranger."""
        found = self.team().filter(pk=pk).select_related("user", "structure", "covered_by__user").first()
        if found is None:
            raise Http404
        return found

    def person_batch(self, pk: int) -> PersonBatch:
        """One import of persons. Raises `Http404` for a stranger's."""
        found = self.person_batches().filter(pk=pk).select_related("structure", "user").first()
        if found is None:
            raise Http404
        return found

    def action(self, slug: str) -> Action:
        """One action of one's structure. Raises `Http404` for a stranger's."""
        found = self.actions().filter(slug=slug).select_related("structure").first()
        if found is None:
            raise Http404
        return found

    def declined_on(self, actions: Collection[Action], since: dt.datetime) -> dict[int, dict[str, int]]:
        """By action, how many of the fiches that one's structure declined since a moment each condition closed."""
        found: dict[int, dict[str, int]] = {}
        declined = Referral.objects.filter(
            receiver=self.structure,
            action__in=[action.pk for action in actions],
            state=State.DECLINED,
            reason=Reason.NOT_ELIGIBLE,
            closed_at__gte=since,
        )
        for action, criteria in declined.order_by().values_list("action_id", "declined_criteria"):
            counts = found.setdefault(action, {})
            for one in criteria:
                counts[one["code"]] = counts.get(one["code"], 0) + 1
        return found

    def sessions(self) -> SessionQuerySet:
        """The sessions of the actions of one's structure."""
        if self.structure is None or self.link is not None:
            return Session.objects.none()
        return Session.objects.filter(action__structure=self.structure)

    def session(self, pk: int) -> Session:
        """One session of an action of one's structure. Raises `Http404` for a stranger's."""
        found = self.sessions().filter(pk=pk).select_related("action__structure").first()
        if found is None:
            raise Http404
        return found

    def session_reports(self) -> SessionReportQuerySet:
        """The published bilans collectifs that one may read.

        Those of one's own sessions, those of the sessions that someone one sent entered, and for those who see the
        territory all but the ones of sensitive structures, which are never told apart there.
        """
        if self.structure is None or self.link is not None:
            return SessionReport.objects.none()
        sent = Referral.objects.filter(session=OuterRef("session"), sender=self.structure, entered_on__isnull=False)
        seen = Q(pk__in=())
        if self.opens_files:
            seen |= Q(session__action__structure=self.structure) | Q(Exists(sent))
        if self.sees_territory:
            seen |= Q(session__action__structure__is_sensitive=False)
        return SessionReport.objects.published().filter(seen)

    def session_report(self, pk: int) -> SessionReport:
        """The published bilan collectif of a session. Raises `Http404` where one may not read it."""
        rows = self.session_reports().select_related("author", "session__action__structure")
        found = rows.filter(session=pk).first()
        if found is None:
            raise Http404
        return found

    def expects_someone(self, session: Session) -> bool:
        """Whether a fiche names this session: it can then be changed, but not removed."""
        return Referral.objects.filter(session=session).exists()

    # May

    def may(self, what: str, subject: Subject | None = None) -> bool:
        """Whether the role allows it, whatever the state of the row. The row itself must come from this door."""
        if self.link is not None and not isinstance(subject, Referral | Bilan | Attachment):
            return False
        match subject:
            case Referral():
                return self._may_referral(what, subject)
            case Bilan():
                return self._may_bilan(what, subject)
            case Attachment():
                return self._may_attachment(what, subject)
            case Person():
                return self._may_person(what, subject)
            case FollowUp():
                return self._is_party(subject.referral) and self.has(Role.PRESCRIBER, Role.RECEIVER)
            case Action():
                mine = self.structure is not None and subject.structure_id == self._structure_id
                return what in ACTION_VERBS and mine and self.has(Role.MANAGER)
            case Membership():
                mine = self.structure is not None and subject.structure_id == self._structure_id
                return what == "absence" and mine and (self.has(Role.MANAGER) or subject.user_id == self._user_id)
            case Session():
                mine = self.structure is not None and subject.action.structure_id == self._structure_id
                return what in SESSION_VERBS and mine and self.has(Role.RECEIVER)
            case ImportBatch():
                return subject.structure_id == self._structure_id and self.has(Role.MANAGER)
            case _:
                return self._may_at_large(what)

    def _may_at_large(self, what: str) -> bool:
        match what:
            case "record_person" | "open_referral" | "merge_persons" | "import_persons":
                return self.opens_files and self.has(Role.PRESCRIBER)
            case "answer":
                return self.opens_files and self.has(Role.RECEIVER)
            case "assign_many":
                return self.opens_files and self.has(Role.RECEIVER, Role.MANAGER)
            case "files" | "export_persons":
                return self.opens_files
            case "manage" | "import_actions":
                return self.structure is not None and self.has(Role.MANAGER)
            case "letters":
                return self.has(Role.MANAGER) or (self.user is not None and self.user.is_staff)
            case "figures" | "team" | "notifications":
                return self.structure is not None
            case _:
                return False

    def _may_person(self, what: str, person: Person) -> bool:
        if not self.opens_files:
            return False
        match what:
            case "view" | "timeline":
                return True
            case "edit" | "merge" | "move_away":
                return person.recorded_by_id == self._structure_id and self.has(Role.PRESCRIBER)
            case "needs" | "suggest" | "refer":
                return self.has(Role.PRESCRIBER)
            case _:
                return False

    def _may_referral(self, what: str, referral: Referral) -> bool:
        if not self.opens_files or (self.link is not None and what not in BY_LINK):
            return False
        sends = referral.sender_id == self._structure_id and self.has(Role.PRESCRIBER)
        receives = referral.receiver_id == self._structure_id and self.has(Role.RECEIVER)
        if what in SENDER_VERBS or what in {"edit", "receive_otherwise", "clarify"}:
            return sends
        if what == Verb.CONFIRM:
            return sends or receives
        if what in RECEIVER_VERBS or what in ASKING or what in RECEIVER_STEPS:
            return receives
        if what in BOTH_SIDES:
            return sends or receives
        if what == "assign":
            here = referral.receiver_id == self._structure_id and self.has(Role.RECEIVER, Role.MANAGER)
            return here and self.user is not None
        if what == "hand_over":
            follows = referral.sender_member_id in (None, self._user_id)
            return (sends and follows) or (referral.sender_id == self._structure_id and self.has(Role.MANAGER))
        if what == "next":
            return self._is_party(referral) and self.has(Role.PRESCRIBER)
        return what in {"view", "print"} and self._is_party(referral)

    def _may_attachment(self, what: str, attachment: Attachment) -> bool:
        if what == "detach":
            mine = attachment.structure_id == self._structure_id
            return mine and self._may_referral("attach", attachment.referral)
        return what == "view" and self._may_referral("view", attachment.referral)

    def _may_bilan(self, what: str, bilan: Bilan) -> bool:
        if not self._is_party(bilan.referral) or not self.opens_files:
            return False
        if what == "edit":
            return bilan.structure_id == self._structure_id and self.has(Role.RECEIVER, Role.PRESCRIBER)
        if what == "next":
            return self.has(Role.PRESCRIBER)
        return what in {"view", "print"}

    @property
    def _user_id(self) -> int | None:
        return self.user.pk if self.user is not None else None

    @property
    def _structure_id(self) -> UUID | None:
        return self.structure.pk if self.structure is not None else None

    def _is_party(self, referral: Referral) -> bool:
        return self._structure_id in (referral.sender_id, referral.receiver_id)

    def require(self, what: str, subject: Subject | None = None) -> None:
        """Raise `PermissionDenied` (403) unless the role allows it."""
        if not self.may(what, subject):
            raise PermissionDenied

    # Buttons

    def abilities(self, referral: Referral, now: dt.datetime) -> dict[str, bool]:
        """For each verb and step, whether the button shows: the role allows it and the state lets it start."""
        can = {verb.value: self._may_referral(verb, referral) and may_move(verb, referral.state) for verb in Verb}
        can[Verb.RECALL.value] = can[Verb.RECALL.value] and referral.may_be_recalled(now)
        can[Verb.RETRACT.value] = can[Verb.RETRACT.value] and referral.may_be_retracted(now)
        # While the answer can simply be taken back, its structure is offered that.
        reopens = can[Verb.REOPEN.value] and not can[Verb.RETRACT.value]
        can[Verb.REOPEN.value] = reopens and referral.reopening_hindrance(now) is None
        can[Verb.RESUME.value] = can[Verb.RESUME.value] and referral.resuming_hindrance(now) is None
        # The worker's verb, and the other half of the retraction.
        can[Verb.EXPIRE.value] = can[Verb.RETRACT_TO_LIST.value] = False
        shape = referral.action.get_shape()
        state = referral.state
        positions = shape == shape.POSITIONING
        started = state in (State.ACCEPTED, State.ENTERED)
        handled = state in (State.ENTERED, State.ENDED)
        steps = {
            "edit": state == State.DRAFT,
            "attach": state in ATTACHABLE,
            "ask": state in PENDING and referral.paused_at is None,
            "unask": referral.paused_at is not None,
            "clarify": referral.paused_at is not None,
            "assign": state in OPEN,
            "hand_over": not referral.is_closed_without_entry,
            "meet": state == State.ACCEPTED,
            "settle": state == State.ACCEPTED and referral.appointment_state == AppointmentState.PLANNED,
            "unsettle": state == State.ACCEPTED and referral.may_be_unsettled(now),
            "tell": state == State.ACCEPTED and referral.appointment_state == AppointmentState.PLANNED,
            "position": positions and started and not hasattr(referral, "positioning"),
            "bilan": handled and shape.expects_bilan and not positions,
            "exit": state == State.ENTERED and shape.expects_exit,
            "attend": handled and shape.expects_exit,
            "receive_otherwise": handled and shape.expects_bilan,
            "next": handled or (referral.is_closed_without_entry and referral.sender_id == self._structure_id),
        }
        can |= {step: steps[step] and self._may_referral(step, referral) for step in STEPS}
        can[Verb.END.value] = can[Verb.END.value] and not shape.expects_exit
        return can
