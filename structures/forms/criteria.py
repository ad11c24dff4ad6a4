"""Whom an action is for, written as sentences: one line for each criterion, with its controls among the words.

`SENTENCES` is the only description of the lines: for each kind of `structures.eligibility.parsing.READERS`, the words
and the blanks to fill in. `CriteriaForm` draws them, reads them back as `Action.criteria`, and shows what
`parse_criteria` refuses beside the blank concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from structures.eligibility import BadCriteria, parse_criteria
from structures.eligibility.criteria import CHOICES, SCALES
from structures.eligibility.parsing import OLDEST
from structures.eligibility.publics import LABELS as PUBLICS
from structures.forms.fields import CommunesField, ManyChips, PlacesField, commune_names
from structures.territory import place_name
from structures.vocabulary import HalfDay, Status

LEVELS = {
    "required": "seulement",
    "priority": "en priorité",
    "to_check": "après vérification",
}
"""« Ouverte seulement aux personnes… »: the needs of `structures.eligibility`, as they stand in the sentence."""
LEVEL_TITLES = {"required": "Obligatoire", "priority": "Prioritaire", "to_check": "À vérifier avec la personne"}
MOST_LINES = 60
"""Criteria of one action at most: every kind at every level, and some for a human to judge."""


@dataclass(frozen=True)
class Blank:
    """One control in a sentence: the field of the stored entry, the words before and after, and its form field."""

    name: str
    before: str
    build: Callable[[], forms.Field]
    after: str = ""


@dataclass(frozen=True)
class Sentence:
    """One kind of criterion: its name in the list of what can be added, its words, its blanks."""

    title: str
    words: str
    blanks: tuple[Blank, ...]


def _number(name: str, before: str, label: str, low: int, high: int, after: str = "") -> Blank:
    attrs = {"min": low, "max": high, "aria-label": label, "autocomplete": "off"}
    return Blank(
        name, before, lambda: forms.IntegerField(label=label, required=False, widget=forms.NumberInput(attrs)), after
    )


def _one(name: str, before: str, label: str, labels: Mapping[Any, str], empty: str, after: str = "") -> Blank:
    values = {str(value): value for value in labels}

    def build() -> forms.Field:
        return forms.TypedChoiceField(
            label=label,
            choices=[("", empty), *((str(value), text) for value, text in labels.items())],
            coerce=values.get,
            empty_value=None,
            required=False,
            widget=forms.Select({"aria-label": label}),
        )

    return Blank(name, before, build, after)


def _many(name: str, label: str, labels: Mapping[str, str], before: str = "") -> Blank:
    return Blank(name, before, lambda: ManyChips(label=label, choices=list(labels.items())))


def _places(name: str, before: str, label: str, example: str) -> Blank:
    attrs = {"aria-label": label, "placeholder": example, "autocomplete": "off"}

    def build() -> forms.Field:
        widget = forms.TextInput(attrs)
        if name == "communes":
            return CommunesField(label=label, required=False, widget=widget)
        return PlacesField(sort=name, label=label, required=False, widget=widget)

    return Blank(name, before, build)


def _text(name: str, before: str, label: str, longest: int, example: str = "") -> Blank:
    attrs = {"aria-label": label, "placeholder": example}

    def build() -> forms.Field:
        return forms.CharField(label=label, max_length=longest, required=False, widget=forms.TextInput(attrs))

    return Blank(name, before, build)


def _box(name: str, label: str) -> Blank:
    return Blank(name, "", lambda: forms.BooleanField(label=label, required=False))


def _scale(kind: str, title: str, words: str) -> Sentence:
    labels = {value: SCALES[kind].labels[value] for value in SCALES[kind].order}
    return Sentence(
        title,
        words,
        (
            _one("min", "de", f"{title} : au moins", labels, "sans minimum"),
            _one("max", "à", f"{title} : au plus", labels, "sans maximum"),
        ),
    )


def _choice(kind: str, title: str, words: str) -> Sentence:
    return Sentence(title, words, (_many("any_of", title, CHOICES[kind].labels),))


SENTENCES: dict[str, Sentence] = {
    "age": Sentence(
        "Âge",
        "âgées",
        (
            _number("min", "de", "Âge minimum", 0, OLDEST),
            _number("max", "à", "Âge maximum", 0, OLDEST, "ans (un seul des deux suffit)"),
        ),
    ),
    "sex": Sentence("Sexe", "dont le sexe est", (_one("value", "", "Sexe", CHOICES["sex"].labels, "à choisir"),)),
    "residence": Sentence(
        "Lieu de vie",
        "qui habitent",
        (
            _places("communes", "les communes", "Communes", "Blois, Vineuil"),
            _places("departments", "les départements", "Départements", "Loir-et-Cher"),
            _places("epcis", "les intercommunalités", "Intercommunalités", "Agglopolys"),
            _box("qpv", "en quartier prioritaire (QPV)"),
            _text("label", "à présenter ainsi (facultatif)", "Présentation du lieu de vie", 120, "le Blaisois"),
        ),
    ),
    "status": Sentence("Situation", "dont la situation est", (_many("any_of", "Situation", dict(Status.choices)),)),
    "public": Sentence("Public", "de l’un de ces publics", (_many("any_of", "Public", PUBLICS),)),
    "availability": Sentence(
        "Disponibilité",
        "disponibles",
        (
            _number(
                "min", "au moins", "Nombre de demi-journées", 1, len(HalfDay.values), "demi-journées par semaine, parmi"
            ),
            _many("any_of", "Demi-journées", dict(HalfDay.choices)),
        ),
    ),
    "manual": Sentence(
        "Autre condition, en toutes lettres",
        "qui remplissent cette condition",
        (_text("text", "", "Condition", 300, "Motivé(e) pour travailler dehors"),),
    ),
    "french_oral": _scale("french_oral", "Français oral", "dont le français oral va"),
    "french_written": _scale("french_written", "Français écrit", "dont le français écrit va"),
    "anlci": _scale("anlci", "Savoirs de base", "dont les savoirs de base vont, en degrés de l’ANLCI,"),
    "digital": _scale("digital", "Numérique", "dont l’aisance avec le numérique va"),
    "schooling": _choice("schooling", "Scolarité", "dont la scolarité est"),
    "learner_public": _choice("learner_public", "Public de formation", "qui relèvent de"),
    "licence": _choice("licence", "Permis", "dont le permis est"),
    "vehicle": _choice("vehicle", "Véhicule", "qui sont dans ce cas :"),
    "language": _choice("language", "Langue parlée", "qui parlent l’une de ces langues"),
    "diploma": _choice("diploma", "Diplôme", "dont le plus haut diplôme est"),
    "prescriber": _choice("prescriber", "Prescripteur", "dont la fiche est envoyée par"),
}
"""The sentence of each kind of criterion, in the order in which they are offered."""


@dataclass(frozen=True)
class Line:
    """One criterion as the page draws it: `blanks` are the words before, the bound field, the words after."""

    key: str
    kind: str
    sentence: Sentence
    level: forms.BoundField
    blanks: list[tuple[str, forms.BoundField, str]]


class CriteriaForm(forms.Form):
    """The criteria of an action. `lines` are the key and the kind of each; the fields of one are named `key-field`."""

    def __init__(
        self,
        lines: Sequence[tuple[str, str]],
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
        latest: str = "",
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self._lines = list(lines)
        for key, kind in lines:
            self.fields[f"{key}-need"] = forms.ChoiceField(
                label="Niveau", choices=list(LEVELS.items()), widget=forms.Select({"aria-label": "Niveau"})
            )
            for blank in SENTENCES[kind].blanks:
                self.fields[f"{key}-{blank.name}"] = blank.build()
        if latest:
            # What was just asked for takes the focus, with or without JavaScript.
            self.fields[f"{latest}-need"].widget.attrs["autofocus"] = True

    @classmethod
    def of(cls, criteria: Iterable[Mapping[str, Any]]) -> CriteriaForm:
        """The form of stored criteria, which `parse_criteria` admits."""
        lines: list[tuple[str, str]] = []
        initial: dict[str, Any] = {}
        for number, entry in enumerate(criteria):
            lines.append((str(number), entry["kind"]))
            initial |= {f"{number}-{name}": value for name, value in entry.items() if name != "kind"}
        return cls(lines, initial=initial)

    @classmethod
    def posted(cls, data: QueryDict) -> CriteriaForm:
        """The form as it was sent."""
        return cls(_lines_of(data), data)

    @classmethod
    def redrawn(cls, data: QueryDict, *, add: str = "", drop: str = "") -> CriteriaForm:
        """The form with one line more (`add`: level and kind, as `offered` gives them) or less; the rest as typed."""
        lines = [(key, kind) for key, kind in _lines_of(data) if key != drop]
        initial = {name: data.getlist(name) for name in data}
        several = {f"{key}-{blank.name}" for key, kind in lines for blank in SENTENCES[kind].blanks if _is_many(blank)}
        typed: dict[str, Any] = {name: got if name in several else got[-1] for name, got in initial.items() if got}
        level, _, kind = add.partition(":")
        latest = ""
        if level in LEVELS and kind in SENTENCES and len(lines) < MOST_LINES:
            latest = str(max((int(key) for key, _ in _lines_of(data)), default=-1) + 1)
            lines.append((latest, kind))
            typed[f"{latest}-need"] = level
        return cls(lines, initial=typed, latest=latest)

    @property
    def lines(self) -> list[Line]:
        """The lines to draw."""
        return [
            Line(
                key,
                kind,
                SENTENCES[kind],
                self[f"{key}-need"],
                [(blank.before, self[f"{key}-{blank.name}"], blank.after) for blank in SENTENCES[kind].blanks],
            )
            for key, kind in self._lines
        ]

    def offered(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What can be added: for each level its title and its free kinds, with the value that `redrawn` takes."""
        taken = {(self[f"{key}-need"].value(), kind) for key, kind in self._lines if kind != "manual"}
        return [
            (
                title,
                [
                    (f"{level}:{kind}", f"{one.title} · {title.lower()}")
                    for kind, one in SENTENCES.items()
                    if (level, kind) not in taken
                ],
            )
            for level, title in LEVEL_TITLES.items()
        ]

    def clean(self) -> dict[str, Any]:
        """Give `criteria`, the list to store. What cannot be read is said beside its blank."""
        cleaned = super().clean() or {}
        cleaned["criteria"] = [self._entry(key, kind, cleaned) for key, kind in self._lines]
        try:
            parse_criteria(cleaned["criteria"])
        except BadCriteria as error:
            wrong = {name.partition("-")[0] for name in self.errors}
            for fault in error.faults:
                key, _ = self._lines[fault.row - 1]
                # A blank that could not be read looks empty: saying so as well would mislead.
                if key not in wrong:
                    name = f"{key}-{fault.field}"
                    message = fault.message[0].upper() + fault.message[1:] + "."
                    self.add_error(name if name in self.fields else f"{key}-need", message)
        return cleaned

    def _entry(self, key: str, kind: str, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] = {"kind": kind, "need": cleaned.get(f"{key}-need", "required")}
        for blank in SENTENCES[kind].blanks:
            value = cleaned.get(f"{key}-{blank.name}")
            # Zero is a value, although it equals False.
            if value is not None and value is not False and value != "" and value != []:
                entry[blank.name] = value
        far = [code for code in entry.get("communes", []) if place_name(code) == code]
        if far and (names := commune_names(far)):
            # The sentence is read where nothing is asked of the database.
            entry["names"] = names
        return entry


def _is_many(blank: Blank) -> bool:
    return isinstance(blank.build(), forms.MultipleChoiceField)


def _lines_of(data: QueryDict) -> list[tuple[str, str]]:
    """The lines that a form sent, in their order: `line` holds the key and the kind of each."""
    lines: dict[str, str] = {}
    for value in data.getlist("line")[:MOST_LINES]:
        key, _, kind = value.partition(":")
        if key.isascii() and key.isdigit() and len(key) < 6 and kind in SENTENCES:
            lines.setdefault(key, kind)
    return list(lines.items())
