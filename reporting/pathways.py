"""The page of pathways: who sends to whom, what becomes of it, where people drop out, how long, and what follows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from uuid import UUID

from reporting import indicators as what
from reporting.charts import Bar, BarChart, bar_chart
from reporting.dashboard import Tile, french_number, french_percent
from reporting.flows import OUTCOME, OUTCOMES, RECEIVER, SENDER, WHOLE, Flows
from reporting.forms import FilterForm
from reporting.funnel import SENT, STEPS, Funnel
from reporting.indicators import EVERYTHING, Indicator
from reporting.links import rows_url
from reporting.reading import OTHERS, TOGETHER
from reporting.sankey import Column, Flow, Node, Sankey, lay_out
from reporting.scope import View
from reporting.secrecy import shown
from reporting.spans import TO_ANSWER, Span, spans
from reporting.tables import Crossing, Table
from reporting.tracing import LONGEST_CHAIN, Tracing

WIDTH = 1080
"""Units of the drawing: pixels, where the page is wide enough."""
FROM, ON_THE_WAY, AT, FURTHER, END = 250, 372, 494, 640, 786
"""Where the columns stand: senders, receivers and outcomes, with what is gathered between them."""
GATHERED = "Petits flux regroupés"
WITHHELD = "n.c."
PROTECTED = "Structures protégées"

FLOWS = Indicator(
    "pathways",
    "Qui oriente vers qui, et ce que deviennent les fiches",
    "Chaque fiche envoyée dans la période est un trait, de la structure qui l’a envoyée à celle qui l’a reçue, puis à "
    "ce qu’elle est devenue aujourd’hui. Les structures les plus actives sont nommées, les autres sont ensemble.",
    EVERYTHING,
    None,
    "toutes les fiches envoyées dans la période",
    "les brouillons, et les envois annulés dans les dix minutes",
)
CHAINS = Indicator(
    "chains",
    "Enchaînements les plus fréquents",
    "Une fiche en suit une autre quand elle en est la réorientation, ou qu’elle a été ouverte par son bilan ou par son "
    f"suivi à six mois. L’enchaînement se lit de la dernière fiche, envoyée dans la période, à la première, sur "
    f"{LONGEST_CHAIN} fiches au plus.",
    EVERYTHING,
    None,
    "",
    "deux fiches d’une même personne envoyées sans lien entre elles",
)


@dataclass(frozen=True)
class Drawing:
    """The Sankey with its words and the tables that say the same."""

    title: str
    help: str
    sankey: Sankey
    tables: list[Table]


class Pathways:
    """What the page shows of one scope."""

    def __init__(self, form: FilterForm) -> None:
        self.form = form
        self.scope = form.scope()
        reading = Tracing(self.scope)
        self.funnel = Funnel(reading)
        self.flows = Flows(reading, self.funnel)
        self._spans = spans(reading, self.funnel)
        self._chains = reading.chains()

    @property
    def is_empty(self) -> bool:
        """Whether no fiche was sent in the period."""
        return not self.flows.total

    # The drawing

    def drawing(self) -> Drawing | None:
        """The flows; `None` where they are too few to be shown."""
        if self.flows.is_withheld:
            return None
        columns = [
            Column(FROM, [self._node(SENDER, key) for key in self.flows.nodes(SENDER)], anchor="end"),
            Column(ON_THE_WAY, [], below=True),
            Column(AT, [self._node(RECEIVER, key) for key in self.flows.nodes(RECEIVER)]),
            Column(FURTHER, [], below=True),
            Column(END, [self._node(OUTCOME, key) for key in self.flows.nodes(OUTCOME)], letters=34),
        ]
        bands = []
        tables = ((self.flows.into, "into", SENDER, 1), (self.flows.out, "out", RECEIVER, 3))
        for crossing, name, place, between in tables:
            drawn, gathered = self._bands(crossing, name, place)
            bands += drawn
            if gathered:
                node = Node((name, GATHERED), GATHERED, shown(gathered).text, "gathered")
                columns[between] = Column(columns[between].x, [node], below=True)
        title = FLOWS.label
        return Drawing(title, FLOWS.help, lay_out(columns, bands, WIDTH), [self._senders(), self._outcomes()])

    def _label(self, place: int, key: Hashable) -> str:
        if key == OTHERS:
            return ("Autres prescripteurs", "Autres structures", "Autres suites")[place]
        if place == OUTCOME:
            return OUTCOMES[str(key)].label
        return PROTECTED if key == TOGETHER else self.flows.names[key]  # type: ignore[index] # a structure

    def _node(self, place: int, key: Hashable) -> Node:
        tone = OUTCOMES[str(key)].tone if place == OUTCOME and key != OTHERS else ""
        name = ("into", "into", "out")[place]
        figure = self.flows.ledger.show((name, "row" if place == SENDER else "column", key))
        return Node((place, key), self._label(place, key), figure.text, tone, self._href(place, key))

    def _href(self, place: int, key: Hashable) -> str:
        """What a node leads to: the fiches of an outcome that a list can show, or the flows of one structure."""
        if place == OUTCOME and key != OTHERS:
            alone = OUTCOMES[str(key)].alone
            return rows_url(self.scope, alone) if alone is not None else ""
        if place == RECEIVER and self.scope.view != View.RECEIVED and isinstance(key, UUID):
            return "" if key in (OTHERS, TOGETHER) else self.form.query(structure=str(key))
        return ""

    def _bands(self, crossing: Crossing, name: str, place: int) -> tuple[list[Flow], int]:
        """The bands of one table, from the nodes of a column to the next, and how many fiches pass gathered."""
        ledger = self.flows.ledger
        bands: list[Flow] = []
        leaving: dict[Hashable, int] = {}
        arriving: dict[Hashable, int] = {}
        for row in self.flows.nodes(place):
            for column in self.flows.nodes(place + 1):
                number = ledger.number((name, row, column))
                figure = ledger.show((name, row, column))
                if figure.is_masked:
                    leaving[row] = leaving.get(row, 0) + number
                    arriving[column] = arriving.get(column, 0) + number
                elif number:
                    words = f"{self._label(place, row)} → {self._label(place + 1, column)}\u00a0: {figure.text}"
                    tone = OUTCOMES[str(column)].tone if place == RECEIVER and column != OTHERS else ""
                    bands.append(Flow((place, row), (place + 1, column), number, words, tone))
        for row, number in leaving.items():
            words = f"{self._label(place, row)} → {GATHERED.lower()}\u00a0: {shown(number).text}"
            bands.append(Flow((place, row), (name, GATHERED), number, words, "gathered"))
        for column, number in arriving.items():
            words = f"{GATHERED} → {self._label(place + 1, column)}\u00a0: {shown(number).text}"
            bands.append(Flow((name, GATHERED), (place + 1, column), number, words, "gathered"))
        return bands, sum(leaving.values())

    # The tables

    def _text(self, *key: Hashable) -> str:
        """A number, or that it is withheld: whether it is under five would help to work it out."""
        figure = self.flows.ledger.show(key)
        return WITHHELD if figure.is_masked else figure.text

    def _senders(self) -> Table:
        senders, receivers = self.flows.nodes(SENDER), self.flows.nodes(RECEIVER)
        rows = [
            [
                self._label(SENDER, sender),
                *(self._text("into", sender, receiver) for receiver in receivers),
                self._text("into", "row", sender),
            ]
            for sender in senders
        ]
        return self._table("Qui oriente vers qui", "Prescripteur", "into", rows)

    def _outcomes(self) -> Table:
        outcomes, receivers = self.flows.nodes(OUTCOME), self.flows.nodes(RECEIVER)
        rows = [
            [
                self._label(OUTCOME, outcome),
                *(self._text("out", receiver, outcome) for receiver in receivers),
                self._text("out", "column", outcome),
            ]
            for outcome in outcomes
        ]
        return self._table("Ce que deviennent les fiches", "Suite", "out", rows)

    def _table(self, caption: str, heading: str, name: str, rows: list[list[str]]) -> Table:
        """Rows with the structures that receive as columns, and their totals."""
        receivers = self.flows.nodes(RECEIVER)
        side = "column" if name == "into" else "row"
        totals = ["Total", *(self._text(name, side, receiver) for receiver in receivers)]
        totals.append(self.flows.ledger.show(WHOLE).text)
        columns = [heading, *(self._label(RECEIVER, receiver) for receiver in receivers), "Total"]
        return Table(caption, columns, [*rows, totals])

    # The rest

    def steps(self) -> list[Tile]:
        """The funnel, one tile a step."""
        tiles = []
        for step in STEPS:
            share, number = self.funnel.share(step), self.funnel.reached(step)
            whole = None if step.out_of is None else self.funnel.reached(step.out_of).text.removesuffix(".")
            tiles.append(
                Tile(
                    label=step.label,
                    value=number.text if share is None else french_percent(share),
                    help=step.help,
                    denominator="" if whole is None else f"{number.text} sur {whole}.",
                    href=rows_url(self.scope, what.SENT) if step is SENT else "",
                )
            )
        return tiles

    def funnel_chart(self) -> BarChart:
        """The funnel, one bar a step."""
        bars, rows = [], []
        for step in STEPS:
            number, share, lost = self.funnel.reached(step), self.funnel.share(step), self.funnel.lost(step)
            percent = "–" if share is None else french_percent(share)
            text = number.text if share is None else f"{number.text} ({percent})"
            bars.append(Bar(step.label, text, number.n, strong=True))
            rows.append([step.label, number.text, percent, "–" if lost is None else lost.text])
        title = "De l’envoi à la réponse six mois après"
        columns = ["Étape", "Fiches", "Part de l’étape d’avant", "Arrêtées là"]
        description = "Une barre par étape, aussi longue que le nombre de fiches qui y arrivent."
        return bar_chart("etapes", title, description, bars, Table(title, columns, rows))

    def times(self) -> list[Tile]:
        """How long each step takes: the median, and nine in ten."""
        return [self._time(one) for one in self._spans]

    def _time(self, span: Span) -> Tile:
        working = span.indicator is TO_ANSWER
        if span.median is None or span.centile is None:
            text = span.of.text if span.of.is_masked else "–"
            return Tile(span.indicator.label, text, span.indicator.help)
        one, many = ("jour ouvré", "jours ouvrés") if working else ("jour", "jours")
        nine_in_ten = f"Neuf sur dix\u00a0: {span.centile}\u00a0{one if span.centile < 2 else many} au plus."
        return Tile(
            label=span.indicator.label,
            value=french_number(span.median),
            unit=one if span.median < 2 else many,
            help=f"La moitié se fait dans ce délai. {span.indicator.help}",
            denominator=f"{nine_in_ten} Sur {span.of.text}.",
        )

    def chains(self) -> Table | None:
        """The most frequent chains; `None` without any that may be shown."""
        rows = [[" → ".join(name or PROTECTED for name in names), shown(times).text] for names, times in self._chains]
        return Table(CHAINS.label, ["Enchaînement", "Fois"], rows) if rows else None

    @property
    def chains_help(self) -> str:
        """How chains are told."""
        return CHAINS.help
