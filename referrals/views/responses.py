"""The page of a fiche, and the answers that its receiver gives right on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.disclosure import profile_facts
from referrals.forms.assignments import AssignForm, HandOverForm, MemberForm
from referrals.forms.clarifications import ClarifyForm, QuestionForm
from referrals.forms.responses import AnswerForm
from referrals.french import day_words, moment_words
from referrals.matching import SnapshotMatch, snapshot
from referrals.middleware import CaseRequest
from referrals.models import (
    Bilan,
    BilanKind,
    CannotReopen,
    ConsentScope,
    Event,
    EventKind,
    Hindrance,
    Link,
    NoPlaceLeft,
    Referral,
    StaleReferral,
)
from referrals.models.bilan import BilanState
from referrals.outlook import planned_for
from referrals.pathway import awaited_bilan
from referrals.permissions import Door
from referrals.states import Verb, may_move
from referrals.timeline import appointment_words, fiche_entries, upcoming_entries, what_next
from referrals.views.answer_panels import FOR_A_SESSION, URLS, form_of, lead_of, panels_of, sessions_of
from referrals.views.appointment_panel import panel_of
from referrals.views.conflict import conflict_context, posted_version
from referrals.views.exchange import exchange_of
from referrals.views.onwards import better_actions, onwards_of
from referrals.views.plan import sent_lately
from referrals.views.shown import identity_of, ranks_of, suggestions_url
from structures.vocabulary import Role


def _bilans(door: Door, referral: Referral) -> list[Bilan]:
    return list(door.bilans().filter(referral=referral).select_related("structure", "author"))


def _bilan_choices(referral: Referral, abilities: dict[str, bool], bilans: list[Bilan]) -> list[dict[str, str]]:
    """The bilans that can be begun, or taken up again, by this structure."""
    if not (abilities["bilan"] or abilities["receive_otherwise"]):
        return []
    shape = referral.action.get_shape()
    kinds = [BilanKind.POSITIONING] if shape == shape.POSITIONING else [BilanKind.INTERMEDIATE, BilanKind.FINAL]
    drafts = {bilan.kind for bilan in bilans if bilan.state == BilanState.DRAFT}
    return [
        {
            "url": reverse("referrals:bilan_create", args=[referral.reference, kind.value]),
            "label": f"Reprendre : {kind.label.lower()}" if kind in drafts else kind.label,
        }
        for kind in kinds
    ]


def page_context(
    door: Door,
    referral: Referral,
    now: dt.datetime,
    *,
    asked: str = "",
    bound: BaseForm | None = None,
    question: QuestionForm | None = None,
    clarify: ClarifyForm | None = None,
    assigning: MemberForm | None = None,
) -> dict[str, Any]:
    """Everything that the page of a fiche shows, within the consent and the role."""
    abilities = door.abilities(referral, now)
    person = referral.person
    scopes = door.scopes(person)
    events = list(referral.events.told().select_related("user", "structure").order_by("at", "id"))
    own = door.structure
    sends = own is not None and referral.sender_id == own.pk
    bilans = _bilans(door, referral)
    awaited = awaited_bilan(bilan for bilan in bilans if bilan.state == BilanState.RETURNED)
    step = what_next(referral, own, now, bilan_is_back=awaited is not None)
    needs = list(referral.needs.all()) if sends or ConsentScope.NEEDS in referral.consent_scope else []
    sees_profile = sends or ConsentScope.PROFILE in referral.consent_scope
    closed_for_good = _closed_for_good(door, referral, now)
    meeting = panel_of(door, referral, abilities, now, asked=asked, bound=bound)
    bilan_choices = [] if awaited else _bilan_choices(referral, abilities, bilans)
    next_bilan = awaited if awaited is not None and door.may("next", awaited) else None
    lead = lead_of(
        abilities,
        meeting,
        owes_bilan=bool(bilan_choices) and not sends,
        opens_next=next_bilan is not None,
    )
    return {
        "lead": lead,
        "referral": referral,
        "rank": ranks_of([referral], timezone.localdate(now)).get(referral.pk, ""),
        "identity": identity_of(person, scopes, timezone.localdate(now), link=door.may("view", person)),
        "now": now,
        "abilities": abilities,
        "sends": sends,
        "step": step,
        "entries": [*upcoming_entries(referral, step, now), *fiche_entries(referral, events, own)],
        "needs": needs,
        "facts": profile_facts(person, scopes),
        "matched": SnapshotMatch.from_json(referral.matched) if sees_profile else None,
        "sees_profile": sees_profile,
        "exchange": exchange_of(door, referral, abilities, asked=asked, question=question, clarify=clarify),
        "assigning": assigning or _assigning(door, referral, abilities),
        "onwards": onwards_of(door, referral, now),
        "leavings": planned_for(referral, sends=sends),
        "unmet_criteria": [one["sentence"] for one in referral.declined_criteria if one["sentence"]],
        "form": question or clarify or assigning,
        "meeting": meeting,
        "panels": panels_of(
            door,
            referral,
            abilities,
            now,
            asked=asked,
            bound=bound,
            lead=lead,
            closed_for_good=closed_for_good,
        ),
        "closed_for_good": closed_for_good,
        "bilans": bilans,
        "bilan_choices": bilan_choices,
        "next_bilan": next_bilan,
        "positioning": getattr(referral, "positioning", None),
        "attachments": list(door.attachments().filter(referral=referral).listed()),
        "exit": getattr(referral, "exit", None),
        "has_report": referral.session_id is not None
        and door.session_reports().filter(session=referral.session_id).exists(),
        "opened": _opened(door, referral),
        "previous": _previous(door, referral),
        "appointment": appointment_words(referral),
        "plan_fiches": len(sent_lately(door, person, now)) if abilities[Verb.RECALL] and _is_planned(events) else 0,
        "may_suggest": sends and door.may("suggest", person),
        "may_list": door.may("files"),
        "may_revoke_links": door.may("revoke_links", referral)
        and Link.objects.live(now).filter(referral=referral).exists(),
        "suggestions_url": suggestions_url(referral),
    }


def _is_planned(events: list[Event]) -> bool:
    """Whether the fiche was prepared in a plan."""
    return any("plan" in event.data for event in events if event.kind == EventKind.DRAFTED)


def _closed_for_good(door: Door, referral: Referral, now: dt.datetime) -> str:
    """Why who could open the fiche again cannot any more, in words; empty when they can, or never could."""
    for verb, hindrance in ((Verb.REOPEN, referral.reopening_hindrance), (Verb.RESUME, referral.resuming_hindrance)):
        if may_move(verb, referral.state) and door.may(verb, referral):
            found = hindrance(now)
            if found is None and verb == Verb.REOPEN and referral.is_doubled(door.structure):
                found = Hindrance.OTHER
            return found.label if found is not None else ""
    return ""


def _assigning(door: Door, referral: Referral, abilities: dict[str, bool]) -> MemberForm | None:
    """To whom the fiche may be entrusted, on the reader's side."""
    if abilities["assign"] and referral.receiver_id == getattr(door.structure, "pk", None):
        return AssignForm(team=door.colleagues(Role.RECEIVER), current=referral.assigned_to)
    if abilities["hand_over"]:
        return HandOverForm(team=door.colleagues(Role.PRESCRIBER), current=referral.sender_member)
    return None


