"""Dates and lists inside French sentences (pages have the filters of `relais`; sentences are built here)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils import dateformat, timezone


def day_words(day: dt.date, *, with_year: bool = True) -> str:
    """« 20 novembre 2026 », « 1er mai 2026 »; « 20 novembre » without its year."""
    text = dateformat.format(day, "j F Y" if with_year else "j F")
    return f"1er {text[2:]}" if day.day == 1 else text


def moment_words(moment: dt.datetime, *, with_year: bool = True) -> str:
    """« 20 novembre 2026 à 14 h 30 », in local time; the hour never breaks over two lines."""
    local = timezone.localtime(moment)
    return f"{day_words(local.date(), with_year=with_year)} à {local.hour}\u00a0h\u00a0{local.minute:02d}"


def weekday_moment_words(moment: dt.datetime, *, with_year: bool = True) -> str:
    """« vendredi 20 novembre 2026 à 14 h 30 », in local time."""
    weekday = dateformat.format(timezone.localtime(moment), "l")
    return f"{weekday} {moment_words(moment, with_year=with_year)}"


def distance_words(moment: dt.datetime, now: dt.datetime) -> str:
    """« à l’instant », « il y a 2 min », « il y a 3 h », then the moment itself."""
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "à l’instant"
    if seconds < 3600:
        return f"il y a {int(seconds // 60)} min"
    if seconds < 86400:
        return f"il y a {int(seconds // 3600)} h"
    return f"le {moment_words(moment)}"


def listed(words: Iterable[str]) -> str:
    """« a, b et c »; empty without words."""
    *head, last = list(words) or [""]
    return f"{', '.join(head)} et {last}" if head else last


def lower_first(text: str) -> str:
    """The same with a small first letter, to go on a sentence; « PIMMS » and « A1 » keep theirs, « À six » does not."""
    return text if text[1:2].isupper() or text[1:2].isdigit() else text[:1].lower() + text[1:]
