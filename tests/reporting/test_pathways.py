"""The page of pathways, each number against a territory counted by hand, and the drawing against its own totals."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from html import unescape
from itertools import pairwise, product
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals.models import Bilan, BilanKind, Exit, ExitKind, Referral
from referrals.states import Reason
from reporting.facts import fold_all, rebuild
from reporting.flows import OUTCOME, OUTCOMES, RECEIVER, SENDER, Flows, outcome_of
from reporting.forms import FilterForm
from reporting.funnel import STEPS
from reporting.pathways import GATHERED, Pathways
from reporting.reading import OTHERS, TOGETHER
from reporting.sankey import Column, Flow, Node, lay_out
from reporting.scope import View
from reporting.spans import centile_90
from structures.models import Structure
from tests.answer import Answer
from tests.reporting.conftest import NOW, Field, at
from tests.territory import a_person, a_structure, an_action

YEAR = {"du": "2026-01-01", "au": "2026-12-31"}
QUERIES_AT_MOST = 14


def text(response: Answer) -> str:
    """What the page says, tags left out, in one line."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(words))


@pytest.fixture
def paths(field: Field) -> Callable[..., Pathways]:
    """The pathways as a structure sees them, for 2026."""

    def read(structure: Structure, **query: str) -> Pathways:
        form = FilterForm(YEAR | query, door=field.doors[structure], now=NOW, today=NOW.date())
        assert form.is_valid(), form.errors
        return Pathways(form)

    return read


@pytest.fixture
def open_page(field: Field, client: Client) -> Callable[..., Answer]:
    """The page, as a member of one of the structures sees it, for 2026."""

    def read(structure: Structure, /, **query: str) -> Answer:
        client.force_login(field.user(structure))
        return client.get(reverse("reporting:pathways"), YEAR | query)

    return read


def entered(field: Field, **sent: Any) -> Referral:
    fiche = field.sent(at(3, 2), **sent)
    fiche.accept(field.receiver, at(3, 4))
    fiche.enter(field.receiver, at(3, 9), on=dt.date(2026, 3, 9), bilan_due_on=dt.date(2026, 5, 4))
    return fiche


def with_bilan(field: Field, **sent: Any) -> Referral:
    fiche = entered(field, **sent)
    Bilan.objects.start(fiche, BilanKind.FINAL, field.receiver, at(5, 4)).hand_in(field.receiver, at(5, 4))
    return fiche


def left(field: Field, kind: ExitKind = ExitKind.CDI, **sent: Any) -> Referral:
    fiche = with_bilan(field, **sent)
    Exit.objects.record(fiche, field.receiver, at(5, 8), on=dt.date(2026, 5, 8), kind=kind)
    return fiche


# --- Who sees


@pytest.mark.django_db
def test_a_stranger_is_sent_to_log_in(client: Client) -> None:
    response = client.get(reverse("reporting:pathways"))
    assert response.status_code == 302
    assert reverse("account_login") in response["Location"]


def test_a_member_sees_the_flows_of_their_own_structure_only(field: Field, open_page: Callable[..., Answer]) -> None:
    field.sent(at(3, 2), by=field.pimms)
    response = open_page(field.mission, vue=View.TERRITORY)
    assert response.context["pathways"].is_empty
    assert "PIMMS" not in text(response)


def test_a_wrong_filter_is_said_and_nothing_is_counted(field: Field, open_page: Callable[..., Answer]) -> None:
    response = open_page(field.mission, du="2026-03-01", au="2026-02-01")
    assert response.status_code == 422
    assert response.context["pathways"] is None
    assert "vient avant son début" in text(response)


def test_nothing_sent_teaches_where_a_pathway_begins(field: Field, open_page: Callable[..., Answer]) -> None:
    assert "Un parcours commence par une fiche envoyée" in text(open_page(field.ville))


# --- The flows


def test_every_box_of_a_fiche_and_every_kind_of_exit_has_its_outcome() -> None:
    assert outcome_of(8, 0) == "still_in"
    assert outcome_of(8, 1) == "left_durable"
    assert outcome_of(2, 0) == "waiting"
    assert outcome_of(2, 1) == "waiting", "an exit follows an entry"
    assert {outcome_of(8, kind) for kind in range(1, len(ExitKind) + 1)} == {
        name for name in OUTCOMES if name.startswith("left_")
    }


