"""Two files about one person become one, and can be parted again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q

from referrals.models.event import Actor, Event, EventKind
from referrals.models.known import Known
from referrals.models.need import Need
from referrals.models.person import Person, Resemblance
from structures.models import Structure
from structures.models.keeping import differing, kept, read_back

UNDO_FOR = dt.timedelta(days=30)
"""How long a merge can be undone."""

REFUSALS = {
    "same": "Ces deux fiches sont la même.",
    "foreign": "Seule la structure qui a enregistré les deux personnes peut réunir leurs fiches.",
    "changed": "Une des deux fiches a changé entre-temps : rien n’a été réuni. Vérifiez à nouveau.",
    "state": "Ces fiches ont déjà été réunies, ou séparées : voici où elles en sont.",
    "late": "Ces fiches ont été réunies il y a plus de 30 jours : elles ne peuvent plus être séparées.",
    "since": "Cette fiche a elle-même été réunie à une autre depuis : séparez d’abord ces deux-là.",
}


class CannotMerge(Exception):
    """Nothing was written. `code` is a key of `REFUSALS`; the message is a sentence for the reader."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(REFUSALS[code])


def version_of(one: Person, other: Person) -> str:
    """What two files were when they were looked at."""
    return " ".join(sorted(f"{person.pk}@{person.updated_at.isoformat()}" for person in (one, other)))


Column = tuple[type[models.Model], str]
_FILES: tuple[Column, ...] = ((Person, "merged_into"),)


def _about_a_person() -> Iterator[Column]:
    """Every table that is about a person, with its column: all of them follow the person.

    The journal is append-only and keeps what it said; who is known to whom follows by itself; a pair of files and a
    merge are about the files themselves.
    """
    apart = (Event, Known, Resemblance, PersonMerge, Person)
    for relation in Person._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ManyToOneRel) and not issubclass(relation.related_model, apart):
            yield relation.related_model, relation.field.name


class PersonMergeQuerySet(models.QuerySet["PersonMerge"]):
    """Questions about many merges. Start from `Door.merges()` on screens."""

    def standing(self) -> PersonMergeQuerySet:
        """The merges that were not undone."""
        return self.filter(undone_at=None)

    def merge(
        self, keep: Person, lose: Person, actor: Actor, now: dt.datetime, *, values: Mapping[str, Any], seen: str
    ) -> PersonMerge:
        """Make one file of two: `keep` takes the `values` chosen and all that is about `lose`, which only points at it.

        `seen` is the `version_of` the two files that was looked at. Raises `CannotMerge`: the same file, another
        structure's, changed since, or merged already (of two merges at once, one wins).
        """
        if keep.pk == lose.pk:
            raise CannotMerge("same")
        try:
            with transaction.atomic():
                return self._merge(keep, lose, actor, now, values=values, seen=seen)
        except IntegrityError as error:
            raise CannotMerge("changed") from error

    def _merge(
        self, keep: Person, lose: Person, actor: Actor, now: dt.datetime, *, values: Mapping[str, Any], seen: str
    ) -> PersonMerge:
        pair = (keep.pk, lose.pk)
        locked = {
            row.pk: row for row in Person.objects.select_for_update(of=("self",)).filter(pk__in=pair).order_by("pk")
        }
        if len(locked) < 2 or any(row.merged_into_id or row.withdrawn_at for row in locked.values()):
            raise CannotMerge("state")
        keep, lose = locked[keep.pk], locked[lose.pk]
        own = actor.structure
        if own is None or {keep.recorded_by_id, lose.recorded_by_id} != {own.pk}:
            raise CannotMerge("foreign")
        if version_of(keep, lose) != seen:
            raise CannotMerge("changed")
        given = {name: value for name, value in values.items() if getattr(keep, name) != value}
        row = PersonMerge(kept=keep, gone=lose, structure=own, user=actor.user, merged_at=now, former=kept(keep, given))
        for name, value in given.items():
            setattr(keep, name, value)
        keep.updated_at = lose.updated_at = now
        keep.save(update_fields=[*given, "updated_at"])
        # What had been merged into the file that goes first: nobody may point at a file that points elsewhere.
        row.moved = _move(lose, keep, _FILES)
        lose.merged_into = keep
        lose.save(update_fields=["merged_into", "updated_at"])
        row.twins = _close_twins(keep, lose, now)
        apart = [twin["need"] for twin in row.twins]
        row.moved |= _move(lose, keep, _about_a_person(), apart={Need._meta.label: apart})
        row.given = kept(keep, given)
        row.save(force_insert=True)
        Event.objects.log(
            EventKind.MERGED, actor, now, person=keep, data={"fields": sorted(given), "merged": str(lose.pk)}
        )
        return row


