"""What a receiver can answer: each form builds the arguments of one verb."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.appointments import LengthField, hindrance
from referrals.forms.inputs import FreeText, MomentField, ShortText, not_after, themes_field
from referrals.forms.person_fields import ManyChips
from referrals.french import day_words
from referrals.models import Referral
from referrals.states import REASONS, Reason, Verb
from structures.eligibility import OTHER_CRITERION, closing
from structures.forms.fields import DayField
from structures.models import Action, Session
from structures.vocabulary import ActionShape

WITHOUT_APPOINTMENT = (ActionShape.DROP_IN, ActionShape.EVENT)
"""Shapes where the person may simply come: no rendez-vous is asked for."""


def usual_place(action: Action) -> str:
    """Where the action takes place: its own address, else its structure's."""
    owner: Any = action if action.address else action.structure
    town = " ".join(part for part in (owner.postal_code, owner.commune) if part)
    return ", ".join(part for part in (owner.address, town) if part)[:200]


class AnswerForm(forms.Form):
    """A form of one verb, on one fiche, on one day."""

    def __init__(self, *args: Any, referral: Referral, now: dt.datetime, **kwargs: Any) -> None:
        self.referral, self.now = referral, now
        self.today = timezone.localdate(now)
        super().__init__(*args, **kwargs)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the verb, from valid data."""
        return dict(self.cleaned_data)


def _reasons(verb: Verb) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Motif",
        choices=[(reason.value, reason.label) for reason in REASONS[verb]],
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez un motif : il dit au prescripteur ce qu’il peut faire ensuite."},
    )


class OfSessionsForm(AnswerForm):
    """An answer that may be for one session of the action; without any, the field goes."""

    session = forms.ModelChoiceField(Session.objects.none(), label="Session", required=False)
    no_session = "Aucune session en particulier"

    def __init__(self, *args: Any, sessions: Iterable[Session], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = list(sessions)
        field = self.fields["session"]
        assert isinstance(field, forms.ModelChoiceField)
        if not rows:
            del self.fields["session"]
            return
        field.queryset = Session.objects.filter(pk__in=[row.pk for row in rows])
        field.choices = [("", self.no_session), *[(row.pk, session_words(row)) for row in rows]]
        field.initial = self.referral.session_id


class AcceptForm(OfSessionsForm):
    """Accept, with a rendez-vous or a session; `names_others` as for `hindrance`."""

    appointment_at = MomentField(label="Rendez-vous", required=False)
    appointment_minutes = LengthField()
    appointment_place = ShortText(label="Lieu", max_length=200, required=False)
    note = FreeText(label="Un mot pour le prescripteur", required=False, rows=2)

    def __init__(self, *args: Any, names_others: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names_others = names_others
        action = self.referral.action
        self.fields["appointment_place"].initial = usual_place(action)
        self.free = action.get_shape() in WITHOUT_APPOINTMENT
        self.fields["appointment_at"].required = not self.free and "session" not in self.fields
        self.fields["appointment_at"].error_messages["required"] = "Indiquez le jour et l’heure du rendez-vous."

    def clean(self) -> dict[str, Any]:
        """A rendez-vous is to come; without one, a session is needed: the person must know when to come."""
        data = super().clean() or {}
        at = data.get("appointment_at")
        if at is not None and "appointment_minutes" in data:
            minutes = data["appointment_minutes"]
            problem = hindrance(self.referral, at, minutes, self.now, names_others=self.names_others)
            if problem:
                self.add_error("appointment_at", problem)
        if (
            not self.free
            and "session" in self.fields
            and not data.get("appointment_at")
            and not data.get("session")
            and "appointment_at" not in self.errors
        ):
            self.add_error("appointment_at", "Indiquez un rendez-vous, ou choisissez une session.")
        return data

    def arguments(self) -> dict[str, Any]:
        """The place only counts with a rendez-vous."""
        data = super().arguments()
        if data["appointment_at"] is None:
            data["appointment_place"] = ""
        return data


def session_words(session: Session) -> str:
    """« Du 12 janvier 2027 au 26 mars 2027, 3 places libres sur 12, mardi matin »."""
    dates = f"Du {day_words(session.starts_on)}"
    dates += f" au {day_words(session.ends_on)}" if session.ends_on else ""
    places = places_words(session.places_left, session.places)
    return ", ".join(part for part in (dates, places, session.timetable) if part)


def places_words(left: int | None, places: int | None) -> str:
    """« complet », « 1 place libre sur 12 »; nothing when the places are not counted."""
    if left is None or places is None:
        return ""
    return f"{left} place{'s' if left > 1 else ''} libre{'s' if left > 1 else ''} sur {places}" if left else "complet"


class WaitlistForm(OfSessionsForm):
    """Put on the waiting list of a session, or of whichever comes, with a word."""

    no_session = "N’importe quelle session"
    note = FreeText(
        label="Un mot pour le prescripteur",
        required=False,
        rows=2,
        help_text="Par exemple le délai probable, ou la prochaine session.",
    )


class OfferForm(OfSessionsForm):
    """Offer a place to someone who waits, before Relais does it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "session" in self.fields:
            self.fields["session"].required = True
            self.fields["session"].error_messages["required"] = "Choisissez la session où une place est libre."


class PlainForm(AnswerForm):
    """A verb that asks for nothing more."""