def test_one_fiche_is_one_flow_for_who_sent_it(field: Field, paths: Callable[..., Pathways]) -> None:
    field.sent(at(3, 2)).decline(field.receiver, at(3, 3), reason=Reason.COST)
    into, out = paths(field.mission).drawing().tables  # type: ignore[union-attr] # it is drawn
    assert into.columns == ["Prescripteur", "Alire", "Total"]
    assert into.rows == [["Mission locale", "1", "1"], ["Total", "1", "1"]]
    assert out.rows == [["Déclinées\u00a0: place, horaires, coût", "1", "1"], ["Total", "1", "1"]]


def test_who_sends_to_whom_and_what_becomes_of_it(field: Field, paths: Callable[..., Pathways]) -> None:
    accv = a_structure("ACCV", is_prescriber=False)
    permis = an_action(accv, "Permis B")
    field.sent(at(3, 2), by=field.pimms, action=permis)
    for kind in (ExitKind.CDI, ExitKind.CDI, ExitKind.MOVED):
        left(field, kind)
    entered(field)
    field.sent(at(3, 2)).decline(field.receiver, at(3, 3), reason=Reason.NOT_ELIGIBLE)
    ledger = paths(field.alire, vue=View.RECEIVED).flows.ledger
    assert ledger.number(("out", field.alire.pk, "left_durable")) == 2
    flows = paths(field.mission).flows
    assert {name: flows.ledger.number(("out", "column", name)) for name in flows.nodes(OUTCOME)} == {
        "left_durable": 2,
        "left_withdrawn": 1,
        "still_in": 1,
        "declined_criteria": 1,
    }
    assert flows.nodes(SENDER) == [field.mission.pk]


@pytest.mark.parametrize(("times", "drawn"), [(1, False), (4, False), (5, True)])
def test_from_five_persons_on_the_territory_draws_a_flow(
    field: Field, open_page: Callable[..., Answer], times: int, drawn: bool
) -> None:
    for _ in range(times):
        field.sent(at(3, 2))
    response = open_page(field.ville)
    assert (response.context["pathways"].drawing() is not None) == drawn
    assert ("Mission locale" in response.content.decode().partition('id="flux"')[2]) == drawn


def test_five_fiches_of_one_person_are_one_person(field: Field, paths: Callable[..., Pathways]) -> None:
    person = a_person(field.sender, at(3, 1))
    for n in range(6):
        action = an_action(field.alire, f"Atelier {n}")
        Referral.objects.create(
            **_sent_row(field, n), person=person, sender=field.mission, receiver=field.alire, action=action
        )
    assert paths(field.ville).drawing() is None
    assert paths(field.mission).drawing() is not None


def _sent_row(field: Field, n: int) -> dict[str, Any]:
    moment = at(3, 2)
    return {
        "reference": f"R-F{n:05}",
        "consent_how": "oral",
        "consent_at": moment,
        "state": "sent",
        "created_at": moment,
        "updated_at": moment,
        "sent_at": moment,
        "clock_from": moment,
    }


