"""The fiche on its sender's side: preparing, sending, taking back, cancelling, printing, and the lists."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from referrals.disclosure import profile_facts
from referrals.documents import fiche_sheet
from referrals.forms.referrals import (
    MAJORITY,
    CancelForm,
    DraftForm,
    ReferralFilterForm,
    SendForm,
    session_label,
)
from referrals.french import day_words, listed, lower_first
from referrals.matching import snapshot, suggest
from referrals.middleware import CaseRequest
from referrals.models import (
    Bilan,
    ConsentScope,
    FollowUp,
    Link,
    Need,
    Person,
    Prediagnosis,
    Referral,
    ReminderPolicy,
    StaleReferral,
)
from referrals.models.referral import ReferralQuerySet
from referrals.permissions import Door
from referrals.queues import BY_KEY, ITS_BILAN, Followed, Side, late
from referrals.states import OPEN, State, Verb
from referrals.views.conflict import conflict_context
from referrals.views.keyset import page_of
from referrals.views.matching import advice_of, bilan_of, followup_of, recommended_by, wanted_needs
from referrals.views.shown import identity_of, is_answerable, queue_row, ranks_of, tick_of
from structures.models import Action, Session
from structures.models.action import ActionQuerySet
from structures.vocabulary import Role

MOST_COUNTED = 1000
"""A list says how many fiches it holds up to so many: counting the history of years costs more than showing it."""

MOST_ACTIONS = 100
"""Actions offered by the filter of the fiches sent: a longer choice is no longer read."""

SESSIONS = 8
"""Sessions proposed at most."""

TABS: dict[str, tuple[str, Side, str]] = {
    "envoyees": ("Envoyées", "sent", "-sent_at"),
    "recues": ("Reçues", "received", "-sent_at"),
    "brouillons": ("Brouillons", "sent", "-updated_at"),
}
"""Tab → its words, its side, and the order of its rows."""


# --- Preparing ----------------------------------------------------------------------------------------------


def motive_of(needs: list[Need]) -> str:
    """A short sentence to begin with, from the needs that the action covers and what stands in the way."""
    if not needs:
        return ""
    labels = listed(lower_first(need.get_theme_display()) for need in needs)
    obstacles = list(dict.fromkeys(need.obstacle for need in needs if need.obstacle))
    words = f"Besoin{'s' if len(needs) > 1 else ''}\u00a0: {labels}."
    return f"{words} Frein\u00a0: {', '.join(obstacles)}." if obstacles else words


@require_POST
def referral_create(request: CaseRequest, pk: UUID) -> HttpResponse:
    """Prepare a fiche from a suggestion, prefilled; the one already under way for the same action is opened instead."""
    door = request.door
    person = door.person(pk)
    door.require("refer", person)
    now = timezone.now()
    bilan = bilan_of(door, person, request.POST.get("bilan", ""))
    advice = advice_of(door, person, request.POST.get("conseil", ""))
    followup = followup_of(door, person, request.POST.get("suivi", ""))
    slug = request.POST.get("action", "")
    action = Action.objects.open_on(timezone.localdate(now)).select_related("structure").filter(slug=slug).first()
    if action is None:
        messages.error(request, "Cette action ne prend plus de fiches. Choisissez-en une autre.")
        return redirect("referrals:suggestions", pk=person.pk)
    with transaction.atomic():
        # Two presses at once must not prepare two fiches.
        Person.objects.select_for_update(of=("self",)).get(pk=person.pk)
        same = Referral.objects.filter(person=person, action=action, sender=door.structure)
        running = same.filter(state__in=[State.DRAFT, *OPEN]).order_by("created_at", "id").first()
        referral = running or _prepare(
            door, person, action, bilan, advice, followup, request.POST.get("session", ""), now
        )
    if referral.state != State.DRAFT:
        messages.info(request, "Une fiche est déjà en cours pour cette action.")
        return redirect("referrals:referral_detail", reference=referral.reference)
    return redirect("referrals:referral_send", reference=referral.reference)


def _is_followed(advice: Referral) -> bool:
    """Whether a fiche already hangs on this one: the first that the advice led to."""
    return Referral.objects.filter(redirected_from=advice).exists()


def _prepare(
    door: Door,
    person: Person,
    action: Action,
    bilan: Bilan | None,
    advice: Referral | None,
    followup: FollowUp | None,
    session_id: str,
    now: dt.datetime,
) -> Referral:
    needs = list(door.needs().open().filter(person=person).order_by("priority", "theme", "id"))
    wanted = wanted_needs(needs, recommended_by(bilan, advice))
    missing = [need.theme for need in wanted if not isinstance(need, Need)]
    advised = {theme: 1 for theme in missing if theme in action.themes}
    if advised:
        # What is recommended becomes a need of the person: its outcome is then followed like the others'.
        Prediagnosis.objects.record(person, advised, door.actor, now)
        needs = list(door.needs().open().filter(person=person).order_by("priority", "theme", "id"))
    found = suggest(person, needs, prescriber=door.structure, on=timezone.localdate(now))
    match = found.of(action)
    covered = [need for need in needs if need.theme in action.themes]
    session = action.sessions.filter(pk=session_id).first() if session_id.isdecimal() else None
    return Referral.objects.draft(
        person,
        action,
        door.actor,
        now,
        needs=covered,
        motive=motive_of(covered),
        matched=snapshot(match) if match else None,
        opened_by=bilan,
        opened_after=followup if bilan is None else None,
        redirected_from=advice if advice is not None and not _is_followed(advice) else None,
        session=session,
    )


# --- Sending ------------------------------------------------------------------------------------------------


def sessions_of(referral: Referral, today: dt.date) -> list[tuple[Session, str]]:
    """The sessions that a draft may ask for, with their words: those to come, those that run, and its own."""
    coming = referral.action.sessions.filter(
        Q(starts_on__gte=today) | Q(ends_on__gte=today) | Q(pk=referral.session_id)
    )
    return [
        (session, session_label(session, day_words(session.starts_on), today))
        for session in coming.order_by("starts_on", "id")[:SESSIONS]
    ]


def hindrance_of(door: Door, referral: Referral, today: dt.date) -> str:
    """Why a draft can no longer be sent, in words; empty when it can."""
    action = referral.action
    if not referral.receiver.is_active:
        return f"{referral.receiver} n’est plus sur Relais. Choisissez une autre action."
    if not action.is_published:
        return "Cette action n’est plus au catalogue. Choisissez-en une autre."
    if action.paused_until is not None and action.paused_until > today:
        return f"Cette action ne prend plus de fiches jusqu’au {day_words(action.paused_until)}."
    if not door.persons().filter(pk=referral.person_id).exists():
        return "Votre structure n’accompagne plus cette personne."
    return ""


def _send_context(door: Door, referral: Referral, form: SendForm, now: dt.datetime, hindrance: str) -> dict[str, Any]:
    today = timezone.localdate(now)
    scopes = door.scopes(referral.person)
    person = referral.person
    age = person.age(today)
    return {
        "referral": referral,
        "person": person,
        "age": age,
        "is_minor": age is not None and age < MAJORITY,
        "identity": identity_of(person, scopes, today),
        "needs": list(referral.needs.order_by("priority", "theme", "id")),
        "facts": profile_facts(person, scopes),
        "shows_contact": ConsentScope.CONTACT in scopes,
        "form": form,
        "hindrance": hindrance,
        "attachments": list(door.attachments().filter(referral=referral).listed()),
        "attach_url": reverse("referrals:attachment_list", args=[referral.reference]),
        "now": now,
    }


def _stale_page(
    request: CaseRequest, stale: StaleReferral, now: dt.datetime, form: DraftForm | CancelForm | None = None
) -> HttpResponse:
    """Say who acted first and what was typed; nothing was written."""
    may_cancel = request.door.abilities(stale.referral, now)[Verb.CANCEL]
    context = {
        "referral": stale.referral,
        "too_late": stale.verb == Verb.RECALL and may_cancel,
    }
    context |= conflict_context(stale, now, form)
    return render(request, "referrals/referrals/stale.html", context, status=409)


def referral_send(request: CaseRequest, reference: str) -> HttpResponse:
    """What will be sent, the person's consent, and the sending."""
    door = request.door
    referral = door.referral(reference)
    door.require(Verb.SEND, referral)
    now = timezone.now()
    today = timezone.localdate(now)
    posted = request.POST if request.method == "POST" else None
    if posted is None and referral.state != State.DRAFT:
        return redirect("referrals:referral_detail", reference=reference)
    form = SendForm(posted, referral=referral, on=today, sessions=sessions_of(referral, today))
    if referral.state != State.DRAFT:
        return _stale_page(request, StaleReferral(referral, Verb.SEND), now, form)
    hindrance = hindrance_of(door, referral, today)
    if posted is not None and form.is_valid() and not hindrance:
        try:
            _send(door, referral, form, now)
        except StaleReferral as stale:
            return _stale_page(request, stale, now, form)
        undo = reverse("referrals:referral_recall", args=[reference])
        messages.success(request, f"Fiche envoyée à {referral.receiver}.", extra_tags=f"undo:{undo}")
        return redirect("referrals:referral_detail", reference=reference)
    status = 422 if posted is not None else 200
    context = _send_context(door, referral, form, now, hindrance)
    return render(request, "referrals/referrals/send.html", context, status=status)


