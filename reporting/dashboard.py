"""The page of figures: counts everything in a fixed number of queries, then words and draws it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from referrals.models.exit import ExitClass
from reporting import indicators as what
from reporting.charts import Bar, BarChart, ColumnChart, bar_chart, column_chart
from reporting.counting import OF_STRUCTURE, Counting
from reporting.indicators import DYNAMIC_TARGET, Indicator
from reporting.links import rows_url
from reporting.news import after_exit_table
from reporting.scope import Scope, View
from reporting.secrecy import Figure, Ledger
from reporting.tables import Table
from reporting.unmet import (
    PLACE_LABELS,
    QUARTIER_LABELS,
    REASON_LABELS,
    THEME_LABELS,
    UNMET,
)

MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")
NBSP = "\u00a0"


@dataclass(frozen=True)
class Tile:
    """One figure as `components/stat.html` draws it."""

    label: str
    value: str
    help: str
    unit: str = ""
    denominator: str = ""
    href: str = ""
    before: str = ""


@dataclass
class Section:
    """One chapter of the page."""

    name: str
    title: str
    tiles: list[Tile]
    charts: list[BarChart | ColumnChart]
    tables: list[Table]
    empty: str = ""


def french_number(value: float) -> str:
    """« 3 », « 2,5 »."""
    return f"{value:.1f}".removesuffix(".0").replace(".", ",")


def french_percent(ratio: float) -> str:
    """« 67 % », with a narrow non-breaking space."""
    return f"{round(ratio * 100)}\u202f%"


class Dashboard:
    """The figures of one scope, counted once; `sections` words them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        counted = Counting(scope)
        self.ledger: Ledger = counted.ledger
        self.before = Counting(replace(scope, period=scope.period.before), counted).ledger
        self.delays = counted.tally.delays
        self.unmet = counted.unmet
        self.after_exit = counted.after_exit
        self.structures = [(line.key, line.name, line.group.median) for line in counted.lines]

    # Reading

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all happened in the period."""
        subjects = (what.SENT, what.BILANS_DUE, what.EXITS, what.CHECKS_DUE)
        return not any(self.ledger.number(one.name) for one in subjects) and not self.ledger.number("needs")

    def figure(self, indicator: Indicator) -> Figure:
        """An indicator's number as it may be shown."""
        return self.ledger.show(indicator.name)

    def share(self, indicator: Indicator) -> float | None:
        """An indicator as a ratio; `None` without a denominator or when it is masked."""
        whole = indicator.out_of
        return None if whole is None else self.ledger.share(indicator.name, whole.name)

    def sections(self) -> list[Section]:
        """The chapters, in the order of the path."""
        return [
            self._sending(),
            self._answers(),
            self._entries(),
            self._by_structure(),
            self._bilans(),
            self._exits(),
            self._six_months(),
            self._unmet(),
        ]

    # Words

    def _former(self, indicator: Indicator) -> str:
        """The same figure, over the days before: a share where it is shown as one."""
        whole = indicator.out_of
        ratio = None if whole is None else self.before.share(indicator.name, whole.name)
        return self.before.show(indicator.name).text if ratio is None else french_percent(ratio)

    def _number(self, indicator: Indicator, denominator: str = "") -> Tile:
        return Tile(
            label=indicator.label,
            value=self.figure(indicator).text,
            help=indicator.help,
            denominator=denominator,
            before=self.before.show(indicator.name).text,
            href=rows_url(self.scope, indicator),
        )

    def _share(self, indicator: Indicator, of: str, besides: str = "") -> Tile:
        """A share with its denominator in words; the bare number when the share cannot be shown."""
        assert indicator.out_of is not None
        ratio = self.share(indicator)
        part, whole = self.figure(indicator).text, self.figure(indicator.out_of).text
        return Tile(
            label=indicator.label,
            value=part if ratio is None else french_percent(ratio),
            help=indicator.help,
            denominator=" ".join(one for one in (f"{part} sur {whole}, parmi les {of}.", besides) if one),
            before=self._former(indicator),
            href=rows_url(self.scope, indicator),
        )

    def _days(self, indicator: Indicator, days: float | None, denominator: str, otherwise: str) -> Tile:
        """A median. Resting on fewer than five persons, it would be theirs: it is masked with them."""
        if self.figure(what.ANSWERED).is_masked:
            value, unit = self.figure(what.ANSWERED).text, ""
        elif days is None:
            value, unit = otherwise, ""
        else:
            value, unit = french_number(days), "jour ouvré" if days < 2 else "jours ouvrés"
        return Tile(indicator.label, value, indicator.help, unit=unit, denominator=denominator)

    def _sending(self) -> Section:
        tiles = [
            self._number(what.SENT, self._named(what.WITHDRAWN)),
            self._share(what.ANSWERED, "fiches à répondre"),
            self._number(what.WAITING, self._named(what.SILENT)),
            self._days(
                what.DELAY_ANSWERED,
                self.delays.median_answered,
                self._named(what.ANSWERED),
                "–",
            ),
            self._days(
                what.DELAY_WITH_WAITING,
                self.delays.median_with_waiting,
                f"{self._named(what.SENT)} {self._named(what.WAITING)}",
                "pas encore atteint" if self.ledger.number(what.SENT.name) else "–",
            ),
        ]
        return Section("envois", "Envois et réponses", tiles, [self._months()], [])

    def _named(self, indicator: Indicator) -> str:
        """« Annulées avant réponse : 2 », right whatever the number."""
        return f"{indicator.label} : {self.figure(indicator).text.removesuffix('.')}."

    def _months(self) -> ColumnChart:
        months = []
        rows = []
        for month in self.scope.period.months:
            figures = [self.ledger.show(("month", month, series)) for series in ("sent", "answered")]
            name = f"{MONTHS[month.month - 1]}{NBSP}{month.year}"
            months.append((f"{MONTHS[month.month - 1]} {month:%y}", figures))
            rows.append([name, *(figure.text for figure in figures)])
        title = "Fiches envoyées et répondues, par mois d’envoi"
        return column_chart(
            "mois",
            title,
            "Deux colonnes par mois : les fiches envoyées ce mois-là, et celles d’entre elles qui ont une réponse.",
            ["Envoyées", "Répondues"],
            months,
            Table(title, ["Mois d’envoi", "Envoyées", "Répondues"], rows),
        )

    def _answers(self) -> Section:
        tiles = [
            self._share(one, "fiches répondues")
            for one in (what.ACCEPTED, what.WAITLISTED, what.OFFERED, what.DECLINED, what.REDIRECTED)
        ]
        tiles.append(self._number(what.ABANDONED_WAIT))
        charts = []
        if self.ledger.number(what.DECLINED.name):
            charts.append(
                self._bars(
                    "motifs", "Fiches déclinées, par motif", "Motif", what.DECLINED_FOR.values(), "fiches déclinées"
                )
            )
        return Section("reponses", "Ce que répondent les structures", tiles, list(charts), [])

    def _bars(
        self, name: str, title: str, heading: str, shown: Iterable[Indicator], of: str, **target: Any
    ) -> BarChart:
        """Bars of shares of one whole, largest number first; what nobody falls into is left out of the drawing."""
        kept = [one for one in shown if self.ledger.number(one.name)]
        if not target:
            kept.sort(key=lambda one: -(self.figure(one).n or 0))
        bars, rows = [], []
        for one in kept:
            ratio, number = self.share(one), self.figure(one)
            percent = "–" if ratio is None else french_percent(ratio)
            text = number.text if ratio is None else f"{number.text} ({percent})"
            # Compared with each other, lengths need no whole, which may be masked; compared with a target, they do.
            bars.append(Bar(one.label, text, ratio if target else number.n, strong=one is what.EXITS_DYNAMIC))
            rows.append([one.label, number.text, percent])
        table = Table(title, [heading, "Nombre", f"Part des {of}"], rows)
        return bar_chart(name, title, f"Une barre par ligne, en part des {of}.", bars, table, **target)

    def _entries(self) -> Section:
        tiles = [
            self._share(one, "fiches acceptées")
            for one in (what.ENTERED, what.MISSED, what.EXPECTED, what.CANCELLED_LATE)
        ]
        return Section("entrees", "Après l’accord", tiles, [], [])

    def _by_structure(self) -> Section:
        title = "Par structure qui envoie" if self.scope.view == View.RECEIVED else "Par structure d’accueil"
        headings = ["Envoyées", "Répondues", "Acceptées", "Déclinées", "Entrées"]
        rows = []
        for key, name, median in self.structures:
            figures = [self.ledger.show(("structure", key, one.name)) for one in OF_STRUCTURE]
            delay = "–" if median is None else french_number(median)
            # A median that rests on a masked group would be that of a few persons.
            rows.append([name, *(one.text for one in figures), figures[1].text if figures[1].is_masked else delay])
        caption = "Fiches et délai, par structure"
        table = Table(caption, ["Structure", *headings, "Délai médian (jours ouvrés)"], rows)
        return Section("structures", title, [], [], [table] if rows else [], "Aucune fiche sur la période.")

    def _bilans(self) -> Section:
        if not self.ledger.number(what.BILANS_DUE.name):
            return Section("bilans", "Bilans", [], [], [], "Aucun bilan attendu sur la période.")
        tiles = [
            self._number(what.BILANS_DUE),
            self._share(
                what.BILANS_RETURNED,
                "bilans attendus",
                self._named(what.BILANS_OTHERWISE),
            ),
            self._number(what.BILANS_MISSING),
        ]
        return Section("bilans", "Bilans", tiles, [], [])

    def _exits(self) -> Section:
        if not self.ledger.number(what.EXITS.name):
            return Section("sorties", "Sorties", [], [], [], "Aucune sortie sur la période.")
        tiles = [
            self._number(what.EXITS),
            self._share(what.EXITS_DYNAMIC, "sorties prises en compte", "Objectif de l’État : deux tiers."),
            self._number(what.EXITS_NEUTRALISED, "Laissés en dehors des parts."),
        ]
        charts: list[BarChart | ColumnChart] = []
        if self.ledger.number(what.EXITS_COUNTED.name):
            classes = [what.EXITS_OF_CLASS[one] for one in ExitClass if one != ExitClass.WITHDRAWN]
            charts.append(
                self._bars(
                    "classes",
                    "Sorties dynamiques et classes de sortie, retraits neutralisés",
                    "Classe",
                    [what.EXITS_DYNAMIC, *classes],
                    "sorties prises en compte",
                    target=DYNAMIC_TARGET,
                    target_label="objectif des sorties dynamiques : 2/3",
                )
            )
        return Section("sorties", "Sorties", tiles, charts, [])

    def _six_months(self) -> Section:
        title = "Six mois après la sortie"
        if not self.ledger.number(what.CHECKS_DUE.name):
            return Section("six-mois", title, [], [], [], "Aucun suivi à six mois prévu sur la période.")
        tiles = [
            self._share(what.CHECKS_ASKED, "suivis prévus"),
            self._share(what.CHECKS_ANSWERED, "questions posées"),
            self._number(what.CHECKS_OPEN),
            self._number(what.CHECKS_UNREACHABLE),
            self._number(what.CHECKS_REFUSED),
            self._number(what.CHECKS_MOVED),
        ]
        charts: list[BarChart | ColumnChart] = []
        tables: list[Table] = []
        if self.ledger.number(what.CHECKS_ANSWERED.name):
            situations = what.CHECKS_OF_SITUATION.values()
            charts.append(
                self._bars("situations", "Situation six mois après", "Situation", situations, "réponses à six mois")
            )
            tables.append(after_exit_table(self.after_exit))
        if self.ledger.number(what.CHECKS_ASKED.name):
            tables.append(self._channels())
        return Section("six-mois", title, tiles, charts, tables)

    def _channels(self) -> Table:
        """By what the persons are asked, and how many answer by it."""
        rows = []
        for channel, answered in what.ANSWERED_BY.items():
            ratio = self.share(answered)
            figures = [self.figure(what.ASKED_BY[channel]).text, self.figure(answered).text]
            rows.append([channel.label, *figures, "–" if ratio is None else french_percent(ratio)])
        return Table("Réponses à six mois, par moyen", ["Moyen", "Questions posées", "Réponses", "Part"], rows)

    def _unmet(self) -> Section:
        title = "Besoins qui n’ont pas trouvé de place"
        tiles = [self._share(UNMET, "besoins notés")]
        if not self.ledger.number(UNMET.name):
            return Section("besoins", title, tiles, [], [], "Aucun besoin sans place sur la période.")
        crossing = self.unmet.by_theme
        themes = [theme for theme in THEME_LABELS if theme in crossing.row_keys]
        themes.sort(key=lambda theme: -(crossing.row_total(theme).n or 0))
        totals = {theme: crossing.row_total(theme) for theme in themes}
        bars = [Bar(THEME_LABELS[theme], figure.text, figure.n) for theme, figure in totals.items()]
        caption = "Besoins sans place, par besoin et par raison"
        by_reason = crossing.table(caption, "Besoin", {key: THEME_LABELS[key] for key in themes}, REASON_LABELS)
        by_place = self.unmet.by_place.table(
            "Besoins sans place, par quartier", "Quartier", QUARTIER_LABELS, PLACE_LABELS
        )
        chart = bar_chart("themes", "Besoins sans place, par besoin", "Une barre par besoin.", bars, by_reason)
        # Where a person lives is part of their contact, which a consent to share needs does not open.
        return Section("besoins", title, tiles, [chart], [] if self.scope.view == View.RECEIVED else [by_place])
