"""Which of two files says it right, field by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from referrals.forms.persons import REACHABLE_BY
from referrals.models import ContactChannel, Person
from structures.vocabulary import HalfDay, Status

FIRST, SECOND = "gardee", "autre"


@dataclass(frozen=True)
class Part:
    """What is chosen together: one question of the page, the fields it decides, and their words."""

    label: str
    names: tuple[str, ...]
    words: Callable[[Person], str]
    unsaid: str = "Non précisé"
    day: str = ""
    """A date among the fields: of two that are said, the later is proposed."""

    def is_better_said_by(self, other: Person, keep: Person) -> bool:
        """Whether the file that goes says it, and the one that is kept does not, or said it earlier."""
        if not self.words(other) or not self.words(keep):
            return bool(self.words(other))
        return bool(self.day) and getattr(other, self.day) > getattr(keep, self.day)


def _display(name: str) -> Callable[[Person], str]:
    return lambda person: str(getattr(person, f"get_{name}_display")() or "") if getattr(person, name) else ""


def _channel(person: Person) -> str:
    message = "message vocal possible" if person.may_leave_message else "pas de message vocal"
    return ", ".join(
        filter(None, [person.get_contact_channel_display(), message, person.safe_hours, person.contact_note])
    )


def _place(person: Person) -> str:
    return ", ".join(dict.fromkeys(filter(None, [_display("quartier")(person), person.commune])))


def _departure(person: Person) -> str:
    towards = f", vers {person.moved_to}" if person.moved_to else ""
    return f"A quitté le territoire le {person.moved_on:%d/%m/%Y}{towards}" if person.moved_on else ""


def _language(person: Person) -> str:
    return ", ".join(filter(None, [person.language, "interprète souhaité" if person.needs_interpreter else ""]))


PARTS: tuple[Part, ...] = (
    Part("Nom", ("first_name", "last_name"), lambda person: person.full_name),
    Part(
        "Date de naissance",
        ("birth_date",),
        lambda person: f"{person.birth_date:%d/%m/%Y}" if person.birth_date else "",
    ),
    Part("Sexe", ("sex",), _display("sex")),
    Part("Téléphone", ("phone",), lambda person: str(getattr(person.phone, "as_national", person.phone) or "")),
    Part("Adresse e-mail", ("email",), lambda person: person.email),
    Part(
        "Moyen de contact sûr",
        ("contact_channel", "may_leave_message", "safe_from", "safe_until", "contact_note"),
        _channel,
    ),
    Part("Lieu de vie", ("commune", "commune_code", "quartier", "in_qpv"), _place),
    Part("Départ", ("moved_on", "moved_to"), _departure, "Habite toujours ici", "moved_on"),
    Part("Langue parlée", ("language", "needs_interpreter"), _language),
    Part("Français oral", ("french_oral",), _display("french_oral")),
    Part("Français écrit", ("french_written",), _display("french_written")),
    Part("Scolarité", ("schooling",), _display("schooling")),
    Part("Savoirs de base (degré ANLCI)", ("anlci",), _display("anlci")),
    Part("Numérique", ("digital",), _display("digital")),
    Part("Permis de conduire", ("licence",), _display("licence")),
    Part("Véhicule", ("has_vehicle",), lambda person: {True: "Oui", False: "Non", None: ""}[person.has_vehicle]),
    Part("Diplôme", ("diploma",), _display("diploma")),
    Part(
        "Situation",
        ("statuses", "statuses_known"),
        lambda person: ", ".join(Status(one).label for one in person.statuses),
    ),
    Part(
        "Disponibilités", ("availability",), lambda person: ", ".join(HalfDay(one).label for one in person.availability)
    ),
)
"""The whole file, in the order of the page."""


class MergeForm(forms.Form):
    """One question for each part in which the two files differ; what only one of them says is proposed."""

    def __init__(self, *args: Any, keep: Person, lose: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keep, self.lose = keep, lose
        self.parts: dict[str, Part] = {}
        for part in PARTS:
            if all(getattr(keep, name) == getattr(lose, name) for name in part.names):
                continue
            said = {FIRST: part.words(keep), SECOND: part.words(lose)}
            key = part.names[0]
            self.parts[key] = part
            self.fields[key] = forms.ChoiceField(
                label=part.label,
                choices=[(side, words or part.unsaid) for side, words in said.items()],
                initial=SECOND if part.is_better_said_by(lose, keep) else FIRST,
                widget=forms.RadioSelect,
            )

    def clean(self) -> dict[str, Any]:
        """Refuse a safe channel without the means to use it."""
        data = super().clean() or self.cleaned_data
        chosen = {**{name: getattr(self.keep, name) for name in ("phone", "email", "contact_channel")}, **self.values}
        needed = REACHABLE_BY.get(ContactChannel(chosen["contact_channel"]))
        if needed is not None and not chosen[needed[0]]:
            self.add_error(needed[0] if needed[0] in self.fields else None, ValidationError(needed[1], code="channel"))
        return data

    @property
    def values(self) -> dict[str, Any]:
        """The fields of the file that is made."""
        found: dict[str, Any] = {}
        for key, part in self.parts.items():
            source = self.lose if self.cleaned_data.get(key) == SECOND else self.keep
            found |= {name: getattr(source, name) for name in part.names}
        return found

    @property
    def alike(self) -> list[tuple[str, str]]:
        """The parts that both files say alike, in words."""
        return [
            (part.label, words)
            for part in PARTS
            if part.names[0] not in self.parts and (words := part.words(self.keep))
        ]
