"""The bilan collectif as it is read: its figures by name, how they add up, and the plain text of its parts.

The text is a plain dictionary of words: pages and documents draw it. What may be shown of a figure is not decided
here: `content` asks for the words of each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from referrals.models import ExitClass, SessionReport
from structures.certificates import CERTIFICATES, CertificateResult
from structures.scales import AXES
from structures.vocabulary import NeedTheme

Key = tuple[str, ...]
"""The name of a figure."""

PARTICIPANTS: Key = ("participants",)
GROUPED = "Structures protégées"
"""Stands for all the sensitive structures together."""

WAYS = {"rose": "En progrès", "same": "Au même niveau", "fell": "En recul"}
NOBODY_LEFT = "Pas encore sortis"


def numbers(figures: Mapping[str, Any], sensitive: Collection[str]) -> dict[Key, tuple[int, int]]:
    """Each figure, and how many persons stand behind it; those of the persons left out of a count are there too.

    `sensitive` are the identifiers of the sensitive structures, counted together.
    """
    people = figures["participants"]
    found: dict[Key, int] = {PARTICIPANTS: people, ("bilans",): figures["bilans"]}
    found["bilans", "without"] = people - figures["bilans"]
    for pk, count in figures["senders"].items():
        key = ("sender", "" if pk in sensitive else pk)
        found[key] = found.get(key, 0) + count
    for axis, counts in figures["axes"].items():
        found |= {("axis", axis, way): counts.get(way, 0) for way in WAYS}
        found["axis", axis, "without"] = people - sum(counts.values())
    for code, counts in figures["certificates"].items():
        found |= {("certificate", code, result): counts.get(result, 0) for result in CertificateResult.values}
        found["certificate", code, "without"] = people - sum(counts.values())
    for exit_class in ExitClass.values:
        found["exit", exit_class] = figures["exits"].get(exit_class, 0)
    found["exit", "without"] = people - sum(figures["exits"].values())
    for theme, count in figures["obstacles"].items():
        found["obstacle", theme] = count
        found["obstacle", theme, "without"] = people - count
    attendance = figures["attendance"]
    of_all = {("attendance", name): attendance[name] for name in ("hours", "rate") if attendance[name] is not None}
    return {key: (number, number) for key, number in found.items()} | {key: (n, people) for key, n in of_all.items()}


def totals(names: Collection[Key]) -> list[tuple[Key, list[Key]]]:
    """How the figures add up: each with its parts. Every count of persons is a part of the participants."""
    lines = [(PARTICIPANTS, [("bilans",), ("bilans", "without")])]
    lines += [(PARTICIPANTS, [name for name in names if name[0] == kind]) for kind in ("sender", "exit")]
    for kind in ("axis", "certificate", "obstacle"):
        for code in dict.fromkeys(name[1] for name in names if name[0] == kind):
            lines.append((PARTICIPANTS, [name for name in names if name[:2] == (kind, code)]))
    return lines


def content(
    report: SessionReport,
    figures: Mapping[str, Any],
    senders: Mapping[str, str],
    sensitive: Collection[str],
    show: Callable[[Key], str],
) -> dict[str, Any]:
    """The whole report in words. `senders` are the names of the structures by identifier; `show` says a figure."""
    known = numbers(figures, sensitive)
    session, attendance = report.session, figures["attendance"]
    facts = [("Participants", show(PARTICIPANTS)), ("Bilans individuels rendus", show(("bilans",)))]
    if attendance["half_days"]:
        facts.append(("Demi-journées tenues", str(attendance["half_days"])))
        facts.append(("Heures suivies, toutes personnes ensemble", show(("attendance", "hours"))))
        facts.append(("Assiduité, en pour cent", show(("attendance", "rate"))))
    names = {"": GROUPED} | dict(senders)
    tables = [
        _table("Qui a orienté", ["Prescripteur", "Personnes"], _senders(known, names, show)),
        _table(
            "Progrès par axe",
            ["Axe", *WAYS.values()],
            [
                [axis.label, *(show(("axis", axis.code, way)) for way in WAYS)]
                for axis in AXES.values()
                if axis.code in figures["axes"]
            ],
        ),
        _table(
            "Certifications",
            ["Certification", *CertificateResult.labels],
            [
                [
                    CERTIFICATES[code].label,
                    *(show(("certificate", code, result)) for result in CertificateResult.values),
                ]
                for code in CERTIFICATES
                if code in figures["certificates"]
            ],
        ),
        _table(
            "Sorties",
            ["Classe", "Personnes"],
            [
                *([one.label, show(("exit", one.value))] for one in ExitClass if known["exit", one.value][0]),
                [NOBODY_LEFT, show(("exit", "without"))],
            ],
        ),
        _table(
            "Freins qui restent",
            ["Frein", "Personnes"],
            [[theme.label, show(("obstacle", theme.value))] for theme in NeedTheme if theme in figures["obstacles"]],
        ),
    ]
    return {
        "action": session.action.name,
        "structure": session.action.structure.name,
        "session": session.code,
        "starts_on": session.starts_on,
        "ends_on": session.ends_on,
        "facts": facts,
        "tables": [table for table in tables if table["rows"]],
        "comment": report.comment,
        "published_at": report.published_at,
    }


def _table(title: str, columns: list[str], rows: list[list[str]]) -> dict[str, Any]:
    return {"title": title, "columns": columns, "rows": rows}


def _senders(known: Mapping[Key, Any], names: Mapping[str, str], show: Callable[[Key], str]) -> list[list[str]]:
    """By name; the protected ones last."""
    found = sorted((key for key in known if key[0] == "sender"), key=lambda key: (not key[1], names.get(key[1], "")))
    return [[names.get(key[1], "–"), show(key)] for key in found]
