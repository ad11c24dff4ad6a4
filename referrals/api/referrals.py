"""Fiches and their verbs, positionnements and exits, over the API."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from referrals.api.appointments import Appointments
from referrals.api.door import FileOrProblem, a_file
from referrals.api.fiche import ReferralDetailSerializer
from referrals.api.inputs import (
    AcceptInput,
    AssignInput,
    CancelInput,
    ClarifyInput,
    DeclineInput,
    DraftChange,
    EnterInput,
    ExitInput,
    HandOverInput,
    MissInput,
    NewReferral,
    NoteInput,
    OfferInput,
    PositionInput,
    QuestionInput,
    RedirectInput,
    ReopenInput,
    SendInput,
    Versioned,
    WaitlistInput,
)
from referrals.documents import fiche_sheet, positioning_sheet
from referrals.files import pdf_response
from referrals.matching import snapshot, suggest
from referrals.models import (
    Exit,
    Link,
    Positioning,
    Referral,
    StaleReferral,
)
from referrals.states import Reason, Verb
from structures.eligibility import OTHER_CRITERION, DeclinedCriterion, closing
from structures.models import Action, Session
from structures.vocabulary import Role


class ReferralViewSet(Appointments, mixins.ListModelMixin):
    """Fiches that the caller's structure sent or received."""

    def _find_session(self, referral: Referral, values: dict[str, Any]) -> None:
        """Put the session in the place of its number, when one is given."""
        if values.get("session") is None:
            return
        values["session"] = Session.objects.filter(pk=values["session"], action=referral.action).first()
        if values["session"] is None:
            raise serializers.ValidationError({"session": "Cette session n’est pas de cette action."})

    @extend_schema(responses=ReferralDetailSerializer)
    def retrieve(self, request: Request, reference: str) -> Response:
        """One fiche, with its journal."""
        return self._detail(self.door.referral(reference))

    @extend_schema(responses=a_file("application/pdf"))
    @action(detail=True, content_negotiation_class=FileOrProblem)
    def pdf(self, request: Request, reference: str) -> HttpResponse:
        """The fiche as an accessible PDF, as far as the consent goes."""
        referral = self.door.referral(reference)
        self.door.require("print", referral)
        return pdf_response(fiche_sheet(self.door, referral, timezone.localdate()))

    @extend_schema(responses=a_file("application/pdf"))
    @action(detail=True, url_path="positioning-pdf", content_negotiation_class=FileOrProblem)
    def positioning_pdf(self, request: Request, reference: str) -> HttpResponse:
        """The person's copy of the positionnement, as an accessible PDF."""
        referral = self.door.referral(reference)
        self.door.require("print", referral)
        row: Positioning | None = getattr(referral, "positioning", None)
        if row is None:
            raise Http404
        return pdf_response(positioning_sheet(row))

    @extend_schema(request=NewReferral, responses={201: ReferralDetailSerializer})
    def create(self, request: Request) -> Response:
        """Prepare a fiche, with the snapshot of what matches on the day."""
        self.door.require("open_referral")
        form = NewReferral(data=request.data)
        form.is_valid(raise_exception=True)
        values = form.validated_data
        person = self.door.persons().filter(pk=values["person"]).first()
        if person is None:
            raise serializers.ValidationError({"person": "Cette personne n’existe pas, ou ne vous est pas ouverte."})
        offered = Action.objects.open_on(timezone.localdate()).filter(slug=values["action"]).first()
        if offered is None:
            raise serializers.ValidationError({"action": "Cette action n’existe pas, ou ne prend plus de fiches."})
        bilan = self.door.bilan(values["opened_by"]) if "opened_by" in values else None
        if bilan is not None and bilan.referral.person_id != person.pk:
            raise serializers.ValidationError({"opened_by": "Ce bilan est celui d’une autre personne."})
        news = self.door.followup(values["opened_after"]) if "opened_after" in values else None
        if news is not None and news.referral.person_id != person.pk:
            raise serializers.ValidationError({"opened_after": "Ce suivi est celui d’une autre personne."})
        session = Session.objects.filter(pk=values["session"], action=offered).first() if "session" in values else None
        needs = list(self.door.needs().filter(person=person, theme__in=offered.themes).open())
        found = suggest(person, needs, prescriber=self.door.structure, on=timezone.localdate())
        match = next((one for one in [*found.matches, *found.near_misses] if one.action == offered), None)
        referral = Referral.objects.draft(
            person,
            offered,
            self.door.actor,
            timezone.now(),
            needs=needs,
            motive=values["motive"],
            matched=snapshot(match) if match else None,
            opened_by=bilan,
            opened_after=news,
            session=session,
        )
        return self._detail(referral, status.HTTP_201_CREATED)

    @extend_schema(request=DraftChange, responses=ReferralDetailSerializer)
    def partial_update(self, request: Request, reference: str) -> Response:
        """Change a draft."""
        referral = self.door.referral(reference)
        self.door.require("edit", referral)
        form = DraftChange(referral, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        if not referral.rewrite(timezone.now(), **form.validated_data):
            raise StaleReferral(referral, "edit")
        return self._detail(referral)

    @extend_schema(request=SendInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, reference: str) -> Response:
        """Send the fiche."""
        referral, values = self._perform(Verb.SEND, SendInput)
        referral.send(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def recall(self, request: Request, reference: str) -> Response:
        """Take the sending back, within ten minutes."""
        referral, values = self._perform(Verb.RECALL, Versioned)
        referral.recall(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=CancelInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, reference: str) -> Response:
        """Cancel the fiche."""
        referral, values = self._perform(Verb.CANCEL, CancelInput)
        referral.cancel(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=AcceptInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, reference: str) -> Response:
        """Accept, with a rendez-vous or a session."""
        referral, values = self._perform(Verb.ACCEPT, AcceptInput)
        self._find_session(referral, values)
        referral.accept(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=NoteInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def waitlist(self, request: Request, reference: str) -> Response:
        """Put on the waiting list."""
        referral, values = self._perform(Verb.WAITLIST, WaitlistInput)
        self._find_session(referral, values)
        referral.waitlist(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=OfferInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def offer(self, request: Request, reference: str) -> Response:
        """Offer a place to a fiche that waits; it is held until the sender confirms it, or lets it go."""
        referral, values = self._perform(Verb.OFFER, OfferInput)
        self._find_session(referral, values)
        session = values.get("session")
        if session is None and referral.action.sessions.current(timezone.localdate()).exists():
            raise serializers.ValidationError({"session": "Cette action a des sessions : indiquez laquelle."})
        if session is not None and session.starts_on <= timezone.localdate():
            raise serializers.ValidationError({"session": "Cette session a commencé."})
        referral.offer(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, reference: str) -> Response:
        """Take the place that is offered."""
        referral, values = self._perform(Verb.CONFIRM, Versioned)
        referral.confirm(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def lapse(self, request: Request, reference: str) -> Response:
        """Let the offered place go to the next one; the fiche waits at the end of the list."""
        referral, values = self._perform(Verb.LAPSE, Versioned)
        referral.lapse(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def retract(self, request: Request, reference: str) -> Response:
        """Take the last answer back, within ten minutes."""
        referral, values = self._perform(Verb.RETRACT, Versioned)
        referral.retract(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=DeclineInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, reference: str) -> Response:
        """Decline, with a coded reason."""
        referral, values = self._perform(Verb.DECLINE, DeclineInput)
        now = timezone.now()
        unreachable = values["reason"] == Reason.UNREACHABLE
        if unreachable and not referral.may_be_declined_as_unreachable(timezone.localdate(now)):
            raise serializers.ValidationError({"reason": "Demandez d’abord un contact au prescripteur (ask)."})
        criteria = self._criteria(referral, values)
        referral.decline(self.door.actor, now, **{**values, "criteria": criteria})
        return self._detail(referral)

    def _criteria(self, referral: Referral, values: dict[str, Any]) -> list[DeclinedCriterion]:
        if values["reason"] != Reason.NOT_ELIGIBLE:
            return []
        known = {one["code"]: one for one in closing(referral.action.conditions())}
        known[OTHER_CRITERION] = {"code": OTHER_CRITERION, "sentence": ""}
        if not values["criteria"] or set(values["criteria"]) - set(known):
            raise serializers.ValidationError({"criteria": "Donnez les codes des conditions non remplies."})
        if OTHER_CRITERION in values["criteria"] and not values["note"]:
            raise serializers.ValidationError({"note": "Précisez cette condition en quelques mots."})
        return [known[code] for code in dict.fromkeys(values["criteria"])]

    @extend_schema(request=QuestionInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def ask(self, request: Request, reference: str) -> Response:
        """Ask the sender something before deciding; the clock stops."""
        referral, values = self._perform("ask", QuestionInput)
        referral.ask(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=ClarifyInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def clarify(self, request: Request, reference: str) -> Response:
        """Answer the open question; the clock runs again. A contact is corrected on the person."""
        referral, values = self._perform("clarify", ClarifyInput)
        referral.clarify(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def unask(self, request: Request, reference: str) -> Response:
        """Withdraw the open question; the clock runs again."""
        referral, values = self._perform("unask", Versioned)
        referral.unask(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=AssignInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, reference: str) -> Response:
        """Entrust a received fiche to a member of the structure, or to nobody."""
        referral, values = self._perform("assign", AssignInput)
        to = None if values["to"] is None else self._member(values, Role.RECEIVER)
        referral.assign(self.door.actor, timezone.now(), **{**values, "to": to})
        return self._detail(referral)

    @extend_schema(request=HandOverInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, reference: str) -> Response:
        """Pass what one follows, as the sender, to another member of the structure."""
        referral, values = self._perform("hand_over", HandOverInput)
        to = self._member(values, Role.PRESCRIBER)
        referral.hand_over(self.door.actor, timezone.now(), **{**values, "to": to})
        return self._detail(referral)

    def _member(self, values: dict[str, Any], role: Role) -> User:
        found = next((user for user in self.door.colleagues(role) if user.pk == values["to"]), None)
        if found is None:
            raise serializers.ValidationError({"to": "Cette personne ne fait pas partie de votre équipe."})
        return found

    @extend_schema(request=RedirectInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def redirect(self, request: Request, reference: str) -> Response:
        """Redirect to a better action; the new fiche names this one."""
        referral, values = self._perform(Verb.REDIRECT, RedirectInput)
        advised = values.pop("advised")
        if advised:
            referral.advise(self.door.actor, timezone.now(), themes=advised, **values)
            return self._detail(referral)
        to = Action.objects.open_on(timezone.localdate()).filter(slug=values.pop("to")).first()
        if to is None or to.pk == referral.action_id:
            raise serializers.ValidationError({"to": "Choisissez une autre action, qui prend des fiches."})
        referral.redirect(self.door.actor, timezone.now(), to=to, **values)
        return self._detail(referral)

    @extend_schema(request=EnterInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def enter(self, request: Request, reference: str) -> Response:
        """The person came and enters the action."""
        referral, values = self._perform(Verb.ENTER, EnterInput)
        referral.enter(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=MissInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def miss(self, request: Request, reference: str) -> Response:
        """Accepted, but the person never came."""
        referral, values = self._perform(Verb.MISS, MissInput)
        referral.miss(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, reference: str) -> Response:
        """Close an action that has no typed exit (a permanence, an event, a positionnement)."""
        referral, values = self._perform(Verb.END, Versioned)
        if referral.action.get_shape().expects_exit:
            raise serializers.ValidationError({"kind": "Cette action se termine par une sortie : utilisez exit."})
        referral.end(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=None, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"], url_path="revoke-links")
    def revoke_links(self, request: Request, reference: str) -> Response:
        """Withdraw the links that letters carried to the receiving structure; none is left that opens the fiche."""
        referral = self.door.referral(reference)
        self.door.require("revoke_links", referral)
        Link.objects.revoke(referral, self.door.actor, timezone.now())
        return self._detail(referral)

    @extend_schema(request=ReopenInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, reference: str) -> Response:
        """Open again, within three months, a fiche that closed without an entry."""
        referral, values = self._perform(Verb.REOPEN, ReopenInput)
        referral.reopen(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=ReopenInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, reference: str) -> Response:
        """The person comes back to the action: the exit and its unanswered check are withdrawn."""
        referral, values = self._perform(Verb.RESUME, ReopenInput)
        referral.resume(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=PositionInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def position(self, request: Request, reference: str) -> Response:
        """Record the positionnement; its return goes to the sender."""
        referral, values = self._perform("position", PositionInput)
        if hasattr(referral, "positioning"):
            raise serializers.ValidationError({"levels": "Le positionnement de cette fiche est déjà enregistré."})
        Positioning.objects.record(referral, self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=ExitInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def exit(self, request: Request, reference: str) -> Response:
        """Record the typed exit; the six-month check is planned."""
        referral, values = self._perform("exit", ExitInput)
        if referral.entered_on is not None and values["on"] < referral.entered_on:
            raise serializers.ValidationError({"on": "La sortie ne peut pas précéder l’entrée."})
        Exit.objects.record(referral, self.door.actor, timezone.now(), **cast("dict[str, Any]", values))
        return self._detail(referral)
