"""The answers after an exit: by channel, and against what the persons had left for."""

from __future__ import annotations

import datetime as dt

from referrals.models import Exit, ExitKind, FollowUp, FollowUpMonths, FollowUpSituation
from referrals.models.event import WORKER
from reporting import indicators as what
from reporting.dashboard import Dashboard
from reporting.scope import View
from reporting.tables import Table
from tests.reporting.conftest import NOW, Field, at


def asked(field: Field, kind: ExitKind, by: str = "email") -> FollowUp:
    """Somebody who left for `kind` in April, and was asked in October."""
    fiche = field.sent(at(1, 5))
    fiche.accept(field.receiver, at(1, 6))
    fiche.enter(field.receiver, at(1, 7), on=dt.date(2026, 1, 7))
    left = Exit.objects.record(fiche, field.receiver, at(4, 30), on=dt.date(2026, 4, 30), kind=kind)
    check = FollowUp.objects.get(exit=left)
    if by != "call":
        check.ask(WORKER, NOW, by=what.FollowUpChannel(by))
    return check


def answered(field: Field, kind: ExitKind, situation: str, by: str = "email") -> FollowUp:
    check = asked(field, kind, by)
    assert check.answer(WORKER, NOW, situation=situation, by=by)
    return check


def table(figures: Dashboard, caption: str) -> Table:
    [found] = [one for section in figures.sections() for one in section.tables if one.caption == caption]
    return found


def test_the_response_rate_of_each_channel_has_its_own_denominator(field: Field) -> None:
    answered(field, ExitKind.CDI, "job")
    asked(field, ExitKind.CDI)
    answered(field, ExitKind.CDI, "job", by="sms")
    answered(field, ExitKind.CDI, "searching", by="call")
    called = asked(field, ExitKind.CDI)
    called.answer(field.receiver, NOW, situation="help")
    asked(field, ExitKind.CDI, by="call").close_without_answer(field.receiver, NOW, state="refused")
    assert table(field.figures(), "Réponses à six mois, par moyen").rows == [
        ["Lien par e-mail", "3", "1", "33\u202f%"],
        ["Lien par SMS", "1", "1", "100\u202f%"],
        ["Appel", "3", "2", "67\u202f%"],
    ]


def test_the_situation_is_told_against_the_exit(field: Field) -> None:
    answered(field, ExitKind.CDI, "job")
    answered(field, ExitKind.CDD_LONG, "searching")
    answered(field, ExitKind.SEARCHING, "job")
    answered(field, ExitKind.SEARCHING, "help")
    found = table(field.figures(), "Situation six mois après, selon la sortie")
    assert found.columns == ["Sortie", "En emploi", "En recherche", "Autre, ou besoin d’aide", "Total"]
    assert found.rows == [
        ["Emploi durable", "1", "1", "0", "2"],
        ["Autre sortie", "1", "0", "1", "2"],
        ["Total", "2", "1", "1", "4"],
    ]


def test_a_check_at_three_months_does_not_enter_the_figures_at_six(field: Field) -> None:
    check = answered(field, ExitKind.CDI, "job")
    FollowUp.objects.create(
        exit=check.exit, referral=check.referral, months=FollowUpMonths.THREE, due_on=dt.date(2026, 7, 30)
    )
    assert field.figures().ledger.number("checks_due") == 1


def test_moved_is_counted_apart(field: Field) -> None:
    asked(field, ExitKind.CDI).close_without_answer(field.receiver, NOW, state="moved")
    ledger = field.figures().ledger
    assert [ledger.number(name) for name in ("checks_asked", "checks_moved", "checks_unreachable")] == [1, 1, 0]


def test_small_groups_of_the_territory_are_masked_alike_wherever_they_stand(field: Field) -> None:
    for _ in range(12):
        answered(field, ExitKind.CDI, "job")
    for _ in range(6):
        answered(field, ExitKind.SEARCHING, "job", by="sms")
    for _ in range(2):
        answered(field, ExitKind.SEARCHING, "searching", by="sms")
    figures = field.figures(field.ville, View.TERRITORY)
    cells = [cell for row in table(figures, "Situation six mois après, selon la sortie").rows for cell in row]
    assert "2" not in cells
    assert "<\u00a05" in cells
    for situation, indicator in what.CHECKS_OF_SITUATION.items():
        if situation in (FollowUpSituation.JOB, FollowUpSituation.SEARCHING):
            column = ("after_exit", "column", situation)
            assert figures.ledger.show(column) == figures.ledger.show(indicator.name), situation
