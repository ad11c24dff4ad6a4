"""Paper and ink: contrast, pages, components, forms, navigation and theme."""

import gzip
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import include, path
from django.utils import timezone
from lucide import IconDoesNotExist

from backend import views
from backend.context import address, chrome, fonts_are_here
from backend.style import SampleForm
from backend.templatetags import relais
from referrals.states import State
from structures.eligibility.criteria import Answer
from structures.vocabulary import Role

ROOT = Path(django_settings.BASE_DIR)
CSS = ROOT / "backend" / "static" / "css"
NOW = datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
"""A Friday, 14 h 30 in Blois."""


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


urlpatterns = [
    path("apparence/", views.theme, name="theme"),
    path("style/", views.style, name="style"),
    path(
        "",
        include(
            (
                [
                    path("", nothing, name="home"),
                    path("fiches/", nothing, name="referral_list"),
                    path("structure/", nothing, name="switch_structure"),
                ],
                "referrals",
            )
        ),
    ),
    path("", include(([path("actions/", nothing, name="action_list")], "structures"))),
]
"""Addresses of this file's own: the persons and the statistics are not answered yet."""


# --- Contrast -------------------------------------------------------------------------------------------------


def declared(block: str) -> dict[str, str]:
    """The colours that a block of CSS gives to its custom properties."""
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6});", block))


def blocks_of(css: str, selector: str) -> list[str]:
    """The insides of every block that opens with exactly this selector."""
    return re.findall(rf"(?m)^\s*{re.escape(selector)} {{([^}}]*)}}", css)


