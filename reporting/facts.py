"""Writes the facts and what they add up to, from the rows of the case: on the way for what changed, or all again.

A fact is what the conditions of `reporting.indicators` say of a row today. Nobody but the one who holds the lock
writes here, so that two verbs never wait for each other over a figure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast
from uuid import UUID, uuid4

from django.contrib.postgres.aggregates import BitOr
from django.db import connection, transaction
from django.db.models import (
    BigIntegerField,
    Case,
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    SmallIntegerField,
    Subquery,
    UUIDField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, TruncDate
from django.utils import timezone

from referrals.deadlines import add_months
from referrals.models import Exit, FollowUp, FollowUpMonths, Need, Referral
from referrals.states import UnmetReason
from reporting.boxes import BILAN_BOXES, CHECK_DIGITS, EXIT_BOXES, FICHE_BOXES
from reporting.delays import WorkingCalendar, WorkingDayNumber
from reporting.indicators import Indicator
from reporting.models import Age, Subject, Wait
from structures.vocabulary import Cecrl, NeedTheme, Programme, Quartier, Sex

LINKS = Referral.needs.through
LOCK = 0x52_46_41_43
"""The advisory lock of whoever writes facts."""
EPOCH = dt.date(2000, 1, 1)
"""The first day that figures know."""
AT_ONCE = 2_000
"""Changes that are counted in one transaction."""

COLUMNS = (
    *("source", "subject", "day", "box", "wait", "days", "person", "sender", "receiver", "action", "themes"),
    *("programmes", "quartier", "qpv", "sex", "age", "level", "is_protected", "left_for", "previous", "span"),
)
NAMES = ", ".join(COLUMNS)
THEMES, PROGRAMMES = tuple(NeedTheme.values), tuple(Programme.values)
REASONS_OF_NEED = tuple(UnmetReason.values)
NEED_CODES = 32
"""A need's box: the place of its theme times this, plus the place of its reason (from 1; 0 when it is not unmet)."""
BANDS = ((18, Age.MINOR), (26, Age.YOUNG), (35, Age.UP_TO_34), (45, Age.UP_TO_44), (55, Age.UP_TO_54))
"""The first age that a band no longer holds."""


@lru_cache(maxsize=2)
def _calendar(year: int) -> WorkingCalendar:
    return WorkingCalendar.between(EPOCH, dt.date(year, 12, 31))


def calendar_of(now: dt.datetime) -> WorkingCalendar:
    """Every day that a delay can begin or end on, up to the end of the next year."""
    return _calendar(timezone.localdate(now).year + 1)


def _small(value: int) -> Value:
    return Value(value, SmallIntegerField())


def _place(field: str, values: Iterable[Any]) -> Case:
    """The place of a field's value in its closed list, from 1; 0 when it is none of them."""
    places = [When(**{field: value}, then=_small(place)) for place, value in enumerate(values, start=1)]
    return Case(*places, default=_small(0), output_field=SmallIntegerField())


def _mask(field: str, values: Sequence[str]) -> Any:
    """The values of an array as bits."""
    bits: Any = Value(0, IntegerField())
    for place, value in enumerate(values):
        bits = bits + Case(When(**{f"{field}__contains": [value]}, then=Value(1 << place)), default=Value(0))
    return ExpressionWrapper(bits, IntegerField())


def _box(numbered: Mapping[int, Indicator]) -> Case:
    whens = [When(one.counts, then=_small(number)) for number, one in numbered.items()]
    return Case(*whens, default=_small(0), output_field=SmallIntegerField())


def _or_of_links(links: QuerySet, by: str, bits: Any) -> Any:
    return Coalesce(Subquery(links.order_by().values(by).annotate(mask=BitOr(bits)).values("mask")), 0)


def _of_person(person: str, day: Any) -> dict[str, Any]:
    """What a person adds to a fact: where they live, who they are, as coarse as the filters."""
    born = F(f"{person}birth_date")
    years = Func(day, born, template="extract(year FROM age(%(expressions)s))::int", output_field=IntegerField())
    bands = [When(years_old__lt=limit, then=_small(band)) for limit, band in BANDS]
    return {
        "years_old": years,
        "quartier": _place(f"{person}quartier", Quartier.values),
        "qpv": _place(f"{person}in_qpv", (True, False)),
        "sex": _place(f"{person}sex", Sex.values),
        "level": _place(f"{person}french_oral", Cecrl.values),
        "age": Case(
            When(**{f"{person}birth_date": None}, then=_small(Age.UNKNOWN)),
            *bands,
            default=_small(Age.SENIOR),
            output_field=SmallIntegerField(),
        ),
    }


