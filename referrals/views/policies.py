"""The rules of reminders of one's structure, and of each of its actions: a manager's pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from referrals.forms.policies import PolicyForm
from referrals.middleware import CaseRequest
from referrals.models import ReminderPolicy
from referrals.models.replanning import rehearse_rule, set_rule
from referrals.outlook import example, sentence_of
from referrals.policies import SPECS, PolicyKind, Rule
from structures.models import Action, Structure

SIDES = (("receiver", "Pour les fiches que vous recevez"), ("sender", "Pour les fiches que vous envoyez"))


def _asked(request: CaseRequest) -> tuple[Structure, Action | None]:
    """The structure, and the action that is named. Raises `PermissionDenied`, and `Http404` for a stranger's."""
    door = request.door
    door.require("manage")
    assert door.structure is not None  # by the role
    slug = request.GET.get("action", "")
    return door.structure, door.action(slug) if slug else None


def _kind(word: str, action: Action | None) -> PolicyKind:
    if word not in PolicyKind.values or (action is not None and not SPECS[PolicyKind(word)].by_action):
        raise Http404
    return PolicyKind(word)


def _query(action: Action | None) -> str:
    return f"?action={action.slug}" if action is not None else ""


@require_safe
def policy_list(request: CaseRequest) -> HttpResponse:
    """Every rule in one sentence, and what would leave for a fiche sent today."""
    structure, action = _asked(request)
    rules = ReminderPolicy.objects.rules(structure, action)
    own = set(ReminderPolicy.objects.filter(structure=structure, action=action).values_list("kind", flat=True))
    today = structure.clock.day_of(timezone.now())
    context = {
        "action": action,
        "actions": list(request.door.actions().published().order_by("name", "id")),
        "sides": [(title, _rows(side, rules, own, action)) for side, title in SIDES],
        "chapters": example(rules, structure.clock, today),
        "today": today,
    }
    return render(request, "referrals/policies/list.html", context)


def _rows(side: str, rules: dict[PolicyKind, Rule], own: set[str], action: Action | None) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "rule": rules[kind],
            "sentence": sentence_of(rules[kind]),
            "is_own": kind.value in own,
            "url": reverse("referrals:policy_edit", args=[kind.value]) + _query(action),
        }
        for kind, spec in SPECS.items()
        if spec.side == side and (action is None or spec.by_action)
    ]


def policy_edit(request: CaseRequest, kind: str) -> HttpResponse:
    """Change one rule; what it moves among the open fiches is shown before it is saved."""
    structure, action = _asked(request)
    policy = _kind(kind, action)
    now = timezone.now()
    rule = ReminderPolicy.objects.rules(structure, action)[policy]
    form = PolicyForm(request.POST if request.method == "POST" else None, kind=policy, rule=rule)
    moved: int | None = None
    if request.method == "POST" and form.is_valid():
        moved = rehearse_rule(structure, action, policy, form.rule, now)
        if not moved or "confirmed" in request.POST:
            moved = set_rule(structure, action, policy, form.rule, now)
            messages.success(request, f"Règle enregistrée. {_moved_words(moved)}")
            return redirect(reverse("referrals:policy_list") + _query(action))
    context = {
        "form": form,
        "kind": policy,
        "spec": SPECS[policy],
        "action": action,
        "moved": moved,
        "is_own": ReminderPolicy.objects.filter(structure=structure, action=action, kind=policy).exists(),
        "list_url": reverse("referrals:policy_list") + _query(action),
        "reset_url": reverse("referrals:policy_reset", args=[policy.value]) + _query(action),
    }
    return render(request, "referrals/policies/edit.html", context, status=422 if form.errors else 200)


@require_POST
def policy_reset(request: CaseRequest, kind: str) -> HttpResponse:
    """Return to the usual rule, or for an action to that of its structure."""
    structure, action = _asked(request)
    moved = set_rule(structure, action, _kind(kind, action), None, timezone.now())
    messages.success(request, f"Réglage habituel rétabli. {_moved_words(moved)}")
    return redirect(reverse("referrals:policy_list") + _query(action))


def _moved_words(moved: int) -> str:
    if not moved:
        return "Aucune fiche en cours ne change."
    several = moved > 1
    return f"{moved} fiche{'s'[:several]} en cours {'suivent' if several else 'suit'} le nouveau calendrier."
