"""A plan: preparing its fiches together, sending them under one consent, taking them back together."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.deadlines import UNDO
from referrals.disclosure import profile_facts
from referrals.forms.plan import PlanForm, StepForm
from referrals.forms.referrals import MAJORITY
from referrals.french import listed
from referrals.matching import snapshot, suggest
from referrals.middleware import CaseRequest
from referrals.models import (
    Bilan,
    ConsentScope,
    FollowUp,
    Need,
    Person,
    Referral,
    ReminderPolicy,
    StaleReferral,
)
from referrals.permissions import Door
from referrals.plan import Step, propose
from referrals.states import State, Verb
from referrals.timeline import told
from referrals.views.matching import bilan_of, fiches_of, followup_of, recommended_by, wanted_needs
from referrals.views.referrals import hindrance_of, motive_of, sessions_of
from referrals.views.shown import identity_of

KEEP = "garder"
"""The button that sends nothing; also what is posted while one types."""


# --- Preparing ----------------------------------------------------------------------------------------------


@require_POST
def plan_create(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Prepare the fiches of the steps that were ticked, all of them or none."""
    door = request.door
    person = door.person(pk)
    door.require("refer", person)
    now = timezone.now()
    bilan = bilan_of(door, person, request.POST.get("bilan", ""))
    followup = followup_of(door, person, request.POST.get("suivi", ""))
    ticked = set(request.POST.getlist("action"))
    if not ticked:
        messages.error(request, "Cochez au moins une étape.")
        return redirect("referrals:suggestions", pk=person.pk)
    with transaction.atomic():
        # Two presses at once must not prepare two plans.
        Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
        needs = list(door.needs().open().filter(person=person).order_by("priority", "theme", "id"))
        wanted = wanted_needs(needs, recommended_by(bilan, None))
        found = suggest(person, wanted, prescriber=door.structure, on=timezone.localdate(now))
        steps = dict(enumerate(propose(found, needs, fiches_of(door, person)), start=1))
        kept = {number: step for number, step in steps.items() if step.match.action.slug in ticked}
        if len(kept) == len(ticked):
            _prepare(door, person, needs, kept, bilan, followup, now)
    if len(kept) != len(ticked):
        messages.warning(request, "Les suggestions ont changé entre-temps : relisez le parcours proposé.")
        return redirect("referrals:suggestions", pk=person.pk)
    return redirect("referrals:plan_send", pk=person.pk)


def _prepare(
    door: Door,
    person: Person,
    needs: list[Need],
    steps: dict[int, Step],
    bilan: Bilan | None,
    followup: FollowUp | None,
    now: dt.datetime,
) -> None:
    plan = str(uuid4())
    places = {number: place for place, number in enumerate(steps, start=1)}
    for number, step in steps.items():
        covered = [need for need in needs if need.theme in step.themes]
        after = places.get(step.after) if step.after else None
        Referral.objects.draft(
            person,
            step.match.action,
            door.actor,
            now,
            needs=covered,
            motive=motive_of(covered),
            matched=snapshot(step.match),
            opened_by=bilan,
            opened_after=followup if bilan is None else None,
            session=None if step.match.is_full else step.match.next_session,
            place={"plan": plan, "step": places[number]} | ({"after": after} if after else {}),
        )


# --- Sending ------------------------------------------------------------------------------------------------


def _drafts(door: Door, person: Person) -> list[Referral]:
    """The fiches still in preparation of the last plan, in order."""
    mine = door.referrals().filter(person=person, sender=door.structure, state=State.DRAFT)
    drafts = [one for one in mine.with_plan().with_everything().order_by("created_at", "id") if one.plan]
    last = drafts[-1].plan if drafts else None
    return sorted((one for one in drafts if one.plan == last), key=lambda one: one.step or 0)


def _forms(
    door: Door, person: Person, drafts: list[Referral], posted: QueryDict | None, today: dt.date
) -> tuple[PlanForm, list[StepForm]]:
    plan = PlanForm(posted, person=person, on=today, keeps=posted is not None and KEEP in posted)
    steps = [
        StepForm(posted, referral=one, sessions=sessions_of(one, today), hindrance=hindrance_of(door, one, today))
        for one in drafts
    ]
    return plan, steps


def _page(
    request: CaseRequest,
    person: Person,
    plan: PlanForm,
    steps: list[StepForm],
    *,
    status: int = 200,
    conflict: str = "",
) -> HttpResponse:
    door = request.door
    today = timezone.localdate()
    scopes = door.scopes(person)
    age = person.age(today)
    drafts = [step.referral.pk for step in steps]
    needs = Need.objects.filter(referrals__in=drafts).distinct().order_by("priority", "theme", "id")
    context = {
        "person": person,
        "age": age,
        "is_minor": age is not None and age < MAJORITY,
        "identity": identity_of(person, scopes, today),
        "form": plan,
        "steps": steps,
        "wrong": [step for step in steps if step.errors],
        "needs": list(needs),
        "facts": profile_facts(person, scopes),
        "shows_contact": ConsentScope.CONTACT in scopes,
        "attachments": list(request.door.attachments().filter(referral__in=drafts).listed()),
        "attach_url": "",
        "conflict": conflict,
    }
    return render(request, "referrals/plan/send.html", context, status=status)


