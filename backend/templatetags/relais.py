"""The tags and filters of Relais' pages: icons, pills, criteria, dialogs, and French dates and numbers.

Load them with `{% load relais %}`. `docs/screens.md` shows each one.
"""

import functools
import html
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.template.defaultfilters import stringfilter
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

register = template.Library()

MONTHS = (
    "janv.",
    "févr.",
    "mars",
    "avr.",
    "mai",
    "juin",
    "juil.",
    "août",
    "sept.",
    "oct.",
    "nov.",
    "déc.",
)
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")

# state → (colour family of components.css, icon, word shown when the caller gives none)
PILLS = {
    "draft": ("neutral", "pencil-line", "Brouillon"),
    "planned": ("neutral", "calendar", "Prévu"),
    "sent": ("sent", "send", "Envoyée"),
    "redirected": ("sent", "corner-up-right", "Réorientée"),
    "offered": ("accepted", "ticket", "Place proposée"),
    "accepted": ("accepted", "check", "Acceptée"),
    "entered": ("accepted", "door-open", "Entrée dans l’action"),
    "bilan": ("bilan", "file-check", "Bilan rendu"),
    "ended": ("bilan", "flag", "Terminée"),
    "declined": ("declined", "x", "Déclinée"),
    "cancelled": ("declined", "ban", "Annulée"),
    "missed": ("declined", "user-x", "Jamais venue"),
    "expired": ("declined", "timer-off", "Restée sans réponse"),
    "late": ("late", "alarm-clock", "En retard"),
    "waitlisted": ("late", "hourglass", "Liste d’attente"),
    "paused": ("late", "circle-pause", "En pause"),
}

CRITERIA = {
    "met": ("check", "Rempli"),
    "unmet": ("x", "Non rempli"),
    "unknown": ("circle-question-mark", "À vérifier"),
}
LEVELS = {"required": "obligatoire", "priority": "prioritaire", "to_check": "à vérifier"}


@functools.cache
def _drawing(name: str) -> SafeString:
    """What is drawn inside the icon's `<svg>`, without the attributes that our stylesheet gives."""
    source = str(lucide(name, size=None))
    inside = re.sub(r"^<svg[^>]*>|</svg>\s*$", "", source.strip())
    # Safe: it comes from the icon package's own archive, never from a user.
    return mark_safe(re.sub(r"\s*(<|/>|>)\s*", r"\1", inside))  # noqa: S308  # nosec B308 B703


@register.simple_tag
@functools.lru_cache(maxsize=512)
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """Draw a Lucide icon inline.

    Without `label` it is decoration, hidden from screen readers; with one it is an image of that name.
    `css` adds classes. Raises `lucide.IconDoesNotExist` for an unknown name.
    """
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" width="20" height="20" focusable="false" {}>{}</svg>',
        f"icon {css}".strip(),
        format_html('role="img" aria-label="{}"', label) if label else format_html('aria-hidden="{}"', "true"),
        _drawing(name),
    )


@register.inclusion_tag("components/pill.html")
def pill(state: str, label: str = "") -> dict[str, str]:
    """Show a status as an icon and a word. An unknown state is neutral and then needs a `label`."""
    family, icon_name, word = PILLS.get(str(state), ("neutral", "circle-dashed", str(state)))
    return {"family": family, "icon_name": icon_name, "label": label or word}


@register.inclusion_tag("components/criterion.html")
def criterion(answer: Any) -> dict[str, Any]:
    """Show one criterion of an action for a person.

    `answer` (object or dictionary) has `state` ("met", "unmet", "unknown") and `reason`, and may have
    `change` (what would change the answer) and `level` ("required", "priority", "to_check").
    """
    read = answer.get if isinstance(answer, dict) else functools.partial(_attribute, answer)
    state = str(read("state"))
    icon_name, word = CRITERIA[state]
    return {
        "state": state,
        "icon_name": icon_name,
        "word": word,
        "reason": read("reason"),
        "change": read("change") or "",
        "level": LEVELS.get(str(read("level")), ""),
    }


def _attribute(owner: object, name: str) -> Any:
    return getattr(owner, name, None)


@register.simple_block_tag
def dialog(content: str, id: str, title: str) -> str:
    """Wrap a block in a native `<dialog>`; without JavaScript, a link to `#id` opens it as a section."""
    return render_to_string(
        "components/dialog.html", {"dialog_id": id, "dialog_title": title, "dialog_content": content}
    )


@register.simple_block_tag
def capture(content: str) -> str:
    """Keep a rendered block in a variable: `{% capture as name %}…{% endcapture %}`."""
    return content


def _local(value: date | datetime) -> date | datetime:
    """In Paris when the value is aware; dates and naive values stay as they are."""
    if isinstance(value, datetime) and timezone.is_aware(value):
        return timezone.localtime(value)
    return value


@register.filter
def day_text(value: date | datetime | None) -> str:
    """« 20 nov. 2026 », as bare text, for attributes and letters. Empty for `None`."""
    if not value:
        return ""
    value = _local(value)
    number = "1er" if value.day == 1 else str(value.day)
    return f"{number} {MONTHS[value.month - 1]} {value.year}"


@register.filter
def moment_text(value: date | datetime | None) -> str:
    """« 20 nov. 2026 à 14 h 30 », as bare text; a date without a time gives its day."""
    if not isinstance(value, datetime):
        return day_text(value)
    value = timezone.localtime(value) if timezone.is_aware(value) else value
    return f"{day_text(value)} à {value.hour} h {value.minute:02d}"


