"""Two commissions de suivi of the city: last month's, with its decisions and tasks, and the one to come."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from referrals.agenda import agenda_of
from referrals.demo.agenda import Story
from referrals.demo.office_hours import last_working_day, local
from referrals.demo.world import World
from referrals.models import Actor, Commission, CommissionItem, CommissionTask, ItemKind

CONVENES = "ville-de-blois"
INVITED = ("mission-locale-blaisois", "plie-blaisois", "cria-41", "alire", "accv", "cidff-41", "quartiers-proximite")

HELD_BEFORE = dt.timedelta(days=26)
PREPARED_BEFORE = dt.timedelta(days=2)
TO_COME = dt.timedelta(days=9)
"""How long before today the last commission met and the next one was prepared, and in how long it meets."""

DONE_AFTER = dt.timedelta(days=6)
DECIDED = 6
"""Situations that the last commission came to; every second one became a task."""

DECISIONS = {
    ItemKind.UNANSWERED: ("La structure d’accueil répond cette semaine.", "Répondre à la fiche"),
    ItemKind.WAITING: ("Chercher une place ailleurs si rien ne s’ouvre d’ici un mois.", "Chercher une autre action"),
    ItemKind.NOT_ENTERED: ("Vérifier si la personne est venue, puis le noter.", "Confirmer l’entrée"),
    ItemKind.BILAN_OVERDUE: ("Le bilan est rendu avant la prochaine commission.", "Rendre le bilan"),
    ItemKind.NOT_CHAINED: ("Reprendre contact et proposer la suite conseillée.", "Proposer la suite conseillée"),
    ItemKind.NOT_REDIRECTED: ("Refaire le point avec la personne.", "Proposer une autre orientation"),
    ItemKind.FOLLOWUP: ("Un dernier appel, puis on clôt le suivi.", "Rappeler une dernière fois"),
    ItemKind.UNMET: ("Demander aux structures si une session peut s’ouvrir.", "Étudier une nouvelle session"),
}
"""For each line of the agenda, what the commission decides and what it gives to do."""

BY_RECEIVER = (ItemKind.UNANSWERED, ItemKind.NOT_ENTERED, ItemKind.BILAN_OVERDUE, ItemKind.FOLLOWUP)
"""The lines whose next step is the receiver's; the others are the sender's."""


def commissions(world: World) -> Story:
    """Prepared, held and closed last month; then the next one is prepared."""
    city = world.structures[CONVENES]
    actor = Actor(user=world.members[CONVENES][0][0], structure=city)
    invited = [world.structures[key] for key in INVITED]
    today = timezone.localdate(world.agenda.now)
    on = last_working_day(today - HELD_BEFORE)
    at = local(on, dt.time(9, 0))
    yield at
    held = Commission.objects.prepare(actor, at, on=on, participants=invited, situations=agenda_of(at))
    assert held is not None
    at = local(on, dt.time(14, 0))
    yield at
    held.hold(actor, at)
    points = list(held.items.select_related("referral__sender", "referral__receiver").order_by("position", "id"))
    chosen = points[:: max(len(points) // DECIDED, 1)][:DECIDED]
    tasks: list[CommissionTask] = []
    for number, point in enumerate(chosen, start=1):
        at += dt.timedelta(minutes=7)
        yield at
        tasks += _decide(held, point, actor, at, as_task=number % 2 == 1)
    at += dt.timedelta(minutes=20)
    yield at
    held.close(actor, at)
    at = local(last_working_day(on + DONE_AFTER), dt.time(11, 0))
    yield at
    for task in tasks[:1]:
        task.tick(Actor(structure=task.structure), at)
    at = local(last_working_day(today - PREPARED_BEFORE), dt.time(16, 30))
    yield at
    Commission.objects.prepare(
        actor, at, on=last_working_day(today + TO_COME), participants=invited, situations=agenda_of(at)
    )


def _decide(
    commission: Commission, point: CommissionItem, actor: Actor, at: dt.datetime, *, as_task: bool
) -> list[CommissionTask]:
    kind = ItemKind(point.kind)
    decision, what = DECISIONS[kind]
    point.decide(decision, actor, at, seen=point.version)
    if not as_task:
        return []
    structure = commission.structure
    if point.referral is not None:
        structure = point.referral.receiver if kind in BY_RECEIVER else point.referral.sender
    due_on = commission.on + dt.timedelta(days=21)
    given = point.give(structure, actor, at, what=what, due_on=due_on)
    return [given] if given is not None else []
