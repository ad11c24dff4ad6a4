"""What every page shows around its content: navigation, structure switcher, account menu, theme."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from referrals.permissions import CASE_ROLES, is_support
from structures.vocabulary import Role
from worker.state import Pulse, Verdict

THEME_COOKIE = "relais_theme"
THEMES = ("light", "dark")

OF_MEMBERS = (
    ("Lettres", "structures:letter_choices", "mail"),
    ("Absences", "structures:absence_list", "calendar-off"),
)
"""Entries of the account menu that need a structure."""

EVERY_ROLE = frozenset(Role)


class Section(NamedTuple):
    """One entry of the main navigation and the roles that see it."""

    label: str
    url_name: str
    icon: str
    roles: frozenset[Role]


SECTIONS = (
    Section("À faire", "referrals:home", "list-todo", EVERY_ROLE),
    Section("Personnes", "referrals:person_list", "users", CASE_ROLES),
    Section("Fiches", "referrals:referral_list", "file-text", CASE_ROLES),
    Section("Actions", "structures:action_list", "layers", EVERY_ROLE),
    Section("Statistiques", "reporting:dashboard", "chart-column", EVERY_ROLE),
    Section("Commissions", "referrals:commission_list", "messages-square", frozenset({Role.COORDINATOR})),
)


def address(url_name: str) -> str:
    """The URL of that name, or nothing while no application answers it."""
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


@functools.cache
def fonts_are_here() -> bool:
    """Whether the image build brought the fonts: the repository holds none, and nothing may answer 404."""
    return bool(finders.find("fonts/fonts.css"))


def current_theme(request: HttpRequest) -> str:
    """ "light" or "dark" when the user chose one, else nothing: the device decides."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def by_link(door: object) -> bool:
    """Whether the page is opened by the link of a letter, without an account: nothing then stands around it."""
    return getattr(door, "link", None) is not None


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The entries that the roles of `request.door` open, each with its address and whether it is current."""
    door = getattr(request, "door", None)
    if by_link(door):
        return []
    roles = set(getattr(door, "roles", ()) or ())
    counts = getattr(door, "counts", None) or {}
    entries = []
    for section in SECTIONS:
        url = address(section.url_name)
        if not url or not roles & section.roles:
            continue
        entries.append(
            {
                "label": section.label,
                "url_name": section.url_name,
                "url": url,
                "icon": section.icon,
                "current": where(request.path, url),
                "count": counts.get(section.url_name),
            }
        )
    return entries


def where(path: str, url: str) -> str:
    """The value of `aria-current`: "page" on the entry itself, "true" below it, else nothing."""
    if path == url:
        return "page"
    return "true" if url != "/" and path.startswith(url) else ""


def own_structures(memberships: Iterable[Any]) -> list[Any]:
    """Each structure of the memberships once, in their order: one may hold several roles in it."""
    return list({membership.structure.pk: membership.structure for membership in memberships}.values())


POSTING = {
    Verdict.LATE: "Des envois sont en retard de plus de dix minutes.",
    Verdict.STOPPED: "Plus rien ne part depuis plus de dix minutes\u00a0: ni lettre, ni SMS.",
}
"""What is said of letters when all is not well. Dead workers could not write it in a letter."""


def posting(request: HttpRequest) -> dict[str, str] | None:
    """How letters leave, when they do not: for the support on every page, for managers on their home page."""
    user, door = getattr(request, "user", None), getattr(request, "door", None)
    match = request.resolver_match
    # The page of operation says it itself.
    support = is_support(user) and (match is None or match.view_name != "worker:operation")
    at_home = match is not None and match.view_name == "referrals:home"
    if not support and not (at_home and Role.MANAGER in (getattr(door, "roles", None) or ())):
        return None
    words = POSTING.get(Pulse.take(timezone.now()).verdict)
    if words is None:
        return None
    if support:
        return {"words": words, "url": address("worker:operation")}
    return {
        "words": "Envois en retard\u00a0: les lettres et les SMS de Relais partiront plus tard. "
        "Vos fiches sont enregistrées\u202f; appelez vos partenaires pour ce qui presse.",
        "url": "",
    }


def surroundings(request: HttpRequest) -> dict[str, Any]:
    """What `base.html` reads under the name `chrome`."""
    door = getattr(request, "door", None)
    structure = getattr(door, "structure", None)
    user = getattr(request, "user", None)
    account = [
        {"label": label, "url": url, "icon": icon}
        for label, url_name, icon in (
            *(OF_MEMBERS if structure is not None else ()),
            *((("Relances", "referrals:policy_list", "bell"),) if door is not None and door.may("manage") else ()),
            *((("Exploitation", "worker:operation", "activity"),) if is_support(user) else ()),
            ("Mot de passe", "account_change_password", "key-round"),
            ("Double authentification", "mfa_index", "shield-check"),
        )
        if (url := address(url_name))
    ]
    return {
        "home_url": address("referrals:home") or "/",
        "structure": structure,
        "by_link": by_link(door),
        "structures": own_structures(getattr(door, "memberships", None) or ()) if structure else [],
        "find_url": address("referrals:find_anything") if structure and not by_link(door) else "",
        "bell_url": address("referrals:notification_list") if structure and not by_link(door) else "",
        "unread": (getattr(door, "counts", None) or {}).get("referrals:notification_list", 0),
        "switch_url": address("referrals:switch_structure"),
        "account": account,
        "logout_url": address("account_logout"),
        "theme_url": address("theme"),
        "theme": current_theme(request),
        "demo": settings.DEMO,
        "fonts": fonts_are_here(),
        "posting": posting(request) if not by_link(door) else None,
    }


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Give every template `nav` and `chrome`; both are worked out only when a whole page is drawn."""
    return {
        "nav": SimpleLazyObject(lambda: navigation(request)),
        "chrome": SimpleLazyObject(lambda: surroundings(request)),
    }