def _time_tag(value: date | datetime, text: str, title: str = "") -> SafeString:
    local = _local(value)
    written = local.isoformat(timespec="minutes") if isinstance(local, datetime) else local.isoformat()
    if title:
        return format_html('<time datetime="{}" title="{}">{}</time>', written, title, text)
    return format_html('<time datetime="{}">{}</time>', written, text)


@register.filter
def day(value: date | datetime | None) -> str:
    """« 20 nov. 2026 » in a `<time>`, the weekday on hover. Empty for `None`."""
    if not value:
        return ""
    local = _local(value)
    return _time_tag(local.date() if isinstance(local, datetime) else local, day_text(local), WEEKDAYS[local.weekday()])


@register.filter
def moment(value: date | datetime | None) -> str:
    """« 20 nov. 2026 à 14 h 30 » in a `<time>`; a date without a time gives its day. Empty for `None`."""
    if not isinstance(value, datetime):
        return day(value)
    return _time_tag(value, moment_text(value))


@register.filter
def clock(value: datetime) -> str:
    """« 14 h 30 » in a `<time>`, the whole moment on hover."""
    local = timezone.localtime(value)
    return _time_tag(value, f"{local.hour}\u00a0h\u00a0{local.minute:02d}", moment_text(value))


@register.filter
def ago(value: date | datetime | None, now: datetime | None = None) -> str:
    """« il y a 3 jours », « demain », with the full date on hover. Empty for `None`.

    Days are calendar days in Paris: yesterday at 23 h is « hier » at 0 h 10. `now` defaults to the clock.
    """
    if not value:
        return ""
    reference = timezone.localtime(now or timezone.now())
    return _time_tag(value, _distance(_local(value), reference), moment_text(value))


def _distance(value: date | datetime, now: datetime) -> str:
    day_of_value = value.date() if isinstance(value, datetime) else value
    days = (day_of_value - now.date()).days
    if days == 0:
        return _distance_within_a_day(value, now) if isinstance(value, datetime) else "aujourd’hui"
    named = {-1: "hier", -2: "avant-hier", 1: "demain", 2: "après-demain"}
    if days in named:
        return named[days]
    count = abs(days)
    if count < 31:
        length = f"{count} jours"
    elif count < 365:
        length = f"{round(count / 30.44)} mois"
    else:
        years = count // 365
        length = f"{years} an{'s' if years > 1 else ''}"
    return f"dans {length}" if days > 0 else f"il y a {length}"


def _distance_within_a_day(value: datetime, now: datetime) -> str:
    aware = value if timezone.is_aware(value) else timezone.make_aware(value)
    gap = aware - now
    size = abs(gap)
    if size < timedelta(minutes=1):
        return "à l’instant"
    length = f"{size.seconds // 60} min" if size < timedelta(hours=1) else f"{size.seconds // 3600} h"
    return f"dans {length}" if gap > timedelta(0) else f"il y a {length}"


@register.filter
def age(person: Any, on: date | None = None) -> int | None:
    """How old the person is on a day, today in Paris unless told: `{{ person|age:today }}`. `None` if unknown."""
    return person.age(on or timezone.localdate())


@register.filter
def number(value: float | None, decimals: int = 0) -> str:
    """« 10 237 » with French separators; « – » for `None`."""
    if value is None:
        return "–"
    return f"{value:,.{decimals}f}".replace(",", "\u202f").replace(".", ",")


@register.filter
def percent(ratio: float | None, decimals: int = 0) -> str:
    """A ratio from 0 to 1 as « 67 % »; « – » for `None` (no denominator)."""
    if ratio is None:
        return "–"
    return f"{number(ratio * 100, decimals)}\u202f%"


@register.filter(is_safe=True)
@stringfilter
def typo(text: str) -> str:
    """Make the spaces before : ; ? ! % € and inside « » non-breaking, as French print does."""
    text = re.sub(r" ([;?!%€])", "\u202f\\1", text)
    text = re.sub(r" ([:»])", "\u00a0\\1", text)
    return text.replace("« ", "«\u00a0")


def _cell(value: object) -> str:
    if isinstance(value, SafeString):
        return value
    return html.escape(value if isinstance(value, str) else str(localize(value)))


@register.filter
def table_row(cells: Iterable[object]) -> SafeString:
    """The cells of a table's row, the first of them its heading: in one call, since a page can have a thousand."""
    head, *rest = map(_cell, cells)
    return mark_safe(f'<th scope="row">{head}</th>' + "".join(f"<td>{cell}</td>" for cell in rest))  # noqa: S308 (escaped cell by cell)  # nosec B308 B703


@register.filter
def undo_url(message: Message) -> str:
    """The address that undoes what a message announces: its extra tag `undo:/address/`, else nothing.

    Only addresses of this site count: anything with a scheme or a host is left out.
    """
    for tag in (message.extra_tags or "").split():
        if tag.startswith("undo:"):
            address = tag.removeprefix("undo:")
            if address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None):
                return address
    return ""


@register.filter
def first_control(field: Any) -> str:
    """The id of the control that an error message must lead to: for a group, its first one.

    A group without any choice is led to as a whole.
    """
    if not field.use_fieldset:
        return str(field.id_for_label)
    parts = [part.data for part in field.subwidgets]
    if parts and parts[0].get("subwidgets"):
        parts = parts[0]["subwidgets"]
    return str(parts[0]["attrs"].get("id", field.auto_id)) if parts else str(field.auto_id)


@register.simple_tag
def describe(*texts: str) -> SafeString:
    """Join the given texts that are not empty with a middle dot, as in the meta line of a queue row."""
    return format_html_join(" · ", "{}", ((text,) for text in texts if text))
