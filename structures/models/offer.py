"""What the suggestions search: each open action once per need and area, its criteria written as numbers.

Offers are derived: `Offer.objects.rebuild` writes them from the actions, in the transaction that changes these, and
nothing else does. They are laid out for one question, "which actions near here answer these needs, and does this
person meet their criteria?", answered by one range of one index (see docs/adr/0008).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from structures.eligibility.compiled import LAYOUT, LEVELS, column_names, columns
from structures.eligibility.parsing import NATIONWIDE
from structures.geography import EVERYWHERE, KM_PER_DEGREE, Point, area_of_code, cell_of, cells_within
from structures.models.action import Action
from structures.models.commune import Commune
from structures.models.session import Session
from structures.models.structure import Structure
from structures.scales import SCALES, TOLD
from structures.territory import department_of
from structures.vocabulary import CECRL_ORDER, ActionShape, LearnerPublic, NeedTheme

THEMES = tuple(NeedTheme.values)
PUBLICS = tuple(LearnerPublic.values)
CHUNK = 2_000
"""Actions written at a time."""
_gathered: ContextVar[set[int] | None] = ContextVar("gathered", default=None)
"""The actions that changed since `Offer.objects.together()` began."""


def themes_mask(themes: Iterable[str]) -> int:
    """Needs as bits, in the order of the vocabulary."""
    return sum(1 << THEMES.index(theme) for theme in set(themes))


def evaluates(action: Action, theme: str) -> bool:
    """Whether the action is a positionnement or diagnostic that tells the level for this need."""
    if action.shape != ActionShape.POSITIONING or theme not in action.themes:
        return False
    return theme not in TOLD or any(theme in SCALES[code].tells for code in action.scales)


def next_session(action: Action, sessions: Sequence[Session], on: dt.date) -> tuple[Session | None, int | None]:
    """The session to propose and its places left: the first to start that is not full, else one that is running.

    `sessions` are the current ones, the first to start first. Without any, the action itself is counted.
    """
    if not sessions:
        return None, action.places_left
    coming = [session for session in sessions if session.starts_on >= on]
    ordered = coming or sessions
    chosen = next((session for session in ordered if session.places_left != 0), ordered[0])
    return chosen, chosen.places_left


class OfferQuerySet(models.QuerySet["Offer"]):
    """Writes and finds offers."""

    def rebuild(self, actions: Iterable[int] | None = None, *, on: dt.date) -> int:
        """Write the offers of these actions again (of all when left out), as they stand on a day; return how many.

        In one transaction, in bounded memory. A withdrawn action, or one of a closed structure, has none.
        """
        published = Action.objects.published()
        written = 0
        with transaction.atomic():
            if actions is not None:
                for ids in _batches(sorted(set(actions))):
                    self.filter(action__in=ids).delete()
                    written += _write(list(published.filter(pk__in=ids).order_by("pk")), on)
                return written
            self.all().delete()
            for chunk in _chunks(published.order_by("pk")):
                written += _write(chunk, on)
            # Neighbours that answer the same need then stand side by side on disk, and are read together.
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute(f"CLUSTER {Offer._meta.db_table} USING offer_by_need_and_area")
                cursor.execute(f"ANALYZE {Offer._meta.db_table}")
        return written

    @contextmanager
    def together(self, *, on: dt.date) -> Iterator[None]:
        """Write the offers of all the actions that change in this block once, at its end, in one transaction."""
        with transaction.atomic():
            gathered: set[int] = set()
            token = _gathered.set(gathered)
            try:
                yield
            finally:
                _gathered.reset(token)
            self.rebuild(gathered, on=on)

    def serving(self, commune: Commune, km: float) -> OfferQuerySet:
        """Those in the neighbourhood of a commune, or that serve its territory from afar."""
        codes = [commune.code, department_of(commune.code), commune.epci]
        point = Point(commune.latitude, commune.longitude)
        areas = [EVERYWHERE, *(area_of_code(code) for code in codes if code), *cells_within(point, km)]
        span = models.Q(latitude__isnull=True) | models.Q(is_remote=True)
        north, east = km / KM_PER_DEGREE, km / KM_PER_DEGREE / point.narrowing
        square = models.Q(
            latitude__range=(point.latitude - north, point.latitude + north),
            longitude__range=(point.longitude - east, point.longitude + east),
        )
        return self.filter(span | square, area__in=areas)

    def outdated(self, on: dt.date) -> OfferQuerySet:
        """Those whose session has begun, or is over, since they were written."""
        return self.filter(models.Q(next_start__lt=on, is_running=False) | models.Q(running_until__lt=on))

    def unreadable(self) -> OfferQuerySet:
        """Those that were written with another layout of the vocabulary."""
        return self.exclude(layout=LAYOUT)


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def _write(actions: Sequence[Action], on: dt.date) -> int:
    # All rows first: while they are copied, the connection can ask nothing else.
    return _copy(list(_offers(actions, on))) if actions else 0


def _chunks(actions: models.QuerySet[Action]) -> Iterator[list[Action]]:
    last = 0
    while found := list(actions.filter(pk__gt=last)[:CHUNK]):
        yield found
        last = found[-1].pk


def _point(action: Action, communes: dict[str, Commune]) -> Point | None:
    if action.latitude is not None and action.longitude is not None:
        return Point(action.latitude, action.longitude)
    commune = communes.get(action.commune_code)
    return Point(commune.latitude, commune.longitude) if commune else None


def _areas(action: Action, point: Point | None) -> list[tuple[int, int | None]]:
    """Where an action is looked up, and the cell in which it is found already.

    One that is given in a place: the cell of the place, or its département when the place is not known. One that is
    given at a distance: its territory, or everywhere.
    """
    cell = cell_of(point) if point else None
    in_person = action.modes_accueil != ["a-distance"]
    found: list[tuple[int, int | None]] = []
    if in_person:
        if cell is not None:
            found.append((cell, None))
        elif action.commune_code:
            found.append((area_of_code(department_of(action.commune_code)), None))
        else:
            found.append((EVERYWHERE, None))
    if "a-distance" in action.modes_accueil:
        # Found by its place already: the cell tells, so that it is not found twice.
        also_in = cell if in_person else None
        codes = [] if NATIONWIDE & set(action.zone_eligibilite) else action.zone_eligibilite
        found += [(area_of_code(code), also_in) for code in codes] or [(EVERYWHERE, also_in)]
    return list(dict.fromkeys(found))


def _copy(rows: Sequence[dict[str, Any]]) -> int:
    """Write rows by COPY, which costs a tenth of inserting them; return how many."""
    names = [field.attname for field in Offer._meta.concrete_fields if not field.primary_key]
    order = f"COPY {Offer._meta.db_table} ({', '.join(names)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(order) as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])
    return len(rows)


def _offers(actions: Sequence[Action], on: dt.date) -> Iterator[dict[str, Any]]:
    """The rows of these actions, as they stand on a day."""
    communes = Commune.objects.in_bulk({action.commune_code for action in actions if action.commune_code})
    sessions: dict[int, list[Session]] = defaultdict(list)
    for session in Session.objects.filter(action__in=actions).current(on):
        sessions[session.action_id].append(session)
    dated = set(Session.objects.filter(action__in=actions).order_by().values_list("action", flat=True).distinct())
    for action in actions:
        yield from _offers_of(action, sessions[action.pk], action.pk in dated, _point(action, communes), on)


def _offers_of(
    action: Action, sessions: Sequence[Session], is_dated: bool, point: Point | None, on: dt.date
) -> Iterator[dict[str, Any]]:
    session, places_left = next_session(action, sessions, on)
    is_remote = "a-distance" in action.modes_accueil
    if action.modes_accueil == ["a-distance"]:
        point = None
    shared: dict[str, Any] = {
        "action_id": action.pk,
        "themes": themes_mask(action.themes),
        "evaluates": themes_mask(theme for theme in action.themes if evaluates(action, theme)),
        "is_positioning": action.shape == ActionShape.POSITIONING,
        "level_in": CECRL_ORDER.index(action.level_in) if action.level_in else None,
        "learner_publics": sum(1 << PUBLICS.index(public) for public in set(action.learner_publics)),
        "latitude": point.latitude if point else None,
        "longitude": point.longitude if point else None,
        "is_remote": is_remote,
        "is_paid": action.frais == "payant",
        "paused_until": action.paused_until,
        "confirmed_on": action.confirmed_on,
        "is_dated": is_dated,
        "session_id": session.pk if session else None,
        "next_start": session.starts_on if session else None,
        "is_running": session is not None and session.starts_on < on,
        "running_until": session.ends_on if session else None,
        "places_left": places_left,
        "layout": LAYOUT,
        **columns(action.conditions()),
    }
    for rank, (area, cell) in enumerate(_areas(action, point)):
        for theme in dict.fromkeys(action.themes):
            yield {**shared, "theme": THEMES.index(theme), "area": area, "cell": cell, "is_first": rank == 0}


class Offer(models.Model):
    """One action under one of its needs in one area, with all that decides and ranks it in a few numbers."""

    action = models.ForeignKey(Action, models.CASCADE, related_name="offers", verbose_name="action")
    theme = models.SmallIntegerField("besoin (rang)")
    area = models.BigIntegerField("secteur")
    cell = models.IntegerField("maille où elle est aussi proposée sur place", null=True)
    is_first = models.BooleanField("premier secteur")
    is_remote = models.BooleanField("à distance")
    themes = models.IntegerField("besoins")
    evaluates = models.IntegerField("besoins évalués")
    is_positioning = models.BooleanField("positionnement")
    level_in = models.SmallIntegerField("niveau à l’entrée (rang)", null=True)
    learner_publics = models.SmallIntegerField("publics de formation")
    latitude = models.FloatField("latitude", null=True)
    longitude = models.FloatField("longitude", null=True)
    is_paid = models.BooleanField("payante")
    paused_until = models.DateField("complet jusqu’au", null=True)
    confirmed_on = models.DateField("confirmée le", null=True)
    is_dated = models.BooleanField("en sessions")
    session = models.ForeignKey(
        Session, models.SET_NULL, null=True, related_name="offers", verbose_name="session proposée"
    )
    next_start = models.DateField("début de la session proposée", null=True)
    is_running = models.BooleanField("session en cours")
    running_until = models.DateField("fin de la session proposée", null=True)
    places_left = models.SmallIntegerField("places restantes", null=True)
    layout = models.IntegerField("disposition")

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = "offre"
        ordering = ["id"]
        indexes = [models.Index(fields=["theme", "area"], name="offer_by_need_and_area")]

    def __str__(self) -> str:
        return f"{self.action_id}, {THEMES[self.theme]}"


def _column(name: str) -> models.Field[Any, Any]:
    """The field of one of the columns of `structures.eligibility.compiled`."""
    if "_refused_" in name:
        return models.BigIntegerField(name)
    if name.endswith("_places"):
        return ArrayField(models.CharField(max_length=9), verbose_name=name, null=True)
    if name.endswith("_qpv"):
        return models.BooleanField(name, null=True)
    if name.endswith(("_count", "_manual")):
        return models.SmallIntegerField(name)
    if name.endswith("_asked"):
        return models.IntegerField(name)
    wide = name.endswith(("_statuses", "_publics", "_half_days"))
    return models.IntegerField(name, null=True) if wide else models.SmallIntegerField(name, null=True)


for _level in LEVELS:
    for _name in column_names(_level):
        Offer.add_to_class(_name, _column(_name))


def _follow(*actions: int) -> None:
    gathered = _gathered.get()
    if gathered is None:
        Offer.objects.rebuild(actions, on=timezone.localdate())
    else:
        gathered.update(actions)


@receiver(post_save, sender=Action)
def follow_action(instance: Action, **kwargs: Any) -> None:
    """An action that is saved has its offers written again, in the same transaction."""
    _follow(instance.pk)


@receiver(post_save, sender=Session)
def follow_session(instance: Session, **kwargs: Any) -> None:
    """So has the action of a session that is saved."""
    _follow(instance.action_id)


@receiver(post_delete, sender=Session)
def follow_removed_session(instance: Session, origin: Any, **kwargs: Any) -> None:
    """And that of a session that is removed, unless the action goes with it."""
    removed = origin.model if isinstance(origin, models.QuerySet) else type(origin)
    if removed is Session:
        _follow(instance.action_id)


@receiver(post_save, sender=Structure)
def follow_structure(instance: Structure, created: bool, **kwargs: Any) -> None:
    """And those of a structure, which may have been closed or opened."""
    if not created:
        _follow(*Action.objects.filter(structure=instance).order_by("pk").values_list("pk", flat=True))
