"""The page of statistics: who sees what, filters in the address, masking, and a constant number of queries."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, reverse

from referrals.models import Exit, ExitKind, Referral
from referrals.states import Reason, UnmetReason
from reporting import indicators as what
from reporting.charts import BarChart
from reporting.links import rows_url
from reporting.reading import TOGETHER
from reporting.scope import Period, Place, View, views_of
from structures.models import Membership, Structure
from structures.vocabulary import NeedTheme, Role
from tests.answer import Answer
from tests.reporting.conftest import NOW, Field, at
from tests.territory import a_door, a_member, a_need, a_person, a_structure, an_action

QUERIES_AT_MOST = 12


def rows(request: object) -> HttpResponse:
    """Stands for the list of fiches, in `urlpatterns` below."""
    return HttpResponse()


# The addresses of a site that has a list of fiches.
urlpatterns = [
    path("", include("reporting.urls")),
    path("", include(([path("fiches/", rows, name="referral_list")], "referrals"))),
]


@pytest.fixture
def open_page(field: Field, client: Client) -> Callable[..., Answer]:
    """The page, as a member of one of the structures sees it, for 2026."""

    def read(structure: Structure, /, **query: str) -> Answer:
        client.force_login(field.user(structure))
        return client.get(reverse("reporting:dashboard"), {"du": "2026-01-01", "au": "2026-12-31"} | query)

    return read


def text(response: Answer) -> str:
    """What the page says, tags left out, in one line."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(words))


# --- Who sees


@pytest.mark.django_db
def test_a_stranger_is_sent_to_log_in(client: Client) -> None:
    response = client.get(reverse("reporting:dashboard"))
    assert response.status_code == 302
    assert reverse("account_login") in response["Location"]


def test_a_user_without_a_structure_is_refused(field: Field, client: Client) -> None:
    user = a_member(field.mission)
    Membership.objects.filter(user=user).update(is_active=False)
    client.force_login(user)
    assert client.get(reverse("reporting:dashboard")).status_code == 403


def test_nothing_can_be_posted(field: Field, client: Client) -> None:
    client.force_login(field.user(field.mission))
    assert client.post(reverse("reporting:dashboard")).status_code == 405


@pytest.mark.parametrize(
    ("roles", "views"),
    [
        ([Role.COORDINATOR], [View.TERRITORY]),
        ([Role.PRESCRIBER], [View.SENT, View.RECEIVED]),
        ([Role.RECEIVER], [View.RECEIVED, View.SENT]),
        ([Role.MANAGER], [View.RECEIVED, View.SENT]),
        ([Role.COORDINATOR, Role.PRESCRIBER], [View.TERRITORY, View.SENT, View.RECEIVED]),
    ],
)
def test_each_role_has_its_views(field: Field, roles: list[Role], views: list[View]) -> None:
    assert views_of(a_door(field.mission, *roles)) == views