def _of_fiche(fiche: str, key: str, left_for: str) -> dict[str, Any]:
    """What a fiche adds to a fact about it; `key` is the column that holds it, `left_for` that of its exit's kind."""
    links = LINKS.objects.filter(referral_id=OuterRef(key))
    bit = Case(*[When(need__theme=theme, then=Value(1 << place)) for place, theme in enumerate(THEMES)])
    return {
        "source": F(key),
        "person_key": F(f"{fiche}person_id"),
        "sender_key": F(f"{fiche}sender_id"),
        "receiver_key": F(f"{fiche}receiver_id"),
        "action_key": F(f"{fiche}action_id"),
        "themes": _or_of_links(links, "referral_id", bit),
        "programmes": _mask(f"{fiche}action__programmes", PROGRAMMES),
        "is_protected": F(f"{fiche}receiver__is_sensitive"),
        "left_for": _place(left_for, EXIT_BOXES.values()),
    }


NO_DAYS = {"wait": Cast(Value(None), SmallIntegerField()), "days": Cast(Value(None), IntegerField())}
NO_SPAN = {"span": Cast(Value(None), IntegerField())}
NO_STEP = NO_SPAN | {"previous": Cast(Value(None), UUIDField())}
NAMED = {"person": "person_key", "sender": "sender_key", "receiver": "receiver_key", "action": "action_key"}
"""Columns whose names are those of a relation, too."""


def _rows(rows: QuerySet, subject: Subject, *steps: dict[str, Any]) -> QuerySet:
    """The facts of these rows, column by column."""
    rows = rows.order_by().annotate(subject=_small(subject))
    for step in steps:
        plain = {name: value for name, value in step.items() if name != "age"}
        rows = rows.annotate(**plain)
        if "age" in step:
            rows = rows.annotate(age=step["age"])
    return rows.values_list(*(NAMED.get(name, name) for name in COLUMNS))


def _between(start: Any, end: Any) -> Func:
    """The days from one date to another; null while one is missing."""
    return Func(end, start, template="(%(expressions)s)", arg_joiner=" - ", output_field=IntegerField())


def _fiches(now: dt.datetime) -> QuerySet:
    day = TruncDate("sent_at", output_field=DateField())
    since = TruncDate(Coalesce("reopened_at", "sent_at"), output_field=DateField())
    calendar = calendar_of(now)

    until = TruncDate(Coalesce("answered_at", "closed_at"), output_field=DateField())
    ends = {
        "wait": Case(
            When(answered_at__isnull=False, then=_small(Wait.ANSWERED)),
            When(closed_at__isnull=False, then=_small(Wait.CLOSED)),
            default=_small(Wait.WAITING),
        ),
        "days": Case(
            When(
                Q(answered_at__isnull=False) | Q(closed_at__isnull=False),
                then=WorkingDayNumber(until, calendar) - WorkingDayNumber(since, calendar),
            ),
            default=_between(Value(EPOCH), since),
            output_field=IntegerField(),
        ),
    }
    about = {"day": day, "box": _box(FICHE_BOXES)}
    step = {
        "span": _between(day, F("entered_on")),
        "previous": Coalesce("redirected_from_id", "opened_by__referral_id", "opened_after__referral_id"),
    }
    fiche = _of_fiche("", "pk", "exit__kind")
    return _rows(Referral.objects.sent(), Subject.FICHE, about, ends, fiche, step, _of_person("person__", day))


def _bilans() -> QuerySet:
    rows = Referral.objects.sent().filter(bilan_due_on__isnull=False, entered_on__isnull=False)
    about = {"day": F("bilan_due_on"), "box": _box(BILAN_BOXES)}
    person = _of_person("person__", F("bilan_due_on"))
    return _rows(rows, Subject.BILAN, about, NO_DAYS, _of_fiche("", "pk", "exit__kind"), NO_STEP, person)


def _exits() -> QuerySet:
    about = {"day": F("on"), "box": _place("kind", EXIT_BOXES.values())}
    person = _of_person("referral__person__", F("on"))
    rows = Exit.objects.filter(referral__sent_at__isnull=False)
    fiche = _of_fiche("referral__", "referral_id", "kind")
    step = NO_STEP | {"span": _between(F("referral__entered_on"), F("on"))}
    return _rows(rows, Subject.EXIT, about, NO_DAYS, fiche, step, person)