def _send(door: Door, referral: Referral, form: SendForm, now: dt.datetime) -> None:
    data = form.cleaned_data
    with transaction.atomic():
        referral.rewrite(now, **form.written)
        referral.send(
            door.actor,
            now,
            consent_how=data["consent_how"],
            consent_scope=data["consent_scope"],
            version=data["version"],
        )


@require_POST
def referral_autosave(request: CaseRequest, reference: str) -> HttpResponse:
    """Save what is being typed in a draft; nothing is shown but an error, when there is one."""
    door = request.door
    referral = door.referral(reference)
    door.require("edit", referral)
    now = timezone.now()
    form = DraftForm(request.POST, referral=referral, sessions=sessions_of(referral, timezone.localdate(now)))
    valid = form.is_valid()
    if valid and not referral.rewrite(now, **form.written):
        return render(request, "referrals/referrals/autosave.html", {"errors": [], "gone": True}, status=409)
    errors = [error for messages_ in form.errors.values() for error in messages_]
    context = {"errors": errors, "gone": False}
    return render(request, "referrals/referrals/autosave.html", context, status=200 if valid else 422)


@require_POST
def referral_recall(request: CaseRequest, reference: str) -> HttpResponse:
    """Take a sending back within ten minutes: the fiche is a draft again and its letter never leaves."""
    door = request.door
    referral = door.referral(reference)
    door.require(Verb.RECALL, referral)
    now = timezone.now()
    try:
        referral.recall(door.actor, now)
    except StaleReferral as stale:
        return _stale_page(request, stale, now)
    messages.success(request, "L’envoi est annulé : la fiche est de nouveau un brouillon.")
    return redirect("referrals:referral_send", reference=reference)


