"""The alerts: each against a small example counted by hand, what is too little first, and what who may be told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals.models import Exit, Referral
from referrals.states import Reason
from reporting.alerts import Alert, AlertKind, Watch
from reporting.scope import View
from structures.models import Action, Structure
from structures.vocabulary import Role
from tests.reporting.conftest import NOW, Field
from tests.territory import a_door, a_person, a_sent, a_structure, an_action

DAY = dt.timedelta(days=1)


class Past(Field):
    """Fiches that were sent so many days ago, and answered so many days later."""

    def __init__(self) -> None:
        super().__init__()
        self.other, self.third = an_action(self.alire, "Atelier"), an_action(self.alire, "Cuisine")

    def fiche(self, ago: int, action: Action | None = None, by: Structure | None = None) -> Referral:
        return self.sent(NOW - ago * DAY, action=action, by=by)

    def answered(self, ago: int, after: int, action: Action | None = None) -> Referral:
        """Sent early enough to be answered `ago` days before now, `after` days later."""
        fiche = self.fiche(ago + after, action)
        fiche.accept(self.receiver, NOW - ago * DAY)
        return fiche

    def declined(self, ago: int, action: Action | None = None) -> Referral:
        fiche = self.fiche(ago, action)
        fiche.decline(self.receiver, NOW - (ago - 1) * DAY, reason=Reason.NO_PLACE)
        return fiche

    def waits(self, since: int, action: Action | None = None) -> Referral:
        fiche = self.fiche(since + 1, action)
        fiche.waitlist(self.receiver, NOW - since * DAY)
        return fiche

    def left(self, ago: int, kind: str) -> None:
        fiche = self.answered(ago + 40, 1)
        fiche.enter(self.receiver, NOW - (ago + 30) * DAY, on=(NOW - (ago + 30) * DAY).date())
        Exit.objects.record(fiche, self.receiver, NOW - ago * DAY, on=(NOW - ago * DAY).date(), kind=kind)

    def told(self, kind: AlertKind, structure: Structure | None = None, view: View = View.SENT) -> list[Alert]:
        watch = Watch(self.doors[structure or self.mission], view, NOW)
        return [alert for alert in watch.alerts() if alert.kind == kind]

    def in_territory(self, kind: AlertKind) -> list[Alert]:
        return self.told(kind, self.ville, View.TERRITORY)


@pytest.fixture
def past(db: None) -> Past:
    return Past()


def of_delay(past: Past, recent: int, before: int = 5, after: int = 16) -> None:
    """Answers in the last month after so many days; and in the three months before, after seven (five working days)."""
    for n in range(recent):
        past.answered(3 + n, after)
    for n in range(before):
        past.answered(40 + n, 7)


# A delay that doubles


def test_four_answers_say_nothing_of_a_delay(past: Past) -> None:
    of_delay(past, 4)
    assert past.told(AlertKind.DELAY) == []


def test_four_answers_before_say_nothing_of_what_is_usual(past: Past) -> None:
    of_delay(past, 5, 4)
    assert past.told(AlertKind.DELAY) == []


def test_a_delay_that_goes_from_five_to_eleven_working_days_has_doubled(past: Past) -> None:
    # Answered from Tuesday 10 to Saturday 14 November, sixteen days after: 12, 11, 11, 11 and 10 working days, since
    # the 11th is a holiday. Before that, seven days are five working days.
    of_delay(past, 5)
    (alert,) = past.told(AlertKind.DELAY)
    assert alert.subject == "Alire"
    assert alert.figures == (
        "Délai médian de 11 jours ouvrés sur 30 jours (5 réponses), contre 5 les 90 jours d’avant (5 réponses)."
    )
    assert alert.href == "/fiches/?onglet=envoyees&file=sans-reponse"


def test_a_delay_that_grows_by_half_has_not_doubled(past: Past) -> None:
    of_delay(past, 5, after=10)
    assert past.told(AlertKind.DELAY) == []


def test_a_delay_that_doubles_within_what_is_expected_is_no_alert(past: Past) -> None:
    for n in range(5):
        past.answered(7 * (n % 4), 1)
        past.answered(42 + 7 * n, 0)
    assert past.told(AlertKind.DELAY) == []


# An action that declines everyone


def test_four_declines_say_nothing_of_an_action(past: Past) -> None:
    for n in range(4):
        past.declined(10 + n)
    assert past.told(AlertKind.DECLINES) == []


def test_an_action_that_declines_five_and_accepts_nobody_is_told_with_its_fiches(past: Past) -> None:
    for n in range(5):
        past.declined(10 + n)
    past.fiche(2)
    past.waits(5)
    (alert,) = past.told(AlertKind.DECLINES)
    assert (alert.subject, alert.figures) == ("FLI", "5 réponses en 60 jours, aucune acceptée.")
    since = (NOW - 60 * DAY).date().isoformat()
    assert alert.href == f"/fiches/?onglet=envoyees&action={past.action.slug}&du={since}"


def test_one_person_accepted_among_many_declined_is_enough_for_silence(past: Past) -> None:
    for n in range(6):
        past.declined(10 + n)
    past.answered(5, 1)
    assert past.told(AlertKind.DECLINES) == []


def test_declines_of_more_than_sixty_days_ago_are_forgotten(past: Past) -> None:
    for n in range(5):
        past.declined(61 + n)
    assert past.told(AlertKind.DECLINES) == []


# An action that is full


def test_four_who_wait_do_not_make_an_action_full(past: Past) -> None:
    for _ in range(4):
        past.waits(80)
    assert past.told(AlertKind.FULL) == []


def test_five_who_wait_since_fifty_nine_days_do_not_wait_for_long(past: Past) -> None:
    for _ in range(5):
        past.waits(59)
    assert past.told(AlertKind.FULL) == []


def test_an_action_whose_list_does_not_move_for_sixty_days_is_full(past: Past) -> None:
    for since in (75, 20, 20, 10, 5):
        past.waits(since)
    past.answered(61, 1)
    (alert,) = past.told(AlertKind.FULL)
    assert alert.figures == (
        "5 fiches en liste d’attente, la plus ancienne depuis 75 jours ; aucune acceptée depuis 60 jours."
    )
    assert alert.href == f"/fiches/?onglet=envoyees&action={past.action.slug}&etat=waitlisted"


def test_an_action_that_took_somebody_since_is_not_full(past: Past) -> None:
    for _ in range(5):
        past.waits(80)
    past.answered(59, 1)
    assert past.told(AlertKind.FULL) == []


# Answers within a week


def of_answers(past: Past, recent: tuple[int, int], before: tuple[int, int]) -> None:
    """Fiches of both windows: how many answered the next day, and how many never."""
    for ago, (quick, never) in ((10, recent), (50, before)):
        for n in range(quick):
            past.answered(ago - 1 + n % 20, 1)
        for _ in range(never):
            past.fiche(ago)


def test_nineteen_fiches_say_nothing_of_a_share(past: Past) -> None:
    of_answers(past, (9, 10), (20, 0))
    assert past.told(AlertKind.ANSWERS) == []


def test_a_share_that_loses_nine_points_is_no_alert(past: Past) -> None:
    of_answers(past, (20, 2), (22, 0))
    assert past.told(AlertKind.ANSWERS) == []


def test_a_share_that_loses_ten_points_is_told(past: Past) -> None:
    of_answers(past, (18, 2), (20, 0))
    (alert,) = past.told(AlertKind.ANSWERS)
    assert alert.figures == (
        "90\u202f% des fiches répondues en 7 jours (20 fiches sur 30 jours), contre 100\u202f% les 90 jours d’avant."
    )


# Dynamic exits


def test_four_exits_say_nothing_of_the_target(past: Past) -> None:
    for ago in range(4):
        past.left(10 + ago, "searching")
    assert past.told(AlertKind.EXITS) == []


def test_two_thirds_of_dynamic_exits_are_the_target(past: Past) -> None:
    for kind in ("cdi", "cdi", "cdi", "cdi", "searching", "searching"):
        past.left(10, kind)
    assert past.told(AlertKind.EXITS) == []


def test_dynamic_exits_under_two_thirds_are_told_beside_those_before(past: Past) -> None:
    for kind in ("cdi", "cdi", "cdi", "searching", "searching"):
        past.left(10, kind)
        past.left(120, "cdi")
    (alert,) = past.told(AlertKind.EXITS)
    assert alert.figures == (
        "60\u202f% de sorties dynamiques depuis trois mois, sur 5 sorties. Les trois mois d’avant : 100\u202f%."
    )


# Who is told what


def test_the_territory_is_told_sizes_rounded_down_and_no_share_of_a_few(past: Past) -> None:
    for kind in ("cdi", "cdi", "cdi", "searching", "searching", "searching", "searching"):
        past.left(10, kind)
    for n in range(7):
        past.declined(10 + n, past.other)
    for since in (75, 20, 20, 10, 5, 5):
        past.waits(since, past.third)
    (exits,) = past.in_territory(AlertKind.EXITS)
    assert exits.figures == "Moins de deux tiers de sorties dynamiques depuis trois mois, sur au moins 5 sorties."
    (declines,) = past.in_territory(AlertKind.DECLINES)
    assert declines.figures == "Au moins 5 réponses en 60 jours, aucune acceptée."
    assert declines.href == f"/statistiques/?vue=territoire&periode=3-mois&action={past.other.slug}"
    (full,) = past.in_territory(AlertKind.FULL)
    assert full.figures == (
        "Au moins 5 fiches en liste d’attente, la plus ancienne depuis 60 jours ou plus ; "
        "aucune acceptée depuis 60 jours."
    )


def test_a_structure_is_told_its_own_fiches_by_their_exact_numbers_and_nobody_elses(past: Past) -> None:
    for n in range(7):
        past.declined(10 + n)
    (alert,) = past.told(AlertKind.DECLINES, past.alire, View.RECEIVED)
    assert alert.figures == "7 réponses en 60 jours, aucune acceptée."
    assert "onglet=recues" in alert.href
    assert past.told(AlertKind.DECLINES, past.pimms, View.SENT) == []


def test_no_action_of_a_protected_structure_is_told_in_the_territory_and_their_delays_are_told_together(
    past: Past,
) -> None:
    doors = [a_door(a_structure(f"Abri {n}", is_sensitive=True), Role.RECEIVER) for n in range(2)]
    for door in doors:
        action = an_action(door.structure)
        for n in range(5):
            declined = past.fiche(10 + n, action)
            declined.decline(door.actor, NOW - (3 + n) * DAY, reason=Reason.NO_PLACE)
            past.fiche(90, action).waitlist(door.actor, NOW - 89 * DAY)
    assert past.in_territory(AlertKind.DECLINES) == []
    assert past.in_territory(AlertKind.FULL) == []
    (delay,) = past.in_territory(AlertKind.DELAY)
    assert (delay.subject, delay.href) == ("Structures protégées", "")
    assert "au moins 10 réponses" in delay.figures
    assert len(past.told(AlertKind.DECLINES)) == len(past.told(AlertKind.FULL)) == 2


def test_five_fiches_of_one_person_are_no_group_of_five(past: Past) -> None:
    person = a_person(past.sender, NOW - 20 * DAY)
    for _ in range(5):
        fiche = a_sent(past.action, past.sender, person, NOW - 20 * DAY)
        fiche.decline(past.receiver, NOW - 19 * DAY, reason=Reason.NO_PLACE)
    assert past.in_territory(AlertKind.DECLINES) == []


# The page


def page(past: Past, client: Client, structure: Structure, query: str = "", **headers: Any) -> str:
    client.force_login(past.user(structure))
    response = client.get(f"{reverse('reporting:alerts')}{query}", **headers)
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_each_rule_and_that_nothing_drifts(past: Past, client: Client) -> None:
    text = page(past, client, past.ville)
    assert "Rien ne dérive" in text and "Ce qui est surveillé" in text
    assert all(kind.label in text for kind in AlertKind)


def test_a_view_that_one_may_not_read_falls_back_on_ones_own(past: Past, client: Client) -> None:
    for n in range(7):
        past.declined(10 + n)
    text = page(past, client, past.mission, "?vue=territoire")
    assert "7 réponses" in text and "au moins" not in text.split("Ce qui est surveillé")[0].split("Pourquoi")[0]


def test_the_figures_ask_for_the_alerts_by_themselves_and_get_no_more_than_those(past: Past, client: Client) -> None:
    client.force_login(past.user(past.ville))
    figures = client.get(reverse("reporting:dashboard")).content.decode()
    assert 'hx-get="/statistiques/alertes/?vue=territoire"' in figures
    part = page(past, client, past.ville, headers={"HX-Request": "true"})
    assert "<html" not in part and "Rien ne dérive" in part


def test_the_alerts_cost_at_most_six_queries(past: Past) -> None:
    for n in range(5):
        past.declined(10 + n)
        past.waits(70, past.other)
        past.left(10, "searching")
    of_delay(past, 5)
    with CaptureQueriesContext(connection) as queries:
        found = Watch(past.doors[past.ville], View.TERRITORY, NOW).alerts()
    assert len(found) >= 3
    assert len(queries) == 6