def test_a_small_flow_is_gathered_with_others_and_its_structures_keep_their_totals(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    accv = a_structure("ACCV", is_prescriber=False)
    permis = an_action(accv, "Permis B")
    for sender, action, times in (
        (field.mission, field.action, 12),
        (field.mission, permis, 2),
        (field.pimms, field.action, 6),
        (field.pimms, permis, 9),
    ):
        for _ in range(times):
            field.sent(at(3, 2), by=sender, action=action)
    response = open_page(field.ville)
    section = response.content.decode().partition('id="flux"')[2].partition('id="etapes"')[0]
    numbers = {int(n) for n in re.findall(r"\d+", re.sub(r"<[^>]+>", " ", section))}
    assert numbers == {29, 18, 15, 14, 11}, "neither in the drawing, nor in its tooltips, nor in the tables"
    drawing = response.context["pathways"].drawing()
    assert drawing.tables[0].rows == [
        ["PIMMS", "n.c.", "n.c.", "15"],
        ["Mission locale", "n.c.", "n.c.", "14"],
        ["Total", "18", "11", "29"],
    ]
    tooltips = {band.flow.tooltip for band in drawing.sankey.bands}
    assert f"PIMMS → {GATHERED.lower()}\u00a0: 15" in tooltips
    assert f"{GATHERED} → ACCV\u00a0: 11" in tooltips


def test_sensitive_structures_are_one_node_on_both_sides_for_the_territory_only(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    for name in ("CIDFF 41", "Le Refuge"):
        structure = a_structure(name, is_sensitive=True)
        action = an_action(structure, f"Accueil {name}")
        field.doors[structure] = field.doors[field.alire]
        for _ in range(6):
            field.sent(at(3, 2), action=action)
    Referral.objects.filter(receiver__name="CIDFF 41").update(sender=Structure.objects.get(name="Le Refuge"))
    response = open_page(field.ville)
    page = response.content.decode()
    assert "CIDFF" not in page
    assert "Refuge" not in page
    flows: Flows = response.context["pathways"].flows
    assert flows.nodes(RECEIVER) == [TOGETHER]
    assert flows.ledger.number(("into", TOGETHER, TOGETHER)) == 6
    own = open_page(field.mission).context["pathways"].flows
    assert [own.names[key] for key in own.nodes(RECEIVER)] == ["Le Refuge"], "the other ones are another sender's"


def test_beyond_eight_structures_the_others_are_one(field: Field, paths: Callable[..., Pathways]) -> None:
    for n in range(10):
        action = an_action(a_structure(f"Accueil {n}"), f"Action {n}")
        for _ in range(5 + n):
            field.sent(at(3, 2), action=action)
    for who, gathered in ((field.mission, 5 + 6), (field.ville, 5 + 6)):
        flows = paths(who).flows
        assert len(flows.nodes(RECEIVER)) == 9
        assert flows.nodes(RECEIVER)[-1] == OTHERS
        assert flows.ledger.number(("into", "column", OTHERS)) == gathered


# --- The drawing


def test_what_flows_into_a_node_flows_out_of_it(field: Field, paths: Callable[..., Pathways]) -> None:
    _scatter(field, random.Random(7))
    for who in (field.ville, field.mission):
        drawing = paths(who).drawing()
        assert drawing is not None
        into: Counter[Any] = Counter()
        out: Counter[Any] = Counter()
        for band in drawing.sankey.bands:
            into[band.flow.target] += band.flow.value
            out[band.flow.source] += band.flow.value
        for one in drawing.sankey.nodes:
            key = one.node.key
            assert one.node.text == str(one.value), one.node.label
            assert {n for n in (into[key], out[key]) if n} == {one.value}, one.node.label


def test_bands_fill_their_node_and_keep_their_width() -> None:
    columns = [
        Column(0, [Node("a", "A", "3"), Node("b", "B", "1")], anchor="end"),
        Column(100, [Node("c", "C", "4")]),
        Column(200, []),
    ]
    drawn = lay_out(columns, [Flow("a", "c", 3, "A → C"), Flow("b", "c", 1, "B → C")], 300)
    assert [(one.node.key, one.value) for one in drawn.nodes] == [("a", 3), ("b", 1), ("c", 4)]
    c = drawn.nodes[2]
    tops = []
    for band in drawn.bands:
        x0, y0, x1, y1, bottom, low = re.match(  # type: ignore[union-attr] # a path as it is written
            r"M([\d.]+),([\d.]+)C\S+ \S+ ([\d.]+),([\d.]+)V([\d.]+)C\S+ [\d.]+,([\d.]+) ", band.path
        ).groups()
        assert (x0, x1) == ("12.0", "100.0")
        assert float(bottom) - float(y1) == pytest.approx(float(low) - float(y0), abs=0.11)
        tops.append((float(y1), float(bottom)))
    assert tops[0][0] == float(c.y)
    assert tops[0][1] == pytest.approx(tops[1][0], abs=0.11)
    assert tops[1][1] == pytest.approx(float(c.y) + float(c.height), abs=0.11)


def test_a_long_name_is_cut_in_the_drawing_and_whole_in_its_tooltip(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    name = "Association pour l’insertion et la mobilité des habitants du Blaisois"
    field.sent(at(3, 2), action=an_action(a_structure(name), "Atelier"))
    page = open_page(field.mission).content.decode()
    drawing = page.partition('<svg class="chart-drawing"')[2].partition("</svg>")[0]
    assert f"<title>{name} : 1</title>" in unescape(drawing)
    assert "Association pour l’insertion…" in unescape(drawing)


def test_nodes_lead_to_the_rows_of_who_may_open_them_and_to_no_file_of_the_territory(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    for _ in range(6):
        field.sent(at(3, 2))
    own = {one.node.label: one.node.href for one in open_page(field.mission).context["pathways"].drawing().sankey.nodes}
    assert "etat=sent" in own["En attente d’une réponse"]
    assert f"structure={field.alire.pk}" in own["Alire"]
    response = open_page(field.ville)
    seen = {one.node.label: one.node.href for one in response.context["pathways"].drawing().sankey.nodes}
    assert seen["En attente d’une réponse"] == ""
    assert "/fiches/" not in response.content.decode().partition("<main")[2]
    assert open_page(field.ville, structure=str(field.alire.pk)).status_code == 200


# --- Nothing small comes back


def _scatter(field: Field, chance: random.Random) -> None:
    """Fiches here and there: many small flows, some large ones."""
    receivers = [(field.alire, field.action)]
    for n in range(chance.randint(1, 4)):
        structure = a_structure(f"Accueil {n}", is_sensitive=chance.random() < 0.2)
        receivers.append((structure, an_action(structure, f"Atelier {n}")))
    senders = [field.mission, field.pimms, *(a_structure(f"Mairie {n}") for n in range(chance.randint(0, 3)))]
    persons = [a_person(field.sender, at(3, 1)) for _ in range(40)]
    rows: list[Referral] = []
    for (receiver, action), sender in product(receivers, senders):
        for _ in range(chance.choice((0, 1, 2, 3, 4, 6, 9, 15))):
            ending: dict[str, Any] = chance.choice(ENDINGS)
            row = _sent_row(field, len(rows)) | ending
            rows.append(Referral(**row, person=chance.choice(persons), sender=sender, receiver=receiver, action=action))
    Referral.objects.bulk_create(rows)


ANSWERED_ON = {"answered_at": at(3, 4)}
ENDINGS: list[dict[str, Any]] = [
    {"state": "sent"},
    {"state": "declined", "reason": "no_place", **ANSWERED_ON},
    {"state": "declined", "reason": "not_eligible", **ANSWERED_ON},
    {"state": "accepted", "accepted_at": at(3, 4), **ANSWERED_ON},
    {"state": "entered", "accepted_at": at(3, 4), "entered_on": dt.date(2026, 3, 9), **ANSWERED_ON},
]


def _rank_adds(rows: list[list[Fraction]], row: list[Fraction]) -> bool:
    """Whether a row is no combination of the others, which stand reduced."""
    for one in rows:
        lead = next(place for place, value in enumerate(one) if value)
        if row[lead]:
            factor = row[lead] / one[lead]
            row = [a - factor * b for a, b in zip(row, one, strict=True)]
    if any(row):
        rows.append(row)
        return True
    return False


@pytest.mark.parametrize("seed", range(12))
def test_no_small_number_can_be_worked_out_from_those_that_are_shown(
    field: Field, paths: Callable[..., Pathways], seed: int
) -> None:
    _scatter(field, random.Random(seed))
    page = paths(field.ville)
    flows, ledger = page.flows, page.flows.ledger
    if flows.is_withheld:
        return
    fiches = list(Referral.objects.select_related("sender", "receiver").order_by("pk"))
    nodes = [set(flows.nodes(place)) for place in (SENDER, RECEIVER, OUTCOME)]

    def node(place: int, key: Any) -> Any:
        return key if key in nodes[place] else OTHERS

    # The unknowns: how many fiches go from a node by a node to an outcome, as fine as the funnel tells them apart.
    atoms: dict[Any, list[Referral]] = {}
    for fiche in fiches:
        ends = (fiche.sender, fiche.receiver)
        source, target = (TOGETHER if one.is_sensitive else one.pk for one in ends)
        atoms.setdefault((node(SENDER, source), node(RECEIVER, target), _ending(fiche)), []).append(fiche)
    names = sorted(atoms, key=str)
    known: list[list[Fraction]] = []
    groups: dict[Any, list[bool]] = {}
    for sender, receiver in product(nodes[SENDER], nodes[RECEIVER]):
        groups["into", sender, receiver] = [a[0] == sender and a[1] == receiver for a in names]
    for receiver, outcome in product(nodes[RECEIVER], nodes[OUTCOME]):
        groups["out", receiver, outcome] = [a[1] == receiver and node(OUTCOME, a[2]) == outcome for a in names]
    for sender in nodes[SENDER]:
        groups["into", "row", sender] = [a[0] == sender for a in names]
    for receiver in nodes[RECEIVER]:
        groups["into", "column", receiver] = [a[1] == receiver for a in names]
    for outcome in nodes[OUTCOME]:
        groups["out", "column", outcome] = [node(OUTCOME, a[2]) == outcome for a in names]
    for place, step in enumerate(STEPS[:4]):
        groups[step.name] = [_stop(a[2]) >= place for a in names]
        if place < 3:
            groups["lost", step.name] = [_stop(a[2]) == place for a in names]
    for outcome in {a[2] for a in names}:
        groups.setdefault(("outcome", outcome), [a[2] == outcome for a in names])
    vectors = {key: [Fraction(int(holds)) for holds in bits] for key, bits in groups.items()}
    for key, vector in vectors.items():
        if key[0] != "outcome" and not ledger.show(key).is_masked:
            _rank_adds(known, vector)
    for key, bits in groups.items():
        persons = {fiche.person_id for a, holds in zip(names, bits, strict=True) if holds for fiche in atoms[a]}
        if 0 < len(persons) < 5:
            assert _rank_adds(list(known), vectors[key]), (seed, key)
            assert key[0] == "outcome" or ledger.show(key).is_masked, key


def _ending(fiche: Referral) -> str:
    box = {"sent": "waiting", "accepted": "not_entered", "entered": "still_in"}
    if fiche.state == "declined":
        return "declined_offer" if fiche.reason == "no_place" else "declined_criteria"
    return box[fiche.state]


def _stop(ending: str) -> int:
    """The step of the funnel at which a fiche stopped, from 0."""
    return {"waiting": 0, "declined_offer": 1, "declined_criteria": 1, "not_entered": 2, "still_in": 3}[ending]


# --- The funnel


def test_each_step_of_the_funnel_is_part_of_the_one_before(field: Field, paths: Callable[..., Pathways]) -> None:
    field.sent(at(3, 2))
    field.sent(at(3, 2)).cancel(field.sender, at(3, 3), reason=Reason.MISTAKE)
    field.sent(at(3, 2)).decline(field.receiver, at(3, 3), reason=Reason.COST)
    field.sent(at(3, 2)).accept(field.receiver, at(3, 4))
    entered(field)
    with_bilan(field)
    left(field)
    late = entered(field)
    Exit.objects.record(late, field.receiver, at(5, 8), on=dt.date(2026, 5, 8), kind=ExitKind.CDI)
    answered = left(field)
    answered.followups.update(months=6, state="answered", situation="job", answered_by="call", answered_at=at(11, 9))
    page = paths(field.mission)
    assert [page.funnel.reached(step).n for step in STEPS] == [9, 7, 6, 5, 3, 2, 1]
    assert [page.funnel_chart().table.rows[n][1:] for n in (0, 1, 6)] == [
        ["9", "–", "2"],
        ["7", "78\u202f%", "1"],
        ["1", "50\u202f%", "–"],
    ]


def test_an_action_that_asks_for_no_bilan_loses_nobody_there(field: Field, paths: Callable[..., Pathways]) -> None:
    fiche = field.sent(at(3, 2))
    fiche.accept(field.receiver, at(3, 4))
    fiche.enter(field.receiver, at(3, 9), on=dt.date(2026, 3, 9))
    Referral.objects.filter(pk=fiche.pk).update(bilan_due_on=None)
    assert [paths(field.mission).funnel.reached(step).n for step in STEPS] == [1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("who", ["mission", "ville"])
def test_nobody_at_all_is_a_funnel_of_zeros_without_shares(
    field: Field, paths: Callable[..., Pathways], who: str
) -> None:
    funnel = paths(getattr(field, who)).funnel
    assert [funnel.reached(step).text for step in STEPS] == ["0"] * 7
    assert [funnel.share(step) for step in STEPS] == [None] * 7


def test_few_who_stop_at_a_step_are_masked_with_the_step_that_would_tell_them(
    field: Field, paths: Callable[..., Pathways]
) -> None:
    for _ in range(8):
        field.sent(at(3, 2)).accept(field.receiver, at(3, 4))
    for _ in range(3):
        field.sent(at(3, 2))
    rows = paths(field.ville).funnel_chart().table.rows
    assert rows[0][1:] == ["11", "–", "<\u00a05"]
    assert rows[1][1] == "n.c."
    assert paths(field.mission).funnel_chart().table.rows[0][1:] == ["11", "–", "3"]


# --- The time


def test_median_and_ninetieth_centile_of_a_few_days() -> None:
    assert centile_90({}) is None
    assert centile_90({4: 1}) == 4
    assert centile_90({1: 9, 30: 1}) == 1
    assert centile_90({1: 8, 30: 2}) == 30


def test_the_time_of_each_step(field: Field, paths: Callable[..., Pathways]) -> None:
    left(field)  # sent on Monday 2 March, answered on Wednesday, entered on Monday 9, left on 8 May
    field.sent(at(3, 2)).decline(field.receiver, at(3, 2, 15), reason=Reason.COST)
    field.sent(at(3, 2))
    tiles = paths(field.mission).times()
    assert [(tile.value, tile.unit) for tile in tiles] == [("1", "jour ouvré"), ("7", "jours"), ("60", "jours")]
    assert tiles[0].denominator == "Neuf sur dix\u00a0: 2\u00a0jours ouvrés au plus. Sur 2."


@pytest.mark.parametrize(("times", "values"), [(0, ["–"] * 3), (4, ["<\u00a05"] * 3), (5, ["2", "7", "60"])])
def test_the_days_of_fewer_than_five_persons_are_not_told(
    field: Field, paths: Callable[..., Pathways], times: int, values: list[str]
) -> None:
    for _ in range(times):
        left(field)
    assert [tile.value for tile in paths(field.ville).times()] == values


# --- What follows what


def _follow(field: Field, fiche: Referral, action: Any, month: int = 6) -> Referral:
    """The fiche to another action to which the structure redirects this one."""
    fiche.redirect(field.receiver, at(month, 1), to=action)
    return Referral.objects.get(redirected_from=fiche)


def test_a_chain_is_told_once_from_its_first_fiche_to_its_last(field: Field, paths: Callable[..., Pathways]) -> None:
    second, third = an_action(field.alire, "Atelier"), an_action(field.alire, "Permis")
    _follow(field, _follow(field, field.sent(at(3, 2)), second), third, month=7)
    _follow(field, field.sent(at(3, 2)), second)
    _follow(field, field.sent(at(3, 2)), second)
    field.sent(at(3, 2))
    table = paths(field.mission).chains()
    assert table is not None
    assert table.rows == [
        ["FLI (Alire) → Atelier (Alire)", "2"],
        ["FLI (Alire) → Atelier (Alire) → Permis (Alire)", "1"],
    ]


@pytest.mark.parametrize(("times", "told"), [(4, False), (5, True)])
def test_the_territory_reads_chains_of_five_persons_and_no_sensitive_structure(
    field: Field, open_page: Callable[..., Answer], times: int, told: bool
) -> None:
    action = an_action(a_structure("CIDFF 41", is_sensitive=True), "Accueil")
    for _ in range(times):
        _follow(field, field.sent(at(3, 2)), action)
    response = open_page(field.ville)
    assert ("FLI (Alire) → Structures protégées" in text(response)) == told
    assert "CIDFF" not in response.content.decode()


def test_a_chain_of_ones_own_does_not_tell_the_fiche_of_another_sender(
    field: Field, paths: Callable[..., Pathways]
) -> None:
    first = field.sent(at(3, 2), by=field.pimms)
    second = _follow(field, first, an_action(field.alire, "Atelier"))
    Referral.objects.filter(pk=second.pk).update(sender=field.mission)
    assert paths(field.mission).chains() is None


# --- The same before and after the worker, and a constant number of queries


def test_the_page_says_the_same_with_a_full_queue_and_with_an_empty_one(
    field: Field, paths: Callable[..., Pathways]
) -> None:
    left(field)
    _follow(field, field.sent(at(3, 2)), an_action(field.alire, "Atelier"))

    def everything() -> list[Any]:
        page = paths(field.mission)
        drawing, chains = page.drawing(), page.chains()
        assert drawing is not None
        assert chains is not None
        return [*drawing.tables, page.funnel_chart().table, page.times(), chains]

    queued = everything()
    fold_all(NOW)
    assert everything() == queued
    list(rebuild(NOW))
    assert everything() == queued


@pytest.mark.parametrize("who", ["ville", "mission"])
def test_the_number_of_queries_does_not_grow(
    field: Field, open_page: Callable[..., Answer], client: Client, who: str
) -> None:
    counts = []
    for seed in (1, 2):
        _scatter_more(field, seed)
        address = open_page(getattr(field, who)).wsgi_request.get_full_path()
        with CaptureQueriesContext(connection) as asked:
            assert client.get(address).status_code == 200
        counts.append(len(asked))
    assert max(counts) <= QUERIES_AT_MOST
    assert all(one == other for one, other in pairwise(counts))


def _scatter_more(field: Field, seed: int) -> None:
    persons = [a_person(field.sender, at(3, 1)) for _ in range(3 * seed)]
    Referral.objects.bulk_create(
        Referral(
            **_sent_row(field, seed * 1000 + n) | ENDINGS[n % 5],
            person=persons[n % len(persons)],
            sender=field.mission,
            receiver=field.alire,
            action=field.action,
        )
        for n in range(10 * seed)
    )