@require_POST
def link_revoke(request: CaseRequest, reference: str) -> HttpResponse:
    """Withdraw the links that letters carried to the receiving structure."""
    door = request.door
    referral = door.referral(reference)
    door.require("revoke_links", referral)
    if Link.objects.revoke(referral, door.actor, timezone.now()):
        messages.success(request, "Les liens envoyés sont retirés : ils n’ouvrent plus cette fiche.")
    else:
        messages.info(request, "Aucun lien envoyé n’ouvrait plus cette fiche.")
    return redirect("referrals:referral_detail", reference=reference)


def referral_cancel(request: CaseRequest, reference: str) -> HttpResponse:
    """Cancel a fiche with a coded reason; a draft is thrown away without one."""
    door = request.door
    referral = door.referral(reference)
    door.require(Verb.CANCEL, referral)
    now = timezone.now()
    posted = request.POST if request.method == "POST" else None
    form = CancelForm(posted, referral=referral)
    if not door.abilities(referral, now)[Verb.CANCEL]:
        return _stale_page(request, StaleReferral(referral, Verb.CANCEL), now, form if posted else None)
    if posted is not None and form.is_valid():
        data = form.cleaned_data
        was_draft = referral.sent_at is None
        try:
            referral.cancel(door.actor, now, reason=data["reason"], note=data.get("note", ""), version=data["version"])
        except StaleReferral as stale:
            return _stale_page(request, stale, now, form)
        if was_draft:
            messages.success(request, "Brouillon supprimé.")
            return redirect("referrals:person_detail", pk=referral.person_id)
        messages.success(request, f"Fiche annulée. {referral.receiver} en est informé.")
        return redirect("referrals:referral_detail", reference=reference)
    context = {
        "referral": referral,
        "form": form,
        "identity": identity_of(referral.person, door.scopes(referral.person), timezone.localdate(now)),
        "now": now,
    }
    return render(request, "referrals/referrals/cancel.html", context, status=422 if posted is not None else 200)


def referral_print(request: CaseRequest, reference: str) -> HttpResponse:
    """The fiche de prescription et de liaison on paper, as far as the consent goes."""
    door = request.door
    referral = door.referral(reference)
    door.require("print", referral)
    document = fiche_sheet(door, referral, timezone.localdate())
    return render(request, document.template, document.context)


# --- The lists ----------------------------------------------------------------------------------------------


def _tab(request: CaseRequest) -> str:
    asked = request.GET.get("onglet", "")
    if asked in TABS:
        return asked
    return "envoyees" if request.door.has(Role.PRESCRIBER, Role.MANAGER) else "recues"