def _checks() -> QuerySet:
    digits: Any = _small(0)
    for field, (weight, values) in CHECK_DIGITS.items():
        digits = digits + _place(field, values) * weight
    about = {"day": F("due_on"), "box": ExpressionWrapper(digits, SmallIntegerField())}
    person = _of_person("referral__person__", F("due_on"))
    rows = FollowUp.objects.filter(months=FollowUpMonths.SIX, referral__sent_at__isnull=False)
    fiche = _of_fiche("referral__", "referral_id", "exit__kind")
    return _rows(rows, Subject.CHECK, about, NO_DAYS, fiche, NO_STEP, person)


def _needs() -> QuerySet:
    day = TruncDate("created_at", output_field=DateField())
    links = LINKS.objects.filter(need_id=OuterRef("pk"), referral__sent_at__isnull=False)
    unmet = Q(closed_at__isnull=True, answered=False, running=False)
    # By its place in an array: the reason is a subquery, and would be run for each value it is compared with.
    reason = Func(
        Value(list(REASONS_OF_NEED)),
        F("offer_fault"),
        template="COALESCE(array_position(%(expressions)s), 0)",
        arg_joiner="::varchar[], ",
        output_field=IntegerField(),
    )
    theme = Case(*[When(theme=theme, then=Value(place)) for place, theme in enumerate(THEMES)])
    rows: Any = Need.objects.of_standing_files().with_outcome()
    about = {
        "source": F("pk"),
        "day": day,
        "box": ExpressionWrapper(
            theme * NEED_CODES + Case(When(unmet, then=reason), default=Value(0), output_field=IntegerField()),
            IntegerField(),
        ),
        "person_key": F("person_id"),
        "sender_key": F("structure_id"),
        "receiver_key": Cast(Value(None), UUIDField()),
        "action_key": Cast(Value(None), BigIntegerField()),
        "themes": Case(*[When(theme=theme, then=Value(1 << place)) for place, theme in enumerate(THEMES)]),
        "programmes": _or_of_links(links, "need_id", _mask("referral__action__programmes", PROGRAMMES)),
        "is_protected": Exists(links.filter(referral__receiver__is_sensitive=True)),
        "left_for": _small(0),
    }
    return _rows(rows, Subject.NEED, about, NO_DAYS, NO_STEP, _of_person("person__", day))


def subjects(now: dt.datetime) -> dict[Subject, tuple[QuerySet, str]]:
    """The rows of each subject as facts, with the field that says which fiche, or need, they are about."""
    return {
        Subject.FICHE: (_fiches(now), "pk"),
        Subject.BILAN: (_bilans(), "pk"),
        Subject.EXIT: (_exits(), "referral_id"),
        Subject.CHECK: (_checks(), "referral_id"),
        Subject.NEED: (_needs(), "pk"),
    }


def fresh(now: dt.datetime, fiches: Sequence[UUID], needs: Sequence[UUID]) -> tuple[str, list[Any]]:
    """SQL for the facts of these fiches and needs as they are now, with its parameters."""
    parts: list[str] = []
    params: list[Any] = []
    for subject, (rows, key) in subjects(now).items():
        ids = needs if subject == Subject.NEED else fiches
        sql, given = rows.filter(**{f"{key}__in": ids}).query.sql_with_params() if ids else ("", ())
        if sql:
            parts.append(f"({sql})")
            params += given
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS fresh ({NAMES})", params


# --- What facts add up to ----------------------------------------------------------------------------------------

MEASURES = """
    (VALUES (f.subject::int, f.box::int),
            (CASE WHEN f.wait IS NOT NULL THEN 5 + f.wait WHEN f.subject = 5 AND mod(f.box, 32) > 0 THEN 9 END,
             COALESCE(f.days, f.quartier * 4 + f.qpv)),
            (CASE WHEN f.subject = 4 AND mod(f.box / 100, 10) > 0 THEN 10 END,
             f.left_for * 10 + mod(f.box / 100, 10))) AS m (measure, code)
"""
"""What one fact counts as: its box; the end of its wait, or where an unmet need is; what an answer says, after which
exit."""

ANSWERED_AFTER, CLOSED_AFTER, WAITING_SINCE, UNMET_PLACE, NEWS = 6, 7, 8, 9, 10
"""The measures beside the boxes, whose numbers are those of the subjects."""

ALL, QPV, QUARTIER, SEX, AGE, LEVEL, PROTECTED, THEME, PROGRAMME = range(9)
"""The dimensions by which cells are kept: everything, or one filter at a time."""