def plan_send(request: CaseRequest, pk: UUID) -> HttpResponse:
    """The fiches of the plan: one consent, each sent now or kept for later. While one types, only saves."""
    door = request.door
    person = door.person(pk)
    door.require("refer", person)
    now = timezone.now()
    today = timezone.localdate(now)
    posted = request.POST if request.method == "POST" else None
    drafts = _drafts(door, person)
    if not drafts:
        messages.info(request, "Aucun parcours n’est en préparation.")
        return redirect("referrals:person_detail", pk=person.pk)
    plan, steps = _forms(door, person, drafts, posted, today)
    if posted is None:
        return _page(request, person, plan, steps)
    valid = all([plan.is_valid(), *(step.is_valid() for step in steps)])
    keeps = KEEP in posted
    if valid and not keeps and not any(step.leaves_now for step in steps):
        plan.add_error(None, "Choisissez au moins une fiche à envoyer maintenant, ou gardez-les en brouillons.")
        valid = False
    if request.htmx:
        return _autosave(request, plan, steps, now)
    if not valid:
        return _page(request, person, plan, steps, status=422)
    try:
        sent = _write(door, plan, steps, now, keeps=keeps)
    except StaleReferral as stale:
        plan, steps = _forms(door, person, _drafts(door, person), posted, today)
        return _page(request, person, plan, steps, status=409, conflict=told(stale, now))
    _tell(request, person, sent, len(steps) - sent)
    return redirect("referrals:person_detail", pk=person.pk)


def _write(door: Door, plan: PlanForm, steps: list[StepForm], now: dt.datetime, *, keeps: bool) -> int:
    """Save every fiche, and send those that leave now, all or nothing; say how many. Raises `StaleReferral`."""
    data = plan.cleaned_data
    leaving = [] if keeps else [step for step in steps if step.leaves_now]
    ReminderPolicy.objects.attach([step.referral for step in leaving])
    with transaction.atomic():
        for step in steps:
            if not step.referral.rewrite(now, **step.written, consent_scope=data["consent_scope"]):
                raise StaleReferral(Referral.objects.get(pk=step.referral.pk), Verb.SEND)
        for step in leaving:
            step.referral.send(
                door.actor,
                now,
                consent_how=data["consent_how"],
                consent_scope=data["consent_scope"],
                version=step.cleaned_data["version"],
            )
    return len(leaving)


def _autosave(request: CaseRequest, plan: PlanForm, steps: list[StepForm], now: dt.datetime) -> HttpResponse:
    """Save what is being typed; nothing is shown but an error, when there is one."""
    errors = [error for form in (plan, *steps) for texts in form.errors.values() for error in texts]
    gone = False
    if not errors:
        scope = plan.cleaned_data["consent_scope"]
        saved = [step.referral.rewrite(now, **step.written, consent_scope=scope) for step in steps]
        gone = not all(saved)
    context = {"errors": errors, "gone": gone}
    status = 422 if errors else 409 if gone else 200
    return render(request, "referrals/referrals/autosave.html", context, status=status)


def _tell(request: CaseRequest, person: Person, sent: int, kept: int) -> None:
    left = f"{kept} fiche{'s'[: kept > 1]} gardée{'s'[: kept > 1]} en brouillon{'s'[: kept > 1]}"
    if not sent:
        messages.success(request, f"{left}.")
        return
    gone = f"{sent} fiche{'s'[: sent > 1]} envoyée{'s'[: sent > 1]}"
    undo = reverse("referrals:plan_recall", args=[person.pk])
    messages.success(request, f"{gone}{f', {left}' if kept else ''}.", extra_tags=f"undo:{undo}")


# --- Taking back --------------------------------------------------------------------------------------------


def sent_lately(door: Door, person: Person, now: dt.datetime) -> list[Referral]:
    """The fiches of the last plan that left within the delay of an undo, answered since or not."""
    sent = door.referrals().filter(person=person, sender=door.structure, sent_at__gte=now - UNDO)
    planned = [one for one in sent.with_plan().order_by("sent_at", "created_at", "id") if one.plan]
    return [one for one in planned if one.plan == planned[-1].plan]


@require_POST
def plan_recall(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Take the sending of a whole plan back within ten minutes; a fiche that was answered meanwhile stays sent."""
    door = request.door
    person = door.person(pk)
    door.require("refer", person)
    now = timezone.now()
    back, answered = [], []
    with transaction.atomic():
        for fiche in sent_lately(door, person, now):
            door.require(Verb.RECALL, fiche)
            try:
                fiche.recall(door.actor, now)
            except StaleReferral:
                answered.append(fiche.reference)
            else:
                back.append(fiche.reference)
    if not back:
        messages.info(request, "Il n’y a plus d’envoi à annuler : les dix minutes sont passées, ou il l’est déjà.")
        return redirect("referrals:person_detail", pk=person.pk)
    done = (
        f"{len(back)} envois sont annulés, leurs fiches sont" if len(back) > 1 else "L’envoi est annulé, la fiche est"
    )
    left = f" Déjà traitée, la fiche {answered[0]} reste envoyée." if len(answered) == 1 else ""
    left = f" Déjà traitées, les fiches {listed(answered)} restent envoyées." if len(answered) > 1 else left
    messages.success(request, f"{done} de nouveau en préparation.{left}")
    return redirect("referrals:plan_send", pk=person.pk)