def _tabs(door: Door, current: str) -> list[dict[str, Any]]:
    here = reverse("referrals:referral_list")
    return [
        {"label": label, "url": f"{here}?onglet={tab}", "current": tab == current, "count": None}
        for tab, (label, _, _) in TABS.items()
        if tab != "brouillons" or door.has(Role.PRESCRIBER, Role.MANAGER)
    ]


def _condition(data: dict[str, Any], tab: str, now: dt.datetime) -> Q:
    """The filters as one condition; the date that a period speaks of is that of the sending."""
    found = Q(state=State.DRAFT) if tab == "brouillons" else Q(sent_at__isnull=False)
    if data.get("etat"):
        found &= Q(state=data["etat"])
    if data.get("file"):
        found &= BY_KEY[data["file"]].where(now)
    if data.get("retard"):
        found &= late(now)
    if data.get("action"):
        found &= Q(action__slug=data["action"])
    if data.get("periode"):
        since = now - dt.timedelta(days=int(data["periode"]))
        found &= Q(created_at__gte=since) if tab == "brouillons" else Q(sent_at__gte=since)
    if data.get("du"):
        found &= Q(sent_at__date__gte=data["du"])
    if data.get("au"):
        found &= Q(sent_at__date__lte=data["au"])
    if data.get("motif"):
        found &= Q(reason=data["motif"])
    return found


def _actions_of(door: Door, side: Side, concerned: ReferralQuerySet, order: str, chosen: str) -> ActionQuerySet:
    """The actions that the filter offers: those of the fiches of a list.

    Of the fiches sent, to any action of the country, those that come back most often lately, and the one chosen.
    """
    is_concerned = Exists(concerned.filter(action=OuterRef("pk")))
    if side == "received":
        # A structure has few actions and many fiches: it is asked of each action, by its index.
        found = door.actions().filter(is_concerned)
    else:
        lately = concerned.order_by(order, "pk").values_list("action", flat=True)[:MOST_COUNTED]
        usual = Q(pk__in=[pk for pk, _ in Counter(lately).most_common(MOST_ACTIONS)])
        found = Action.objects.filter(usual | Q(slug=chosen) & Q(is_concerned) if chosen else usual)
    return found.only("slug", "name").order_by("name", "id")


def referral_list(request: CaseRequest) -> HttpResponse:
    """The fiches sent, received, or being prepared, with the same conditions as the queues of the home page."""
    door = request.door
    door.require("files")
    now = timezone.now()
    tab = _tab(request)
    label, side, order = TABS[tab]
    own = door.referrals_of(side)
    concerned = own.filter(state=State.DRAFT) if tab == "brouillons" else own.sent()
    actions = _actions_of(door, side, concerned, order, request.GET.get("action", ""))
    form = ReferralFilterForm(request.GET, tab=tab, side=side, actions=actions)
    form.is_valid()
    data = form.cleaned_data
    absentees = door.absentees(timezone.localdate(now))
    followed = Followed.by(door, data.get("qui", ""), absentees)
    rows = own.filter(_condition(data, tab, now), followed.where(side))
    query = QueryDict(mutable=True)
    query["onglet"] = tab
    filters = [name for name in form.fields if name != "onglet" and data.get(name)]
    for name in filters:
        query[name] = "on" if data[name] is True else str(data[name])
    for name in ("apres", "avant"):
        if name in request.GET:
            query[name] = request.GET[name]
    total = rows.order_by(order, "pk")[: MOST_COUNTED + 1].count()
    page = page_of(rows.as_rows().annotate(its_bilan=ITS_BILAN), [order, "pk"], query, cursor="reference")
    other = "sender" if side == "received" else "receiver"
    ReminderPolicy.objects.attach(page.rows)
    ranks = ranks_of(page.rows, timezone.localdate(now))
    return render(
        request,
        "referrals/referrals/list.html",
        {
            "form": form,
            "tab": tab,
            "tab_label": label,
            "tabs": _tabs(door, tab),
            "rows": [
                queue_row(row, other=other, now=now, rank=ranks.get(row.pk, ""), absentees=absentees)
                | {"tick": tick_of(door, row)}
                for row in page.rows
            ],
            "may_tick": any(tick_of(door, row) for row in page.rows),
            "may_answer": any(is_answerable(door, row) for row in page.rows),
            "page": page,
            "total": min(total, MOST_COUNTED),
            "too_many": total > MOST_COUNTED,
            "filtered": bool(filters),
            "reset_url": f"{reverse('referrals:referral_list')}?onglet={tab}",
            "may_record": door.may("record_person"),
        },
    )
