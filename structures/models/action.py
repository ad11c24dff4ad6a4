"""What a structure offers."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import models, transaction
from django.db.models.functions import Cast, Concat, Greatest
from django.utils.text import slugify
from phonenumber_field.modelfields import PhoneNumberField

from accounts.models import User
from structures.eligibility import Criterion, parse_criteria, zone_criterion
from structures.fields import WebAddressField
from structures.models.change import SESSION_KINDS, ActionChange, ChangeKind, StaleAction
from structures.models.keeping import differing, kept, read_back
from structures.models.structure import Structure
from structures.scales import LONGEST_CODE, Scale, scale_choices, scales_for
from structures.text import ALIKE, Plain, plain
from structures.vocabulary import ActionShape, Cecrl, HalfDay, LearnerPublic, NeedTheme, Programme

TOUS_PUBLICS = "tous-publics"
"""data·inclusion's code for an action that chooses nobody."""
MOST_WORDS = 8
"""Words of a search that count."""
FRESH = dt.timedelta(days=183)
"""An action that its structure confirmed within this delay is up to date."""
REST = dt.timedelta(days=30)
"""A structure that was asked to confirm its actions is left in peace for this long."""
SLUG_LENGTH = 80
PLACE = ("address", "address_extra", "postal_code", "commune")
"""The fields that say where it takes place: once one changes, the former coordinates are wrong."""
HALF_DAY_HOURS = Decimal(3)
"""The hours of a half-day of training, where nothing else is said."""