def test_a_prescriber_who_asks_for_the_territory_gets_its_own_structure(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    field.sent(at(3, 2), by=field.pimms)
    field.sent(at(3, 2), by=field.pimms)
    response = open_page(field.mission, vue=View.TERRITORY)
    assert response.context["figures"].ledger.number("sent") == 0
    assert "PIMMS" not in text(response)


def test_the_coordinators_page_names_nobody_and_leads_to_no_file(
    field: Field, open_page: Callable[..., Answer], settings: object
) -> None:
    settings.ROOT_URLCONF = "backend.urls"  # type: ignore[attr-defined] # pytest-django's settings
    people = [field.sent(at(3, day), first_name="Zélie", last_name=f"Quelquune{day}") for day in range(2, 10)]
    for fiche in people:
        fiche.decline(field.receiver, at(3, 12), reason=Reason.NO_PLACE, note="Zélie reviendra")
    response = open_page(field.ville)
    page = response.content.decode()
    assert "Zélie" not in page
    assert "Quelquune" not in page
    assert not any(fiche.reference in page or str(fiche.pk) in page for fiche in people)
    assert "/fiches/" not in page.partition("<main")[2]
    member = field.user(field.mission)
    assert member is not None
    assert member.last_name not in page


# --- Masking


def declined(field: Field, reason: Reason, times: int) -> None:
    for _ in range(times):
        field.sent(at(3, 2)).decline(field.receiver, at(3, 3), reason=reason)


def test_small_groups_are_masked_for_the_coordinator_and_not_for_the_sender(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    declined(field, Reason.NO_PLACE, 9)
    declined(field, Reason.COST, 2)
    declined(field, Reason.TIMETABLE, 6)
    masked = open_page(field.ville).context["figures"]
    table = masked.sections()[1].charts[0].table
    assert sorted(row[1] for row in table.rows) == ["9", "<\u00a05", "n.c."]
    assert masked.ledger.show("declined").text == "17"
    own = open_page(field.mission).context["figures"]
    assert sorted(row[1] for row in own.sections()[1].charts[0].table.rows) == ["2", "6", "9"]
    assert "<\u00a05" not in text(open_page(field.mission))
    assert "«\u00a0<\u00a05\u00a0»".replace("\u00a0", " ") in text(open_page(field.ville))


def test_the_median_of_a_few_people_is_masked(field: Field, open_page: Callable[..., Answer]) -> None:
    for _ in range(3):
        field.sent(at(3, 2)).accept(field.receiver, at(3, 3))
    sections = open_page(field.ville).context["figures"].sections()
    delays = [tile.value for tile in sections[0].tiles if tile.label.startswith("Délai")]
    assert delays == ["<\u00a05", "<\u00a05"]
    assert set(sections[3].tables[0].rows[0][1:]) <= {"<\u00a05", "0"}


def test_sensitive_structures_are_one_line_for_the_coordinator_only(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    cidff = a_structure("CIDFF 41", is_sensitive=True)
    refuge = a_structure("Le Refuge", is_sensitive=True)
    for structure in (cidff, refuge):
        action = an_action(structure, f"Accueil {structure}")
        for _ in range(6):
            field.sent(at(3, 2), action=action)
    response = open_page(field.ville)
    assert [name for _, name, _ in response.context["figures"].structures] == ["Structures protégées"]
    assert response.context["figures"].ledger.number(("structure", TOGETHER, "sent")) == 12
    assert "CIDFF" not in response.content.decode()
    assert "Refuge" not in response.content.decode()
    own = open_page(field.mission).context["figures"]
    assert [name for _, name, _ in own.structures] == ["CIDFF 41", "Le Refuge"]
    together = open_page(field.ville, structure="protegees")
    assert together.context["figures"].ledger.number("sent") == 12
    assert open_page(field.ville, structure=str(cidff.pk)).status_code == 422


# --- Filters and periods


@pytest.mark.parametrize(
    ("query", "field_name", "message"),
    [
        ({"du": "2026-03-01", "au": "2026-02-01"}, "au", "vient avant son début"),
        ({"du": "2010-03-01", "au": "2026-02-01"}, "au", "cinq ans"),
        ({"du": "0026-03-01"}, "du", "entre 2000 et 2100"),
        ({"du": "hier"}, "du", "date valide"),
        ({"action": "999999"}, "action", ""),
        ({"structure": "x"}, "structure", ""),
        ({"lieu": "lune"}, "lieu", ""),
    ],
)
def test_a_wrong_filter_is_said_beside_it_and_what_was_typed_is_kept(
    field: Field, open_page: Callable[..., Answer], query: dict[str, str], field_name: str, message: str
) -> None:
    response = open_page(field.mission, **query)
    assert response.status_code == 422
    assert message in str(response.context["form"].errors[field_name])
    assert response.context["figures"] is None
    typed = query[field_name]
    assert response.context["form"][field_name].value() == typed


@pytest.mark.parametrize(
    "filters", [{"age": "2"}, {"sexe": "F"}, {"niveau": "A1"}, {"quartier": "nord"}, {"lieu": "qpv"}, {"sexe": "x"}]
)
def test_fiches_received_are_not_narrowed_by_what_their_persons_may_not_have_shared(
    field: Field, open_page: Callable[..., Answer], filters: dict[str, str]
) -> None:
    (name,) = filters
    field.sent(at(3, 2), sex="F", in_qpv=True, quartier="nord", french_oral="A1")
    offered = set(open_page(field.alire, vue=View.RECEIVED).context["form"].fields)
    assert not offered & {"age", "sexe", "niveau", "quartier", "lieu"}
    refused = open_page(field.alire, vue=View.RECEIVED, **filters)
    assert refused.status_code == 422
    assert refused.context["figures"] is None
    assert "pas partagé cette information" in str(refused.context["form"].errors[name])
    assert refused.context["form"][name].value() == filters[name]
    client = refused.client
    assert (
        client.get(reverse("reporting:export", args=["csv"]), filters | {"vue": View.RECEIVED.value}).status_code == 422
    )


def test_filters_that_a_view_does_not_offer_are_left_behind_on_the_way_to_it(
    field: Field, open_page: Callable[..., Answer]
) -> None:
    sent = open_page(field.mission, vue=View.SENT, sexe="F", theme=NeedTheme.FRENCH)
    assert sent.status_code == 200
    ways = {one["label"]: parse_qs(urlsplit(one["url"]).query) for one in sent.context["views"]}
    assert "sexe" not in ways[View.RECEIVED.label]
    assert ways[View.RECEIVED.label]["theme"] == ["french"]
    assert ways[View.SENT.label]["sexe"] == ["F"]
    assert open_page(field.ville, sexe="F").status_code == 200


def test_unmet_needs_are_not_told_by_place_to_who_receives(field: Field, open_page: Callable[..., Answer]) -> None:
    fiche = field.sent(at(3, 2), quartier="nord", in_qpv=True)
    need = a_need(fiche.person, field.sender)
    fiche.needs.add(need)
    fiche.decline(field.receiver, at(3, 3), reason=Reason.NO_PLACE)
    for structure, view, tables in ((field.mission, View.SENT, 1), (field.alire, View.RECEIVED, 0)):
        figures = open_page(structure, vue=view).context["figures"]
        assert figures.ledger.number("unmet") == 1
        assert len(figures.sections()[-1].tables) == tables


@pytest.mark.parametrize(
    ("preset", "start"),
    [
        ("mois", dt.date(2026, 11, 1)),
        ("3-mois", dt.date(2026, 8, 18)),
        ("12-mois", dt.date(2025, 11, 18)),
        ("annee", dt.date(2026, 1, 1)),
    ],
)
def test_the_presets_end_today(preset: str, start: dt.date) -> None:
    assert Period.of(preset, NOW.date()) == Period(start, NOW.date())


def test_without_a_period_the_last_twelve_months_are_shown(field: Field, client: Client) -> None:
    client.force_login(field.user(field.mission))
    for query in ({}, {"periode": "toujours"}):
        response = client.get(reverse("reporting:dashboard"), query)
        period = response.context["period"]
        assert Period.of("12-mois", period.end) == period
        assert [one["label"] for one in response.context["presets"] if one["current"]] == ["12 mois"]


def test_a_preset_keeps_the_other_filters_and_drops_the_days(field: Field, open_page: Callable[..., Answer]) -> None:
    response = open_page(field.mission, theme=NeedTheme.FRENCH, vue=View.RECEIVED)
    query = parse_qs(urlsplit(response.context["presets"][0]["url"]).query)
    assert query == {"theme": ["french"], "vue": ["recues"], "periode": ["mois"]}
    assert not any(one["current"] for one in response.context["presets"])


def test_an_empty_period_teaches_what_to_do(field: Field, open_page: Callable[..., Answer]) -> None:
    assert "Choisissez une période plus longue" in text(open_page(field.mission))


def test_months_without_a_fiche_are_shown_empty(field: Field) -> None:
    field.sent(at(1, 31, 23))  # 1 February in Blois
    field.sent(at(3, 2)).accept(field.receiver, at(3, 3))
    chart = field.figures(period=Period(dt.date(2026, 1, 15), dt.date(2026, 4, 2))).sections()[0].charts[0]
    assert [row[1:] for row in chart.table.rows] == [["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]


# --- From a figure to its rows


def test_a_figure_leads_to_the_rows_behind_it_with_the_same_filters(field: Field, settings: object) -> None:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined] # pytest-django's settings
    scope = field.figures(action=field.action.slug).scope
    address = urlsplit(rows_url(scope, what.DECLINED_FOR[Reason.COST]))
    assert address.path == "/fiches/"
    assert parse_qs(address.query) == {
        "onglet": ["envoyees"],
        "du": ["2026-01-01"],
        "au": ["2026-12-31"],
        "etat": ["declined"],
        "motif": ["cost"],
        "action": [field.action.slug],
    }


def test_no_link_where_the_list_could_not_show_the_same_rows(field: Field, settings: object) -> None:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined] # pytest-django's settings
    assert rows_url(field.figures(place=Place.QPV).scope, what.SENT) == ""
    assert rows_url(field.figures(theme=NeedTheme.FRENCH).scope, what.SENT) == ""
    assert rows_url(field.figures(receiver=field.alire.pk).scope, what.SENT) == ""
    assert rows_url(field.figures().scope, what.BILANS_DUE) == ""
    assert rows_url(field.figures(field.ville, View.TERRITORY).scope, what.SENT) == ""
    assert rows_url(field.figures().scope, what.SENT) != ""


# --- The drawing


def test_charts_have_a_name_a_table_and_no_inline_style(field: Field, open_page: Callable[..., Answer]) -> None:
    declined(field, Reason.NO_PLACE, 2)
    page = open_page(field.mission).content.decode()
    assert not re.search(r"\sstyle=", page)
    drawings = re.findall(r'<svg class="chart-drawing".*?</svg>', page, re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        assert 'role="img"' in drawing
        assert re.search(r"<title id=[^>]+>\S", drawing)
        assert re.search(r"<desc id=[^>]+>\S", drawing)
    assert page.count("Voir le tableau") == 2
    assert not re.search(r'(width|height|x|y)="[\d.]*,', page), "SVG wants points, whatever the language of the page"


def test_the_target_line_stands_at_two_thirds(field: Field) -> None:
    fiche = field.sent(at(1, 5))
    fiche.accept(field.receiver, at(1, 5))
    fiche.enter(field.receiver, at(1, 5), on=dt.date(2026, 1, 5))
    Exit.objects.record(fiche, field.receiver, NOW, on=dt.date(2026, 4, 30), kind=ExitKind.CDI)
    chart = next(section for section in field.figures().sections() if section.name == "sorties").charts[0]
    assert isinstance(chart, BarChart)
    assert chart.target_x == "66.67%"
    assert [(bar.label, bar.width) for bar in chart.bars] == [
        ("Sorties dynamiques", "100.00%"),
        ("Emploi durable", "100.00%"),
    ]


# --- As many queries, however many fiches


def make_volume(field: Field, how_many: int) -> None:
    """Fiches at every step, with needs, bilans due, exits and checks."""
    persons = [a_person(field.sender, at(2, 2), quartier="nord", in_qpv=True) for _ in range(5)]
    for person in persons:
        a_need(person, field.sender, NeedTheme.HOUSING).note_match(UnmetReason.NO_OFFER)
    Referral.objects.bulk_create(
        Referral(
            reference=f"R-V{n:05}",
            person=persons[n % 5],
            sender=field.mission,
            receiver=field.alire,
            action=field.action,
            consent_how="oral",
            consent_at=at(2, 2),
            state=("sent", "accepted", "entered", "declined")[n % 4],
            reason="no_place" if n % 4 == 3 else "",
            created_at=at(2, 2),
            updated_at=at(2, 2),
            sent_at=at(1 + n % 10, 1 + n % 28),
            clock_from=at(1 + n % 10, 1 + n % 28),
            answered_at=at(11, 2) if n % 4 else None,
            accepted_at=at(11, 2) if n % 4 in (1, 2) else None,
            entered_on=dt.date(2026, 11, 3) if n % 4 == 2 else None,
            bilan_due_on=dt.date(2026, 11, 10) if n % 4 == 2 else None,
        )
        for n in range(how_many)
    )


@pytest.mark.parametrize("who", ["ville", "mission"])
@pytest.mark.parametrize("how_many", [0, 10, 500])
def test_the_number_of_queries_does_not_grow(
    field: Field, open_page: Callable[..., Answer], client: Client, how_many: int, who: str
) -> None:
    make_volume(field, how_many)
    address = open_page(getattr(field, who)).wsgi_request.get_full_path()
    with CaptureQueriesContext(connection) as asked:
        response = client.get(address)
    assert response.status_code == 200
    assert response.context["figures"].ledger.number("sent") == how_many
    queries = [one["sql"] for one in asked.captured_queries]
    assert len(queries) <= QUERIES_AT_MOST, queries