class PersonMerge(models.Model):
    """One merge. `moved` says which rows of which tables followed, `former` and `given` what the kept file said before
    and after, `twins` the needs that both files had: all that is needed to part them exactly.
    """

    kept = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name="fiche gardée")
    gone = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name="fiche réunie")
    structure = models.ForeignKey(Structure, models.PROTECT, related_name="+", verbose_name="structure")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name="réunies par"
    )
    merged_at = models.DateTimeField("réunies le")
    undone_at = models.DateTimeField("séparées le", null=True, blank=True)
    former = models.JSONField("valeurs d’avant", default=dict, encoder=DjangoJSONEncoder)
    given = models.JSONField("valeurs choisies", default=dict, encoder=DjangoJSONEncoder)
    moved = models.JSONField("ce qui a suivi", default=dict)
    twins = models.JSONField("besoins en double", default=list)

    objects = PersonMergeQuerySet.as_manager()

    class Meta:
        verbose_name = "réunion de deux fiches"
        verbose_name_plural = "réunions de fiches"
        ordering = ["-merged_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["gone"], condition=Q(undone_at=None), name="merge_once_at_a_time"),
            models.CheckConstraint(condition=~Q(kept=F("gone")), name="merge_of_two_files"),
        ]
        indexes = [
            models.Index(fields=["kept", "-merged_at"], name="merge_by_kept"),
            models.Index(fields=["structure", "-merged_at", "-id"], name="merge_by_structure"),
        ]

    def __str__(self) -> str:
        return f"Réunion {self.pk} ({self.merged_at:%d/%m/%Y})"

    @property
    def undo_until(self) -> dt.datetime:
        """The last moment at which the files can be parted."""
        return self.merged_at + UNDO_FOR

    def may_be_undone(self, now: dt.datetime) -> bool:
        """Whether the merge stands and is recent enough."""
        return self.undone_at is None and now <= self.undo_until

    def undo(self, actor: Actor, now: dt.datetime) -> None:
        """Part the two files: what followed goes back, what was written since on the kept file stays there.

        A field of the kept file that someone changed since keeps that value. Raises `CannotMerge`.
        """
        with transaction.atomic():
            pair = (self.kept_id, self.gone_id)
            locked = {
                row.pk: row for row in Person.objects.select_for_update(of=("self",)).filter(pk__in=pair).order_by("pk")
            }
            self.refresh_from_db(from_queryset=PersonMerge.objects.select_for_update(of=("self",)))
            keep, lose = locked[self.kept_id], locked[self.gone_id]
            if self.undone_at is not None:
                raise CannotMerge("state")
            if keep.merged_into_id is not None:
                raise CannotMerge("since")
            if not self.may_be_undone(now):
                raise CannotMerge("late")
            since = differing(keep, self.given)
            back = {name: value for name, value in read_back(Person, self.former).items() if name not in since}
            for name, value in back.items():
                setattr(keep, name, value)
            keep.updated_at = lose.updated_at = self.undone_at = now
            keep.save(update_fields=[*back, "updated_at"])
            _move_back(keep, lose, self.moved, _about_a_person())
            _reopen_twins(self.twins, lose)
            _leave_answered_needs(keep, lose, self.moved)
            lose.merged_into = None
            lose.save(update_fields=["merged_into", "updated_at"])
            _move_back(keep, lose, self.moved, _FILES)
            self.save(update_fields=["undone_at"])
            for person in (keep, lose):
                Event.objects.log(EventKind.SPLIT, actor, now, person=person)


def _close_twins(keep: Person, lose: Person, now: dt.datetime) -> list[dict[str, Any]]:
    """Close each need that both files hold open, and hand its fiches to the one that stays."""
    staying = {need.theme: need for need in keep.needs.open()}
    records = []
    through = Need.referrals.through.objects
    for twin in lose.needs.open().filter(theme__in=staying).order_by("pk"):
        stays = staying[twin.theme]
        links = through.filter(need_id=twin.pk)
        handed = list(links.order_by("pk").values_list("pk", flat=True))
        links.update(need_id=stays.pk)
        Need.objects.filter(pk=twin.pk).update(closed_at=now)
        records.append({"need": str(twin.pk), "links": handed, "closed_at": now.isoformat()})
    return records


def _reopen_twins(twins: list[dict[str, Any]], lose: Person) -> None:
    """The reverse. A need whose theme was noted anew meanwhile stays closed."""
    for twin in twins:
        need = Need.objects.get(pk=twin["need"])
        Need.referrals.through.objects.filter(pk__in=twin["links"]).update(need_id=need.pk)
        noted_anew = lose.needs.open().filter(theme=need.theme).exists()
        if need.closed_at == dt.datetime.fromisoformat(twin["closed_at"]) and not noted_anew:
            Need.objects.filter(pk=need.pk).update(closed_at=None)


def _move(
    lose: Person, keep: Person, tables: Iterable[Column], apart: Mapping[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """Hand every row about one person to the other; return the keys of the rows by table and column."""
    moved = {}
    for model, column in tables:
        rows = model._base_manager.filter(**{column: lose}).exclude(pk__in=(apart or {}).get(model._meta.label, []))
        found = [str(pk) for pk in rows.order_by("pk").values_list("pk", flat=True)]
        if found:
            moved[f"{model._meta.label}.{column}"] = found
            model._base_manager.filter(pk__in=found).update(**{column: keep})
    return moved


def _move_back(keep: Person, lose: Person, moved: Mapping[str, list[str]], tables: Iterable[Column]) -> None:
    """Hand back the rows that followed and are still there."""
    for model, column in tables:
        followed = moved.get(f"{model._meta.label}.{column}", [])
        model._base_manager.filter(**{column: keep, "pk__in": followed}).update(**{column: lose})


def _leave_answered_needs(keep: Person, lose: Person, moved: Mapping[str, list[str]]) -> None:
    """A need that a fiche written since answers stays with that fiche."""
    answered = Need.referrals.through.objects.filter(need__person=lose, referral__person=keep)
    since = answered.exclude(referral__pk__in=moved.get("referrals.Referral.person", []))
    Need.objects.filter(pk__in=since.values("need_id")).update(person=keep)