SHEET = (CSS / "relais.css").read_text()
LIGHT = declared(blocks_of(SHEET, ":root")[0])
DARK_BY_DEVICE = declared(blocks_of(SHEET, ":root:not([data-theme])")[0])
DARK_BY_CHOICE = declared(blocks_of(SHEET, ':root[data-theme="dark"]')[0])


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB`, as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


SURFACES = ("paper", "card", "sunken")
FAMILIES = ("neutral", "sent", "accepted", "bilan", "declined", "late")
TEXT_PAIRS = [
    *(
        (text, surface)
        for text in ("ink", "ink-2", "accent", "accent-strong", "declined", "late")
        for surface in SURFACES
    ),
    *((family, f"{family}-soft") for family in FAMILIES),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-danger", "danger"),
    ("on-danger", "danger-strong"),
    ("accent", "accent-soft"),
    ("accent-strong", "accent-soft"),
    ("ink", "accent-soft"),
    ("paper", "ink"),
]
# Borders of controls, the focus ring and what tells a state: 3:1 (WCAG 1.4.11).
SHAPE_PAIRS = [(shape, surface) for shape in ("control", "focus", "accent", "declined") for surface in SURFACES]


def test_the_measure_of_contrast_agrees_with_known_values():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK_BY_DEVICE], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "surface"), TEXT_PAIRS)
def test_text_stands_out_by_four_and_a_half(theme: dict[str, str], text: str, surface: str):
    assert contrast(theme[text], theme[surface]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK_BY_DEVICE], ids=["light", "dark"])
@pytest.mark.parametrize(("shape", "surface"), SHAPE_PAIRS)
def test_controls_and_focus_stand_out_by_three(theme: dict[str, str], shape: str, surface: str):
    assert contrast(theme[shape], theme[surface]) >= 3


def test_the_two_ways_to_dark_give_the_same_colours_and_forget_none():
    assert DARK_BY_DEVICE == DARK_BY_CHOICE
    assert set(DARK_BY_DEVICE) == set(LIGHT)


def test_every_text_colour_of_the_components_is_measured_above():
    measured = {name for pair in TEXT_PAIRS for name in pair}
    for sheet in ("components.css", "forms.css", "pages.css", "relais.css"):
        used = set(re.findall(r"(?<![\w-])color: var\(--([\w-]+)\)", (CSS / sheet).read_text()))
        assert used <= measured, sheet


def test_components_take_their_colours_from_the_tokens_only():
    for sheet in ("components.css", "forms.css", "pages.css"):
        assert not re.findall(r"#[0-9A-Fa-f]{3,8}\b", (CSS / sheet).read_text()), sheet


def test_no_stylesheet_asks_for_another_file():
    for sheet in CSS.glob("*.css"):
        assert "url(" not in sheet.read_text() and "@import" not in sheet.read_text(), sheet.name


# --- Templates ------------------------------------------------------------------------------------------------


def own_templates() -> list[Path]:
    return [
        file
        for room in ("backend", "accounts", "structures", "referrals", "reporting", "worker")
        for file in (ROOT / room / "templates").rglob("*.html")
    ]


def test_no_page_carries_an_inline_style_or_script():
    # The content security policy would refuse them without a word. A letter is read by a mail program: it may.
    forbidden = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|href=[\"']javascript:", re.IGNORECASE)
    pages = [file for file in own_templates() if "emails" not in file.parts]
    assert [str(file) for file in pages if forbidden.search(file.read_text())] == []


def test_an_error_page_needs_nothing_from_a_request():
    for name in ("400.html", "500.html"):
        page = render_to_string(name)
        assert '<html lang="fr"' in page and "<h1>" in page and "Revenir à l’accueil" in page


def test_fonts_are_linked_only_where_the_image_build_put_them(monkeypatch: pytest.MonkeyPatch):
    request = RequestFactory().get("/")
    for found in (None, "/somewhere/fonts.css"):
        monkeypatch.setattr(finders, "find", lambda name, found=found: found)
        fonts_are_here.cache_clear()
        assert ("fonts/fonts.css" in render_to_string("500.html", chrome(request))) is bool(found)
    fonts_are_here.cache_clear()


# --- Tags and filters -----------------------------------------------------------------------------------------


def render(source: str, **context: Any) -> str:
    """Render a piece of template with our tags."""
    return engines["django"].from_string("{% load relais %}" + source).render(context)


def test_an_icon_that_does_not_exist_is_an_error():
    with pytest.raises(IconDoesNotExist):
        render('{% icon "no-such-icon" %}')


def test_an_icon_is_decoration_unless_it_has_a_name():
    assert 'aria-hidden="true"' in render('{% icon "check" %}')
    named = render('{% icon "x" label=label %}', label='Fermer "ici"')
    assert 'role="img"' in named and 'aria-label="Fermer &quot;ici&quot;"' in named and "aria-hidden" not in named


def test_an_unknown_state_is_neutral_and_keeps_its_word():
    assert "pill-neutral" in render('{% pill "other" "Autre" %}') and "Autre" in render('{% pill "other" "Autre" %}')


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_fiche_has_a_pill_that_says_the_same_word(state: State):
    assert relais.PILLS[state.value][2] == state.label


@pytest.mark.parametrize("state", relais.PILLS)
def test_a_pill_says_its_state_by_an_icon_and_a_word(state: str):
    html = render("{% pill state %}", state=state)
    assert "<svg" in html and relais.PILLS[state][2] in html


def test_a_criterion_of_an_unknown_kind_is_an_error():
    with pytest.raises(KeyError):
        render("{% criterion answer %}", answer={"state": "perhaps", "reason": "?"})


@pytest.mark.parametrize(("state", "word"), [("met", "Rempli"), ("unmet", "Non rempli"), ("unknown", "À vérifier")])
def test_a_criterion_says_its_answer_in_words_too(state: str, word: str):
    html = render("{% criterion answer %}", answer=SimpleNamespace(state=state, reason="Habite <Blois>"))
    assert f"{word}&nbsp;:" in html and "Habite &lt;Blois&gt;" in html and "Ce qui changerait" not in html


def test_a_criterion_says_what_would_change_it():
    answer = Answer("french", "required", "unmet", "Niveau A1", "un positionnement")
    html = render("{% criterion answer %}", answer=answer)
    assert "Ce qui changerait la réponse" in html and "un positionnement" in html and "obligatoire" in html


@pytest.mark.parametrize("name", ["day", "moment", "ago", "day_text", "moment_text"])
def test_no_date_gives_no_text(name: str):
    assert render("{{ value|" + name + " }}", value=None) == ""


def test_dates_are_written_the_french_way():
    assert relais.day_text(date(2026, 11, 20)) == "20 nov. 2026"
    assert relais.day_text(date(2026, 8, 1)) == "1er août 2026"
    assert relais.moment_text(NOW) == "20 nov. 2026 à 14 h 30"
    assert relais.moment_text(date(2026, 11, 20)) == "20 nov. 2026"
    # An hour before midnight UTC is already the next day in Blois.
    assert relais.day_text(datetime(2026, 7, 31, 23, 0, tzinfo=UTC)) == "1er août 2026"
    assert relais.day(NOW) == '<time datetime="2026-11-20" title="vendredi">20 nov. 2026</time>'
    assert 'datetime="2026-11-20T14:30+01:00"' in relais.moment(NOW)


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (timedelta(), "à l’instant"),
        (timedelta(seconds=-59), "à l’instant"),
        (timedelta(minutes=-5), "il y a 5 min"),
        (timedelta(hours=-3), "il y a 3 h"),
        (timedelta(hours=3), "dans 3 h"),
        (timedelta(hours=-15), "hier"),
        (timedelta(days=-2), "avant-hier"),
        (timedelta(days=1), "demain"),
        (timedelta(days=-3), "il y a 3 jours"),
        (timedelta(days=30), "dans 30 jours"),
        (timedelta(days=-45), "il y a 1 mois"),
        (timedelta(days=-183), "il y a 6 mois"),
        (timedelta(days=-364), "il y a 12 mois"),
        (timedelta(days=-365), "il y a 1 an"),
        (timedelta(days=-800), "il y a 2 ans"),
    ],
)
def test_a_distance_in_time_reads_as_one_says_it(gap: timedelta, text: str):
    html = relais.ago(NOW + gap, NOW)
    assert f">{text}</time>" in html and 'title="' in html


def test_a_day_without_an_hour_is_today_all_day():
    assert ">aujourd’hui</time>" in relais.ago(date(2026, 11, 20), NOW)


def test_ten_minutes_after_midnight_last_evening_is_yesterday():
    midnight = datetime(2026, 11, 19, 23, 10, tzinfo=UTC)
    assert ">hier</time>" in relais.ago(midnight - timedelta(hours=1), midnight)


def test_ago_takes_the_clock_when_no_moment_is_given():
    assert ">à l’instant</time>" in render("{{ value|ago }}", value=timezone.now())


def test_an_age_may_be_unknown_and_counts_whole_years():
    assert relais.age(SimpleNamespace(age=lambda on: None)) is None
    assert relais.age(SimpleNamespace(age=lambda on: on.year - 1995), date(2026, 1, 1)) == 31


def test_a_figure_without_a_denominator_is_a_dash():
    assert relais.percent(None) == "–" and relais.number(None) == "–"


def test_numbers_are_written_the_french_way():
    assert relais.number(10237) == "10\u202f237"
    assert relais.number(3.5, 1) == "3,5"
    assert relais.percent(2 / 3) == "67\u202f%" and relais.percent(0) == "0\u202f%"


def test_french_spaces_do_not_break_and_escaping_stays():
    assert relais.typo("Quoi ? « Oui » : 5 % <b>") == "Quoi\u202f? «\u00a0Oui\u00a0»\u00a0: 5\u202f% <b>"
    assert render("{{ text|typo }}", text="<b> ?") == "&lt;b&gt;\u202f?"
    assert relais.typo("à 14:30, https://exemple.org") == "à 14:30, https://exemple.org"


@pytest.mark.parametrize(
    "tag", ["", "undo:", "undo:https://evil.example/", "undo://evil.example/", "undo:/\\evil.example"]
)
def test_a_message_is_undone_on_this_site_only(tag: str):
    assert relais.undo_url(Message(constants.SUCCESS, "Envoyée", extra_tags=tag)) == ""


def test_a_toast_offers_to_undo_by_a_form():
    message = Message(constants.SUCCESS, "Fiche envoyée.", extra_tags="undo:/fiches/R-7K2M/annuler/")
    html = render_to_string("components/toast.html", {"message": message, "csrf_token": "jeton"})
    assert '<form method="post" action="/fiches/R-7K2M/annuler/">' in html and "csrfmiddlewaretoken" in html
    assert "toast-success" in html
    plain = render_to_string("components/toast.html", {"message": Message(constants.ERROR, "Non")})
    assert "<form" not in plain and "toast-error" in plain


def test_a_dialog_is_named_by_its_title_and_closes_without_a_script():
    html = render('{% dialog "refus" title="Refuser" %}<p>{{ text }}</p>{% enddialog %}', text="a < b")
    assert '<dialog class="dialog" id="refus" aria-labelledby="refus-title">' in html
    assert "<p>a &lt; b</p>" in html and 'href="#contenu" data-close' in html


def test_describe_leaves_out_what_is_empty_and_escapes_the_rest():
    assert render('{% describe a "" b %}', a="<x>", b="Blois") == "&lt;x&gt; · Blois"


# --- Components -----------------------------------------------------------------------------------------------


def a_person(**changes: Any) -> SimpleNamespace:
    facts = {"full_name": "Amina BENYOUSSEF", "age": lambda on: 31, "place": "Blois", "in_qpv": None, "phone": ""}
    facts |= {"contact_channel": "prescriber", "may_leave_message": False, "contact_note": ""}
    facts |= {"needs_interpreter": False, "language": ""}
    return SimpleNamespace(**facts | changes)


def identity(**changes: Any) -> str:
    return render_to_string("components/identity.html", {"person": a_person(**changes)})


def test_a_person_known_by_name_only_shows_no_age_and_no_telephone():
    html = identity(age=lambda on: None, place="")
    assert " ans<" not in html and "tel:" not in html and "vocal" not in html
    assert "Lieu de vie non renseigné" in html and "Par son prescripteur seulement" in html


def test_beside_the_telephone_stands_what_is_safe():
    html = identity(phone="06 39 98 12 34", contact_channel="call", contact_note="Après 17 h")
    assert "06 39 98 12 34" in html and "L’appeler, pas de SMS" in html
    assert "Pas de message vocal" in html and "Après 17 h" in html


@pytest.mark.parametrize("place", ["Quartiers Nord (QPV)", "Mirabeau"])
def test_a_priority_neighbourhood_is_said_once(place: str):
    assert identity(place=place, in_qpv=True).count("QPV") == 1
    assert "QPV" not in identity(place="Blois-Vienne", in_qpv=False)


def test_a_row_names_whom_it_goes_to_apart_from_what_may_be_cut():
    row = {"title": "Amina", "url": "/f/", "meta": "Positionnement", "partner": "Cria 41"}
    html = render_to_string("components/queue_row.html", row)
    assert '<span class="queue-meta">Positionnement</span> <span class="queue-partner">· Cria 41</span>' in html
    del row["meta"]
    assert '<span class="queue-partner">Cria 41</span>' in render_to_string("components/queue_row.html", row)


def filter_bar(fields: int, **context: Any) -> "Page":
    names = ("text", "state", "since", "until")[:fields]
    form = type("Filters", (forms.Form,), {name: forms.CharField(required=False) for name in names})({})
    return Page(render_to_string("components/filter_bar.html", {"form": form, "action": "/", **context}))


def test_two_filters_are_never_folded_and_three_may_be():
    assert "filtrer" not in filter_bar(2).ids
    toggles = [attributes for _, attributes in filter_bar(3).tags if attributes.get("id") == "filtrer"]
    assert len(toggles) == 1 and "name" not in toggles[0], "it is not a filter: it is not sent"


@pytest.mark.parametrize("is_open", [True, False])
def test_filters_in_force_are_not_folded_away(is_open: bool):
    toggle = next(
        attributes for _, attributes in filter_bar(4, is_open=is_open).tags if attributes.get("id") == "filtrer"
    )
    assert ("checked" in toggle) is is_open


def test_a_late_row_says_so_in_words():
    row = {"title": "Fiche", "url": "/f/", "due": date(2026, 11, 13), "late": True}
    html = render_to_string("components/queue_row.html", row)
    assert "En retard, attendu le" in html and "<svg" in html and "button" not in html


def test_an_action_of_a_row_says_about_which_fiche():
    row = {"title": "Fiche R-7K2M", "url": "/f/", "action_url": "/f/repondre/", "action_label": "Répondre"}
    html = render_to_string("components/queue_row.html", row)
    assert 'Répondre<span class="visually-hidden"> : Fiche R-7K2M</span>' in html


def test_pages_without_neighbours_show_no_pagination():
    assert render_to_string("components/pagination.html", {}).strip() == ""


# --- Forms ----------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Collects what a test asks of a page: ids, what points at them, and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.tags if "id" in attributes]

    def pointed(self, name: str) -> set[str]:
        return {part for _, attributes in self.tags for part in str(attributes.get(name) or "").split()}


def test_an_empty_form_shows_no_summary_of_errors():
    html = str(SampleForm())
    assert "error-summary" not in html and "aria-invalid" not in html


def test_each_error_stands_by_its_field_and_the_summary_leads_to_it():
    form = SampleForm({"birth": "31/02/1998", "email": "amina@"})
    html = str(form)
    page = Page(html)
    links = {target.removeprefix("#") for target in page.pointed("href")}
    assert len(links) == len(form.errors) == 7
    controls = {attributes.get("id") for tag, attributes in page.tags if tag in {"input", "select", "textarea"}}
    assert links <= controls
    assert page.pointed("aria-describedby") <= set(page.ids)
    assert {"id_birth_helptext", "id_birth_error", "id_urgency_error"} <= page.pointed("aria-describedby")
    assert html.count('aria-invalid="true"') >= 7
    assert 'role="alert"' in html and "7 points à corriger" in html
    assert 'value="amina@"' in html


def test_the_summary_leads_to_the_first_part_of_a_composite_field():
    class Dates(forms.Form):
        at = forms.SplitDateTimeField(label="Rendez-vous", widget=forms.SplitDateTimeWidget)
        birth = forms.DateField(label="Naissance", widget=forms.SelectDateWidget)
        place = forms.ChoiceField(label="Lieu", choices=[], widget=forms.RadioSelect)

    page = Page(str(Dates({})))
    assert page.pointed("href") <= {f"#{name}" for name in page.ids}
    assert "#id_at_0" in page.pointed("href")


def test_no_id_appears_twice_in_a_form_with_errors():
    ids = Page(str(SampleForm({}))).ids
    assert len(ids) == len(set(ids))


def test_an_error_of_the_whole_form_is_in_the_summary_only():
    form = SampleForm({})
    form.add_error(None, "Ces dates se contredisent.")
    assert str(form).count("Ces dates se contredisent.") == 1


def test_required_is_said_in_words_and_groups_have_a_legend():
    html = str(SampleForm())
    assert html.count('<span class="field-required">obligatoire</span>') == 6
    page = Page(html)
    assert [tag for tag, _ in page.tags].count("legend") == [tag for tag, _ in page.tags].count("fieldset") == 2


def test_a_field_alone_is_drawn_like_in_its_form():
    assert SampleForm()["name"].as_field_group() in str(SampleForm())


def test_chips_keep_their_native_boxes():
    page = Page(str(SampleForm({"needs": ["fr"]})["needs"]))
    boxes = [attributes for tag, attributes in page.tags if tag == "input"]
    assert len(boxes) == 7 and all(box["type"] == "checkbox" for box in boxes)
    assert [box["value"] for box in boxes if "checked" in box] == ["fr"]


def test_what_a_user_typed_is_escaped_everywhere():
    class Names(forms.Form):
        name = forms.EmailField(label="Nom <i>")

    html = str(Names({"name": "<script>alert(1)</script>"}))
    assert "<script>" not in html and "<i>" not in html


# --- Around the page ------------------------------------------------------------------------------------------


def a_request(
    path_name: str = "/", roles: tuple[Role, ...] = (), structures: tuple[str, ...] = ("A",), **door: Any
) -> Any:
    request: Any = RequestFactory().get(path_name)
    belongings = [SimpleNamespace(structure=SimpleNamespace(pk=name, name=name)) for name in structures]
    structure = belongings[0].structure if belongings else None
    request.door = SimpleNamespace(
        roles=frozenset(roles), structure=structure, memberships=belongings, may=lambda verb: False, **door
    )
    request.user = AnonymousUser()
    return request


def labels(request: HttpRequest) -> list[str]:
    return [entry["label"] for entry in chrome(request)["nav"]]


@pytest.fixture
def own_addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.mark.usefixtures("own_addresses")
class TestChrome:
    def test_an_address_that_nobody_answers_is_left_out(self):
        assert address("reporting:dashboard") == "" and address("no_such_place:home") == ""
        assert labels(a_request(roles=(Role.PRESCRIBER,))) == ["À faire", "Fiches", "Actions"]

    def test_without_a_door_or_a_role_there_is_no_navigation(self):
        assert labels(RequestFactory().get("/")) == [] and labels(a_request()) == []

    def test_a_coordinator_is_not_led_to_files(self):
        assert labels(a_request(roles=(Role.COORDINATOR,))) == ["À faire", "Actions"]
        assert "Fiches" in labels(a_request(roles=(Role.COORDINATOR, Role.RECEIVER)))

    @pytest.mark.parametrize(
        ("where", "current"),
        [
            ("/", ["page", "", ""]),
            ("/fiches/", ["", "page", ""]),
            ("/fiches/R-7K2M/", ["", "true", ""]),
            ("/x/", [""] * 3),
        ],
    )
    def test_the_current_section_is_marked(self, where: str, current: list[str]):
        request = a_request(where, roles=(Role.MANAGER,))
        assert [entry["current"] for entry in chrome(request)["nav"]] == current

    def test_a_count_stands_beside_its_section_in_words_too(self):
        request = a_request(roles=(Role.RECEIVER,), counts={"referrals:home": 7})
        html = render_to_string("components/header.html", chrome(request), request)
        assert '7<span class="visually-hidden"> à traiter</span>' in html

    def test_two_roles_in_one_structure_are_one_choice(self):
        around = chrome(a_request(roles=(Role.RECEIVER,), structures=("A", "B", "A")))["chrome"]
        assert [structure.pk for structure in around["structures"]] == ["A", "B"]

    def test_the_switcher_shows_only_when_there_is_a_choice(self):
        for names, shown in ((("A",), False), (("A", "B"), True)):
            request = a_request("/fiches/", roles=(Role.RECEIVER,), structures=names)
            html = render_to_string("components/header.html", {}, request)
            assert ('action="/structure/"' in html) is shown
            assert ('<input type="hidden" name="next" value="/fiches/">' in html) is shown

    def test_someone_without_a_structure_sees_no_switcher(self):
        around = chrome(a_request(structures=()))["chrome"]
        assert around["structures"] == [] and around["structure"] is None

    @pytest.mark.parametrize("cookie", ["", "blue", '"><script>'])
    def test_an_unknown_theme_is_left_to_the_device(self, cookie: str):
        request = a_request()
        request.COOKIES["relais_theme"] = cookie
        assert chrome(request)["chrome"]["theme"] == ""

    def test_a_chosen_theme_is_in_the_page_from_the_server(self):
        request = a_request()
        request.COOKIES["relais_theme"] = "dark"
        assert '<html lang="fr" data-theme="dark">' in render_to_string("404.html", {}, request)

    def test_the_theme_is_not_changed_by_a_link(self):
        assert Client().get("/apparence/").status_code == 405

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "", "javascript:alert(1)"])
    def test_the_theme_form_does_not_lead_elsewhere(self, target: str):
        response = Client().post("/apparence/", {"theme": "dark", "next": target})
        assert (response.status_code, response["Location"]) == (302, "/")

    def test_the_theme_is_kept_and_given_back(self):
        client = Client()
        response = client.post("/apparence/", {"theme": "dark", "next": "/style/"})
        assert response["Location"] == "/style/" and client.cookies["relais_theme"].value == "dark"
        assert client.cookies["relais_theme"]["httponly"] and client.cookies["relais_theme"]["samesite"] == "Lax"
        client.post("/apparence/", {"theme": "auto", "next": "/style/"})
        assert client.cookies["relais_theme"].value == ""


# --- Style guide ----------------------------------------------------------------------------------------------


def test_the_style_guide_is_for_demonstrations_only(settings: Any):
    settings.DEMO = False
    assert Client().get("/style/", secure=True).status_code == 404


def test_the_style_guide_shows_every_component(settings: Any):
    settings.DEMO = True
    used: set[str] = set()
    response = Client().get("/style/", secure=True)
    assert response.status_code == 200
    used = {template.name for template in response.templates if template.name}
    every = {f"components/{file.name}" for file in (ROOT / "backend/templates/components").glob("*.html")}
    assert every - used == set()


def test_the_demonstration_says_that_it_is_one(settings: Any):
    for demo in (True, False):
        settings.DEMO = demo
        assert ("aucun courrier ne part" in render_to_string("404.html", {}, a_request())) is demo


def test_what_every_page_brings_along_leaves_room_for_the_page(settings: Any):
    settings.DEMO = True
    html = Client().get("/style/", secure=True).content.decode()
    files = re.findall(r'(?:href|src)="/static/([^"?]+\.(?:css|js|svg))"', html)
    assert len(files) >= 7
    found = {name: finders.find(name) for name in files}
    assert None not in found.values()
    weight = sum(len(gzip.compress(Path(str(where)).read_bytes())) for where in found.values())
    # Compressed as they travel; the style guide itself is the heaviest page there is.
    assert weight < 40_000 and weight + len(html.encode()) < 100_000
    assert len((ROOT / "backend/static/js/relais.js").read_bytes()) < 6_000