def _opened(door: Door, referral: Referral) -> list[Referral]:
    """The fiches that follow this one, among those one may see."""
    follows = Q(opened_by__referral=referral) | Q(opened_after__referral=referral) | Q(redirected_from=referral)
    return list(door.referrals().filter(follows).select_related("action", "receiver").order_by("created_at", "id"))


def _previous(door: Door, referral: Referral) -> Referral | None:
    """The fiche that this one follows, when one may see it."""
    pk = referral.redirected_from_id
    if pk is None and referral.opened_by is not None:
        pk = referral.opened_by.referral_id
    if pk is None and referral.opened_after is not None:
        pk = referral.opened_after.referral_id
    if pk is None:
        return None
    return door.referrals().filter(pk=pk).select_related("action", "receiver").order_by("pk").first()


def render_page(request: CaseRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Draw the page of a fiche."""
    return render(request, "referrals/referrals/detail.html", context, status=status)


def referral_detail(request: CaseRequest, reference: str) -> HttpResponse:
    """Where a fiche stands, why, what comes next; and the receiver's answers."""
    now = timezone.now()
    referral = request.door.referral(reference)
    return render_page(request, page_context(request.door, referral, now, asked=request.GET.get("repondre", "")))


def conflict_page(
    request: CaseRequest, stale: StaleReferral, now: dt.datetime, verb: str, form: BaseForm | None
) -> HttpResponse:
    """Show the fiche as it now stands, who acted first, and what was typed; nothing was written."""
    referral = request.door.referral(stale.referral.reference)
    still = request.door.abilities(referral, now).get(verb, False)
    bound = form if still and isinstance(form, AnswerForm) else None
    context = page_context(request.door, referral, now, asked=verb, bound=bound)
    context |= conflict_context(stale, now, None if bound is not None else form)
    if isinstance(stale, NoPlaceLeft) and context["abilities"][Verb.WAITLIST] and form is not None:
        context["instead"] = {
            "url": reverse(URLS[Verb.WAITLIST], args=[referral.reference]),
            "fields": {"session": form["session"].data if "session" in form.fields else "", "note": form["note"].data},
        }
    return render_page(request, context, status=409)


def _done(request: CaseRequest, referral: Referral, message: str, now: dt.datetime) -> HttpResponse:
    """Say what was done, with « Annuler » while it can be."""
    undo = ""
    if referral.may_be_retracted(now):
        undo = f"undo:{reverse('referrals:response_retract', args=[referral.reference])}"
    messages.success(request, message, extra_tags=undo)
    return redirect("referrals:referral_detail", reference=referral.reference)


Act = Callable[[Referral, AnswerForm, dict[str, Any]], str]


def _answer(request: CaseRequest, reference: str, verb: Verb, act: Act) -> HttpResponse:
    """Check the role, the form and the version; do the verb; say what was done."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require(verb.value, referral)
    if request.method != "POST":
        address = reverse("referrals:referral_detail", args=[reference])
        return redirect(f"{address}?repondre={verb.value}#repondre")
    matches = better_actions(referral, timezone.localdate(now)) if verb == Verb.REDIRECT else []
    sessions = sessions_of(referral, timezone.localdate(now)) if verb in FOR_A_SESSION else []
    form = form_of(door, verb, referral, now, request.POST, matches, sessions)
    if not door.abilities(referral, now)[verb.value]:
        return conflict_page(request, _refused(referral, verb, now), now, verb.value, form)
    if not form.is_valid():
        context = page_context(door, referral, now, asked=verb.value, bound=form)
        return render_page(request, context | {"form": form}, status=422)
    extra: dict[str, Any] = {"actor": door.actor, "now": now, "version": posted_version(request)}
    try:
        return _done(request, referral, act(referral, form, extra), now)
    except StaleReferral as stale:
        return conflict_page(request, stale, now, verb.value, form)


def _refused(referral: Referral, verb: Verb, now: dt.datetime) -> StaleReferral:
    """Why a verb that the role allows cannot start: what hinders a reopening is said, else who acted first."""
    hindrances = {Verb.REOPEN: referral.reopening_hindrance, Verb.RESUME: referral.resuming_hindrance}
    found = hindrances[verb](now) if verb in hindrances and may_move(verb, referral.state) else None
    return CannotReopen(referral, verb, found) if found is not None else StaleReferral(referral, verb)


def response_accept(request: CaseRequest, reference: str) -> HttpResponse:
    """Accept, with a rendez-vous or a session."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.accept(**form.arguments(), **extra)
        words = appointment_words(referral)
        return f"Fiche acceptée. {words}." if words else "Fiche acceptée."

    return _answer(request, reference, Verb.ACCEPT, act)


def response_waitlist(request: CaseRequest, reference: str) -> HttpResponse:
    """Put on the waiting list."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.waitlist(**form.arguments(), **extra)
        return f"La fiche est en liste d’attente. {referral.sender} reçoit votre réponse."

    return _answer(request, reference, Verb.WAITLIST, act)


def response_offer(request: CaseRequest, reference: str) -> HttpResponse:
    """Offer a place to someone who waits."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.offer(**form.arguments(), **extra)
        assert referral.offered_until is not None  # the verb has just written it
        return (
            f"Place proposée : {referral.sender} a jusqu’au {moment_words(referral.offered_until)} pour la confirmer."
        )

    return _answer(request, reference, Verb.OFFER, act)


def response_confirm(request: CaseRequest, reference: str) -> HttpResponse:
    """Take the place that is offered."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.confirm(**extra)
        other = referral.sender if request.door.structure == referral.receiver else referral.receiver
        return f"Place confirmée. {other} en est informé."

    return _answer(request, reference, Verb.CONFIRM, act)


def response_lapse(request: CaseRequest, reference: str) -> HttpResponse:
    """Let the offered place go to the next one."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.lapse(**extra)
        return "La place va à la personne suivante. La fiche reste en liste d’attente, en dernière position."

    return _answer(request, reference, Verb.LAPSE, act)


@require_POST
def response_retract(request: CaseRequest, reference: str) -> HttpResponse:
    """Take an answer back within ten minutes: its letter never leaves."""
    now = timezone.now()
    door = request.door
    referral = door.referral(reference)
    door.require(Verb.RETRACT, referral)
    try:
        referral.retract(door.actor, now)
    except StaleReferral as stale:
        return conflict_page(request, stale, now, Verb.RETRACT, None)
    messages.success(request, "Votre réponse est annulée : la fiche est revenue où elle en était.")
    return redirect("referrals:referral_detail", reference=reference)


def response_decline(request: CaseRequest, reference: str) -> HttpResponse:
    """Decline with a coded reason."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.decline(**form.arguments(), **extra)
        return f"Fiche déclinée. {referral.sender} reçoit votre réponse, avec le motif."

    return _answer(request, reference, Verb.DECLINE, act)


def response_redirect(request: CaseRequest, reference: str) -> HttpResponse:
    """Send on to a better action, under the same consent, or say which needs come first."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        arguments = form.arguments()
        advised = arguments.pop("advised")
        if arguments["to"] is None:
            referral.advise(themes=advised, note=arguments["note"], **extra)
            return f"Fiche réorientée sans action précise. {referral.sender} reçoit votre conseil."
        today = timezone.localdate(extra["now"])
        found = [one for one in better_actions(referral, today) if one.action == arguments["to"]]
        following = referral.redirect(**arguments, matched=snapshot(found[0]) if found else None, **extra)
        return (
            f"Fiche réorientée vers {following.action} ({following.receiver}). {referral.sender} reçoit votre réponse."
        )

    return _answer(request, reference, Verb.REDIRECT, act)


def response_enter(request: CaseRequest, reference: str) -> HttpResponse:
    """The person came and enters the action."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.enter(**form.arguments(), **extra)
        if referral.bilan_due_on is None:
            return "Entrée confirmée."
        return f"Entrée confirmée. Le bilan est attendu le {day_words(referral.bilan_due_on)}."

    return _answer(request, reference, Verb.ENTER, act)


def response_miss(request: CaseRequest, reference: str) -> HttpResponse:
    """Accepted, but the person never came."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.miss(**form.arguments(), **extra)
        return f"Absence notée. {referral.sender} reçoit l’information."

    return _answer(request, reference, Verb.MISS, act)


def referral_end(request: CaseRequest, reference: str) -> HttpResponse:
    """End an action that expects no typed exit."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.end(**extra)
        return "La fin de l’action est notée."

    return _answer(request, reference, Verb.END, act)


def response_reopen(request: CaseRequest, reference: str) -> HttpResponse:
    """Open again a fiche that closed without an entry."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.reopen(**form.arguments(), **extra)
        other = referral.sender if request.door.structure == referral.receiver else referral.receiver
        return f"Fiche rouverte. {other} en est informé."

    return _answer(request, reference, Verb.REOPEN, act)


def response_resume(request: CaseRequest, reference: str) -> HttpResponse:
    """The person comes back to the action that they had left."""

    def act(referral: Referral, form: AnswerForm, extra: dict[str, Any]) -> str:
        referral.resume(**form.arguments(), **extra)
        return f"Retour dans l’action noté. {referral.sender} en est informé."

    return _answer(request, reference, Verb.RESUME, act)