class DeclineForm(AnswerForm):
    """Decline, with a coded reason; when a condition is not met, which one."""

    reason = _reasons(Verb.DECLINE)
    criteria = ManyChips(label="Quelle condition n’est pas remplie ?")
    note = FreeText(label="Précision pour le prescripteur", required=False, rows=2)

    def __init__(self, *args: Any, together: Sequence[Referral] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Answered together: fiches of several actions have no condition in common, and each is unreachable by itself.
        is_one_action = len({self.referral.action_id, *(one.action_id for one in together)}) == 1
        conditions = closing(self.referral.action.conditions()) if is_one_action else []
        self.conditions = {one["code"]: one for one in conditions}
        self.conditions[OTHER_CRITERION] = {"code": OTHER_CRITERION, "sentence": ""}
        field = self.fields["criteria"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(code, one["sentence"] or "Une autre, à préciser") for code, one in self.conditions.items()]
        if len(together) > 1 or not self.referral.may_be_declined_as_unreachable(self.today):
            reasons = self.fields["reason"]
            assert isinstance(reasons, forms.ChoiceField)
            offered = [reason for reason in REASONS[Verb.DECLINE] if reason != Reason.UNREACHABLE]
            reasons.choices = [(reason.value, reason.label) for reason in offered]

    def clean(self) -> dict[str, Any]:
        """« Autre motif » says nothing by itself, nor does a condition that is not named."""
        data = super().clean() or {}
        reason, criteria = data.get("reason"), data.get("criteria", [])
        if reason != Reason.NOT_ELIGIBLE:
            data["criteria"] = []
        elif not criteria and "criteria" not in self.errors:
            self.add_error("criteria", "Dites laquelle : le prescripteur saura quoi vérifier.")
        elsewhere = reason == Reason.NOT_ELIGIBLE and OTHER_CRITERION in criteria
        if (reason == Reason.OTHER or elsewhere) and not data.get("note") and "note" not in self.errors:
            what = "cette condition" if elsewhere else "ce motif"
            self.add_error("note", f"Précisez {what} en quelques mots.")
        return data

    def arguments(self) -> dict[str, Any]:
        """The conditions with their sentences, as the fiche keeps them."""
        data = super().arguments()
        return {**data, "criteria": [self.conditions[code] for code in data["criteria"]]}


class MissForm(AnswerForm):
    """Accepted, but the person never came."""

    reason = _reasons(Verb.MISS)
    note = FreeText(label="Précision pour le prescripteur", required=False, rows=2)


class EnterForm(AnswerForm):
    """The person came."""

    on = DayField(label="Venue le")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        expected = self.referral.expected_on
        self.fields["on"].initial = expected if expected is not None and expected <= self.today else self.today

    def clean_on(self) -> dt.date:
        """Neither to come, nor before the fiche was sent."""
        day: dt.date = self.cleaned_data["on"]
        not_after(day, self.today, "Cette date est à venir : confirmez l’entrée quand la personne est venue.")
        if self.referral.sent_at is not None and day < timezone.localdate(self.referral.sent_at):
            raise forms.ValidationError("Cette date précède l’envoi de la fiche.", code="early")
        return day


class ReopenForm(AnswerForm):
    """Open again a fiche that was closed."""

    note = FreeText(
        label="Pourquoi la rouvrir",
        rows=2,
        max_length=500,
        error_messages={"required": "Dites en quelques mots ce qui a changé."},
    )


class ResumeForm(AnswerForm):
    """The person comes back to the action."""

    note = FreeText(
        label="Pourquoi ce retour",
        rows=2,
        max_length=500,
        error_messages={"required": "Dites en quelques mots ce qui a changé."},
    )


UNKNOWN = "inconnue"
"""What is posted instead of an action by who does not know which one would fit."""


class DestinationField(forms.ModelChoiceField):
    """An action, or that it is not known which: `None`."""

    def clean(self, value: Any) -> Action | None:
        """`None` for `UNKNOWN`; nothing chosen, or an action that is not offered, is refused."""
        return None if value == UNKNOWN else super().clean(value)


class RedirectForm(AnswerForm):
    """Send on to a better action, among those that cover the same needs, or say which needs come first."""

    to = DestinationField(
        Action.objects.none(),
        label="Vers quelle action",
        error_messages={
            "required": "Choisissez l’action qui convient mieux, ou dites que vous ne savez pas laquelle.",
            "invalid_choice": "Cette action ne prend plus de fiches : choisissez-en une autre.",
        },
    )
    advised = themes_field("Besoins auxquels répondre plutôt", "Le prescripteur cherchera l’action pour ces besoins.")
    note = FreeText(label="Un mot pour le prescripteur", required=False, rows=2)

    def __init__(self, *args: Any, actions: Iterable[Action], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["to"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = Action.objects.filter(pk__in=[action.pk for action in actions]).order_by("name", "id")

    def clean(self) -> dict[str, Any]:
        """Without an action, a need at least; with one, its own needs are enough."""
        data = super().clean() or {}
        if "to" in self.errors or "advised" in self.errors:
            return data
        if data.get("to") is not None:
            data["advised"] = []
        elif not data.get("advised"):
            self.add_error("advised", "Choisissez au moins un besoin : le prescripteur saura où chercher.")
        return data