MONTHLY = 16
"""Added to a dimension: its cells of whole months, each on the first day."""

CUTS = f"""
    (VALUES ({ALL}, 0), ({QPV}, f.qpv::int), ({QUARTIER}, f.quartier::int), ({SEX}, f.sex::int), ({AGE}, f.age::int),
            ({LEVEL}, f.level::int), ({PROTECTED}, f.is_protected::int)
     UNION ALL SELECT {THEME}, i FROM generate_series(0, {len(THEMES) - 1}) i WHERE f.themes & (1 << i) > 0
     UNION ALL SELECT {PROGRAMME}, i FROM generate_series(0, {len(PROGRAMMES) - 1}) i
      WHERE f.programmes & (1 << i) > 0) AS c (cut, value)
"""

ADD_CELLS = f"""
    INSERT INTO reporting_cell AS t (cut, value, day, measure, code, n)
    SELECT g.more + c.cut, c.value, g.day, m.measure, m.code, {{sign}} * count(*)
      FROM {{facts}} f CROSS JOIN LATERAL {MEASURES} CROSS JOIN LATERAL {CUTS} CROSS JOIN LATERAL {{grains}}
     WHERE m.measure IS NOT NULL
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (cut, value, day, measure, code) DO UPDATE SET n = t.n + excluded.n
"""

DAYS = "(VALUES (0, f.day)) AS g (more, day)"
DAYS_AND_MONTHS = f"(VALUES (0, f.day), ({MONTHLY}, date_trunc('month', f.day)::date)) AS g (more, day)"

ADD_MONTH = f"""
    INSERT INTO reporting_cell (cut, value, day, measure, code, n)
    SELECT {MONTHLY} + cut, value, %s, measure, code, sum(n) FROM reporting_cell
     WHERE cut < {MONTHLY} AND day >= %s AND day < %s GROUP BY 1, 2, 4, 5 ORDER BY 1, 2, 4, 5
"""

ADD_VOLUMES = """
    INSERT INTO reporting_volume AS t (receiver, month, n)
    SELECT f.receiver, date_trunc('month', f.day)::date, {sign} * count(*)
      FROM {facts} f WHERE f.subject = 1 GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (month, receiver) DO UPDATE SET n = t.n + excluded.n
"""

RAISE_MOST = """
    INSERT INTO reporting_most AS t (subject, n)
    SELECT subject, max(n) FROM (
        SELECT f.subject, count(*) AS n FROM reporting_fact f WHERE {which} GROUP BY f.subject, f.person
    ) AS each_person GROUP BY subject
    ON CONFLICT (subject) DO UPDATE SET n = GREATEST(t.n, excluded.n)
"""


def expand(pairs: Iterable[tuple[UUID | None, UUID | None]]) -> tuple[list[UUID], list[UUID]]:
    """The fiches and the needs behind lines of the queue: what a fiche answers changes with it."""
    fiches: set[UUID] = set()
    needs: set[UUID] = set()
    for fiche, need in pairs:
        fiches |= {fiche} if fiche else set()
        needs |= {need} if need else set()
    if fiches:
        needs |= set(LINKS.objects.filter(referral_id__in=fiches).values_list("need_id", flat=True))
    return sorted(fiches), sorted(needs)


def _take(cursor: Any, most: int) -> list[tuple[UUID | None, UUID | None]]:
    cursor.execute(
        "DELETE FROM reporting_pending WHERE id IN (SELECT id FROM reporting_pending ORDER BY id LIMIT %s)"
        " RETURNING fiche, need",
        [most],
    )
    return cast("list[tuple[UUID | None, UUID | None]]", cursor.fetchall())