class ActionQuerySet(models.QuerySet["Action"]):
    """Questions about many actions."""

    def published(self) -> ActionQuerySet:
        """The actions of the catalogue, paused ones too."""
        return self.filter(is_published=True, structure__is_active=True)

    def open_on(self, day: dt.date) -> ActionQuerySet:
        """The actions that take fiches on `day`: published, of an active structure, not paused."""
        return self.published().filter(models.Q(paused_until__isnull=True) | models.Q(paused_until__lte=day))

    def stale(self, day: dt.date) -> ActionQuerySet:
        """The actions that take fiches on `day` and that nobody confirmed lately: the reverse of `is_fresh`."""
        old = models.Q(confirmed_on__isnull=True) | models.Q(confirmed_on__lt=day - FRESH)
        return self.open_on(day).filter(old)

    def to_ask_about(self, day: dt.date) -> ActionQuerySet:
        """The stale actions that their structure is to be asked to confirm on `day`: once per six months."""
        unasked = models.Q(asked_on__isnull=True) | models.Q(asked_on__lt=day - FRESH)
        return self.stale(day).filter(unasked | models.Q(asked_on__lte=models.F("confirmed_on")))

    def start(self, structure: Structure, user: User | None, now: dt.datetime, **values: Any) -> Action:
        """Write a new action of a structure, at an address made from its name."""
        action = Action(structure=structure, source_id=str(uuid.uuid4()), **values)
        with transaction.atomic():
            action.slug = self._free_slug(action.name)
            action.save()
            ActionChange.objects.log(action, ChangeKind.CREATED, user, now, {}, {"name": action.name})
        return action

    def _free_slug(self, name: str) -> str:
        """A short address that no action has; a number is added where the name is taken."""
        stem = slugify(name)[: SLUG_LENGTH - 5].strip("-") or "action"
        taken = set(self.model.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
        return next(slug for slug in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if slug not in taken)

    def for_public(self, public: str) -> ActionQuerySet:
        """The actions that welcome a public of data·inclusion, by name or because they welcome all."""
        return self.filter(publics__overlap=[public, TOUS_PUBLICS])

    def with_next_start(self, day: dt.date) -> ActionQuerySet:
        """Annotate `next_start`: the first day of the next session, from `day` on."""
        coming = models.Q(sessions__starts_on__gte=day)
        return self.annotate(next_start=models.Min("sessions__starts_on", filter=coming))

    def with_entry(self, day: dt.date) -> ActionQuerySet:
        """The actions that someone can still enter: open, and with a session to come or no sessions at all."""
        full = models.Q(sessions__places__lte=models.F("sessions__reserved"))
        to_come = models.Q(sessions__starts_on__gte=day) & (models.Q(sessions__places__isnull=True) | ~full)
        enters = models.Q(models.Exists(self.model.objects.filter(to_come, pk=models.OuterRef("pk"))))
        undated = ~models.Q(models.Exists(self.model.objects.filter(sessions__isnull=False, pk=models.OuterRef("pk"))))
        return self.open_on(day).filter(enters | undated)

    def matching(self, words: str) -> ActionQuerySet:
        """Annotate `plain_name` and `rank` (0 to 100), and keep the actions that `words` speak of.

        Each word stands in the name, the text or the structure's name, or resembles a word of one of the names:
        accents, capitals and small typos are forgiven. Words after the eighth are left out.
        """
        rows = self.annotate(plain_name=Plain("name"))
        asked = plain(words).split()[:MOST_WORDS]
        if not asked:
            return rows
        names = {
            "plain_name": Plain("name"),
            "plain_structure": Plain(Concat("structure__name", models.Value(" "), "structure__short_name")),
        }
        rows = rows.alias(plain_text=Plain("description"), plain_structure=names["plain_structure"])
        for number, word in enumerate(asked):
            likeness = Greatest(*(TrigramWordSimilarity(word, name) for name in names.values()))
            stands = models.Q(plain_name__contains=word) | models.Q(plain_text__contains=word)
            stands |= models.Q(plain_structure__contains=word) | models.Q(**{f"likeness_{number}__gte": ALIKE})
            rows = rows.alias(**{f"likeness_{number}": likeness}).filter(stands)
        whole = Greatest(*(TrigramWordSimilarity(" ".join(asked), name) for name in names.values()))
        return rows.annotate(rank=Cast(whole * 100, models.IntegerField()))


class Action(models.Model):
    """An action (dispositif): a course, a positionnement, an accompaniment, a chantier…

    Fields named as in data·inclusion's `service` carry its codes; `criteria`, the levels, the places and the themes
    are Relais' own and survive an import. `criteria` is a list that `structures.eligibility` reads and validates.
    """

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="actions", verbose_name="structure")
    slug = models.SlugField("adresse courte", max_length=SLUG_LENGTH, unique=True)
    source = models.CharField("source", max_length=60, default="relais")
    source_id = models.CharField("identifiant dans la source", max_length=200)
    name = models.CharField("nom", max_length=150)
    description = models.TextField("description")
    shape = models.CharField("forme", max_length=12, choices=ActionShape, default=ActionShape.COURSE)
    type = models.CharField("type (data·inclusion)", max_length=40, blank=True)
    thematiques = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    publics = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    publics_precisions = models.TextField("précisions sur les publics", blank=True)
    conditions_acces = models.TextField("conditions d’accès", blank=True)
    frais = models.CharField("frais", max_length=10, blank=True)
    frais_precisions = models.TextField("précisions sur les frais", blank=True)
    modes_accueil = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    modes_mobilisation = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    mobilisable_par = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    mobilisation_precisions = models.TextField("comment orienter", blank=True)
    zone_eligibilite = ArrayField(models.CharField(max_length=9), default=list, blank=True)
    weekly_hours = models.DecimalField("heures par semaine", max_digits=5, decimal_places=2, null=True, blank=True)
    weeks = models.PositiveSmallIntegerField("nombre de semaines", null=True, blank=True)
    total_hours = models.DecimalField("heures en tout", max_digits=6, decimal_places=1, null=True, blank=True)
    rhythm = models.CharField("rythme", max_length=200, blank=True)
    opening_hours = models.CharField("horaires (format OpenStreetMap)", max_length=200, blank=True)
    address = models.CharField("adresse", max_length=200, blank=True)
    address_extra = models.CharField("complément d’adresse", max_length=200, blank=True)
    postal_code = models.CharField("code postal", max_length=5, blank=True)
    commune = models.CharField("commune", max_length=80, blank=True)
    commune_code = models.CharField("code commune (INSEE)", max_length=5, blank=True)
    latitude = models.FloatField("latitude", null=True, blank=True)
    longitude = models.FloatField("longitude", null=True, blank=True)
    phone = PhoneNumberField("téléphone", blank=True)
    email = models.EmailField("adresse e-mail", blank=True)
    contact_name = models.CharField("contact", max_length=120, blank=True)
    mobilisation_link = WebAddressField("lien pour orienter", max_length=500, blank=True)
    source_link = WebAddressField("lien vers la source", max_length=500, blank=True)
    source_updated_on = models.DateField("mise à jour dans la source", null=True, blank=True)

    themes = ArrayField(
        models.CharField(max_length=20, choices=NeedTheme), verbose_name="besoins couverts", default=list
    )
    criteria = models.JSONField("critères", default=list, blank=True)
    learner_publics = ArrayField(
        models.CharField(max_length=12, choices=LearnerPublic),
        verbose_name="publics de formation",
        default=list,
        blank=True,
    )
    level_in = models.CharField("niveau de français à l’entrée", max_length=5, choices=Cecrl, blank=True)
    level_out = models.CharField("niveau de français visé", max_length=5, choices=Cecrl, blank=True)
    certificates = ArrayField(models.CharField(max_length=40), verbose_name="certifications", default=list, blank=True)
    timetable = ArrayField(
        models.CharField(max_length=6, choices=HalfDay),
        verbose_name="demi-journées",
        default=list,
        blank=True,
    )
    scales = ArrayField(
        models.CharField(max_length=LONGEST_CODE, choices=scale_choices),
        verbose_name="échelles",
        default=list,
        blank=True,
    )
    places = models.PositiveSmallIntegerField("places", null=True, blank=True)
    taken = models.PositiveSmallIntegerField("places prises par des fiches", default=0, editable=False)
    programme = models.CharField("programme du financeur", max_length=80, blank=True)
    programmes = ArrayField(
        models.CharField(max_length=13, choices=Programme), verbose_name="programmes", default=list, blank=True
    )
    is_published = models.BooleanField("publiée", default=True)
    paused_until = models.DateField("complet jusqu’au", null=True, blank=True)
    confirmed_on = models.DateField("confirmée le", null=True, blank=True)
    asked_on = models.DateField("confirmation demandée le", null=True, blank=True, editable=False)
    created_at = models.DateTimeField("créée le", auto_now_add=True)
    updated_at = models.DateTimeField("modifiée le", auto_now=True)

    objects = ActionQuerySet.as_manager()

    class Meta:
        verbose_name = "action"
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_id"], name="action_unique_in_its_source"),
            models.CheckConstraint(condition=models.Q(themes__len__gt=0), name="action_covers_a_need"),
        ]
        indexes = [
            GinIndex(fields=["themes"], name="action_by_theme"),
            models.Index(fields=["structure", "name"], name="action_by_structure"),
            models.Index(Plain("name"), "id", name="action_by_plain_name"),
            GinIndex(OpClass(Plain("name"), name="gin_trgm_ops"), name="action_name_trigrams"),
            GinIndex(OpClass(Plain("description"), name="gin_trgm_ops"), name="action_text_trigrams"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_shape(self) -> ActionShape:
        """The shape as the enumeration's member, which knows what is expected of it."""
        return ActionShape(self.shape)

    @property
    def theme_labels(self) -> list[str]:
        """The needs covered, in words, in the order of the chips."""
        return [str(theme.label) for theme in NeedTheme if theme in self.themes]

    def is_fresh(self, day: dt.date) -> bool:
        """Whether the structure confirmed the action lately."""
        return self.confirmed_on is not None and self.confirmed_on >= day - FRESH

    @property
    def places_left(self) -> int | None:
        """Places of an action without sessions; `None` when their number is not known.

        `taken` counts the fiches without a session that hold a place; the database keeps it, as their states change.
        """
        return None if self.places is None else max(self.places - self.taken, 0)

    def is_paused(self, day: dt.date) -> bool:
        """Whether it takes no fiche on that day because it is full."""
        return self.paused_until is not None and self.paused_until > day

    def conditions(self) -> tuple[Criterion, ...]:
        """The criteria, with the residence that `zone_eligibilite` asks for when no criterion says one.

        Raises `BadCriteria`: criteria are checked before they are saved, so this means a row changed by hand.
        """
        return self.conditions_with(self.criteria)

    def conditions_with(self, raw: Any) -> tuple[Criterion, ...]:
        """What `conditions` would be with these criteria. Raises `BadCriteria`."""
        criteria = parse_criteria(raw)
        zone = zone_criterion(self.zone_eligibilite)
        says_residence = any(criterion.kind == "residence" and criterion.need == "required" for criterion in criteria)
        return criteria if zone is None or says_residence else (*criteria, zone)

    @property
    def duration(self) -> dt.timedelta | None:
        """How long one run lasts, when the catalogue says so in weeks."""
        return dt.timedelta(weeks=self.weeks) if self.weeks else None

    @property
    def measures(self) -> list[Scale]:
        """The scales on which its positionnements and bilans place a person, in the order of lists."""
        return scales_for(self.scales, self.themes)

    @property
    def hours_per_half_day(self) -> Decimal:
        """The hours of one half-day: those of the week over its half-days when both are known, else three."""
        if self.weekly_hours and self.timetable:
            return round(self.weekly_hours / len(self.timetable), 1)
        return HALF_DAY_HOURS

    # Verbs of its managers

    def rewrite(
        self, user: User | None, now: dt.datetime, *, seen: dt.datetime | None = None, **values: Any
    ) -> ActionChange | None:
        """Change what the catalogue says of it; `None` when nothing changes.

        Raises `StaleAction` when `seen`, the `updated_at` that the manager saw, is no longer true.
        """
        return self._alter(ChangeKind.REWRITTEN, user, now, values, seen)

    def set_criteria(
        self, user: User | None, now: dt.datetime, criteria: list[dict[str, Any]], *, seen: dt.datetime | None = None
    ) -> ActionChange | None:
        """Change whom it is for; `None` when nothing changes. Raises `BadCriteria` and `StaleAction`."""
        parse_criteria(criteria)
        return self._alter(ChangeKind.CRITERIA, user, now, {"criteria": criteria}, seen)

    def pause(self, user: User | None, now: dt.datetime, until: dt.date) -> ActionChange | None:
        """Take no fiche before `until`; `None` when it is so already."""
        return self._alter(ChangeKind.PAUSED, user, now, {"paused_until": until})

    def resume(self, user: User | None, now: dt.datetime) -> ActionChange | None:
        """Take fiches again; `None` when it was not paused."""
        return self._alter(ChangeKind.RESUMED, user, now, {"paused_until": None})

    def confirm(self, user: User | None, now: dt.datetime, on: dt.date) -> ActionChange | None:
        """Say that all of it is true on a day; `None` when that was said already."""
        return self._alter(ChangeKind.CONFIRMED, user, now, {"confirmed_on": on})

    def undo(self, change: ActionChange, user: User | None, now: dt.datetime) -> ActionChange | None:
        """Bring back what a change of this action replaced; `None` when it is back already.

        Raises `StaleAction` when something else was written to the same fields since, and `BadCriteria` when the
        former criteria can no longer be read. A session that was removed comes back; the other changes of sessions
        are made again by hand.
        """
        with transaction.atomic():
            current = Action.objects.select_for_update().get(pk=self.pk)
            if change.kind == ChangeKind.SESSION_REMOVED:
                if current.sessions.filter(code=change.before["code"]).exists():
                    raise StaleAction(current)
                sessions = self.sessions
                sessions.create(**read_back(sessions.model, change.before))
                return ActionChange.objects.log(self, ChangeKind.SESSION_ADDED, user, now, {}, change.before)
            if change.kind in (ChangeKind.CREATED, *SESSION_KINDS):
                raise StaleAction(current)
            former = read_back(Action, change.before)
            if not differing(current, change.before):
                return None
            if differing(current, change.after):
                raise StaleAction(current)
            parse_criteria(former.get("criteria", []))
            return self._alter(ChangeKind.UNDONE, user, now, former)

    def _alter(
        self,
        kind: ChangeKind,
        user: User | None,
        now: dt.datetime,
        values: Mapping[str, Any],
        seen: dt.datetime | None = None,
    ) -> ActionChange | None:
        """Write the values that differ and their line in the history, in one transaction."""
        with transaction.atomic():
            current = Action.objects.select_for_update().get(pk=self.pk)
            if seen is not None and current.updated_at != seen:
                raise StaleAction(current)
            changed = [name for name, value in values.items() if getattr(current, name) != value]
            before, after = kept(current, changed), {}
            for name in changed:
                setattr(current, name, values[name])
            if changed:
                current.save(update_fields=[*changed, "updated_at"])
                after = kept(current, changed)
            for name in (*values, "updated_at"):
                setattr(self, name, getattr(current, name))
            return ActionChange.objects.log(self, kind, user, now, before, after) if changed else None