def fold(now: dt.datetime, most: int = AT_ONCE) -> int:
    """Bring the facts of the first changes in the queue up to date, with their cells; return how many were taken.

    In one transaction: a page reads them either before, with the queue, or after, without. 0 when someone else writes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        # Taken before the rows are read: what changes from here on has a line of its own, which stays.
        taken = _take(cursor, most)
        if not taken:
            return 0
        fiches, needs = expand(taken)
        changed = fiches + needs
        _count(cursor, "DELETE FROM reporting_fact WHERE source = ANY(%s)", [changed], sign=-1)
        sql, params = fresh(now, fiches, needs)
        _count(cursor, f"INSERT INTO reporting_fact ({NAMES}) {sql}", params, sign=1)  # nosec B608: the ORM's own
        which = "f.person IN (SELECT person FROM reporting_fact WHERE source = ANY(%s))"
        cursor.execute(RAISE_MOST.format(which=which), [changed])
        cursor.execute("DELETE FROM reporting_cell WHERE n = 0")
    return len(taken)


def _count(cursor: Any, write: str, params: Sequence[Any], *, sign: int) -> None:
    """Remove or add facts, and what they add up to."""
    cells = ADD_CELLS.format(sign=sign, facts="changed", grains=DAYS_AND_MONTHS)
    volumes = ADD_VOLUMES.format(sign=sign, facts="changed")
    cursor.execute(f"WITH changed AS ({write} RETURNING *), cells AS ({cells}) {volumes}", params)  # nosec B608: constants


def fold_all(now: dt.datetime) -> int:
    """Count all that waits in the queue, some at a time; return how many changes that was."""
    counted = 0
    while taken := fold(now):
        counted += taken
    return counted


def outlive(persons: Sequence[UUID], now: dt.datetime) -> int:
    """Cut the facts of these persons loose, before the files are deleted in the same transaction; return how many.

    They stay counted for good: in the month of their day, under keys that are drawn here, lead to nobody, and still
    tell one person from another and which fiche followed which. What is anonymised without being deleted stays
    counted by itself.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        fold_all(now)
        drawn = {person: uuid4() for person in persons}
        _add_up(cursor, "f.person = ANY(%s)", [list(drawn)], sign=-1)
        cursor.execute(
            """
            WITH people AS MATERIALIZED (SELECT * FROM unnest(%s::uuid[], %s::uuid[]) AS p (old, fresh)),
                 files AS MATERIALIZED (
                     SELECT source AS old, gen_random_uuid() AS fresh
                       FROM (SELECT DISTINCT source FROM reporting_fact WHERE person = ANY(%s)) AS each)
            UPDATE reporting_fact f
               SET outlived = true, day = date_trunc('month', f.day)::date, source = s.fresh, person = p.fresh,
                   previous = (SELECT fresh FROM files WHERE old = f.previous)
              FROM people p, files s WHERE p.old = f.person AND s.old = f.source
            """,
            [list(drawn), list(drawn.values()), list(drawn)],
        )
        cut = int(cursor.rowcount)
        _add_up(cursor, "f.person = ANY(%s)", [list(drawn.values())], sign=1)
        cursor.execute("DELETE FROM reporting_cell WHERE n = 0")
    return cut


def _add_up(cursor: Any, which: str, params: Sequence[Any], *, sign: int) -> None:
    """Add facts to the cells and volumes, or take them away."""
    facts = f"(SELECT * FROM reporting_fact f WHERE {which})"
    for add, grains in ((ADD_CELLS, {"grains": DAYS_AND_MONTHS}), (ADD_VOLUMES, {})):
        cursor.execute(add.format(sign=sign, facts=facts, **grains), params)


def rebuild(now: dt.datetime) -> Iterator[tuple[str, int]]:
    """Write everything again from the case; yield each step done with its number of rows.

    One transaction, all of it inside PostgreSQL: pages read the former figures until it is over. Facts that outlived
    their fiche stay.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute("DELETE FROM reporting_pending")
        cursor.execute("DELETE FROM reporting_fact WHERE NOT outlived")
        for table in ("cell", "volume", "most"):
            cursor.execute(f"DELETE FROM reporting_{table}")
        for subject, (rows, _) in subjects(now).items():
            sql, params = rows.query.sql_with_params()
            cursor.execute(
                f"INSERT INTO reporting_fact ({NAMES}) SELECT * FROM ({sql}) AS fresh ({NAMES}) ORDER BY day",
                params,
            )
            yield str(subject.label), cursor.rowcount
        cursor.execute("ANALYZE reporting_fact")
        cursor.execute("SELECT DISTINCT date_trunc('month', day)::date FROM reporting_fact ORDER BY 1")
        for (month,) in cursor.fetchall():
            after = add_months(month, 1)
            month_of = f"(SELECT * FROM reporting_fact WHERE day >= DATE '{month}' AND day < DATE '{after}')"
            cursor.execute(ADD_CELLS.format(sign=1, facts=month_of, grains=DAYS))
            cells = cursor.rowcount
            cursor.execute(ADD_MONTH, [month, month, after])
            cursor.execute(ADD_VOLUMES.format(sign=1, facts=month_of))
            yield f"{month:%m/%Y}", cells
        cursor.execute(RAISE_MOST.format(which="TRUE"))
        cursor.execute("ANALYZE reporting_cell, reporting_volume")
