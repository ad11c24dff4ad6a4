"""data·inclusion v1 as Relais reads and writes it: its fields and ours, and its refusals in French."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data_inclusion.schema import v1
from django.contrib.postgres.fields import ArrayField
from django.db import models
from pydantic import ValidationError as SchemaError

from structures.models import Action, Structure

STRUCTURE_FIELDS = {
    "nom": "name", "description": "description", "siret": "siret", "adresse": "address",
    "complement_adresse": "address_extra", "code_postal": "postal_code", "commune": "commune",
    "code_insee": "commune_code", "latitude": "latitude", "longitude": "longitude", "telephone": "phone",
    "courriel": "email", "site_web": "website", "horaires_accueil": "opening_hours",
    "reseaux_porteurs": "networks", "date_maj": "source_updated_on", "lien_source": "source_link",
    "accessibilite_lieu": "accessibility_link",
}  # fmt: skip
"""data·inclusion's field of a structure → ours."""

ACTION_FIELDS = {
    "nom": "name", "description": "description", "type": "type", "thematiques": "thematiques",
    "publics": "publics", "publics_precisions": "publics_precisions", "conditions_acces": "conditions_acces",
    "frais": "frais", "frais_precisions": "frais_precisions", "modes_accueil": "modes_accueil",
    "modes_mobilisation": "modes_mobilisation", "mobilisable_par": "mobilisable_par",
    "mobilisation_precisions": "mobilisation_precisions", "zone_eligibilite": "zone_eligibilite",
    "volume_horaire_hebdomadaire": "weekly_hours", "nombre_semaines": "weeks",
    "horaires_accueil": "opening_hours", "adresse": "address", "complement_adresse": "address_extra",
    "code_postal": "postal_code", "commune": "commune", "code_insee": "commune_code", "latitude": "latitude",
    "longitude": "longitude", "telephone": "phone", "courriel": "email", "contact_nom_prenom": "contact_name",
    "lien_mobilisation": "mobilisation_link", "lien_source": "source_link", "date_maj": "source_updated_on",
}  # fmt: skip
"""data·inclusion's field of a service → ours."""

SCHEMA_MESSAGES = {
    "missing": "valeur manquante",
    "enum": "valeur inconnue",
    "string_type": "un texte est attendu",
    "string_too_short": "texte trop court",
    "string_too_long": "texte trop long",
    "string_pattern_mismatch": "code mal formé",
    "date_from_datetime_parsing": "date mal formée (AAAA-MM-JJ attendu)",
    "date_from_datetime_inexact": "date mal formée (AAAA-MM-JJ attendu)",
    "date_type": "date mal formée (AAAA-MM-JJ attendu)",
    "set_type": "une liste est attendue",
    "list_type": "une liste est attendue",
    "too_short": "liste vide",
    "string_unicode": "texte mal encodé",
    "float_type": "un nombre est attendu",
    "float_parsing": "un nombre est attendu",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "un nombre entier est attendu",
    "int_from_float": "un nombre entier est attendu",
    "greater_than_equal": "nombre trop petit",
    "url_type": "adresse web mal formée",
    "url_parsing": "adresse web mal formée",
    "url_scheme": "adresse web mal formée",
    "url_too_long": "adresse web trop longue",
}
"""pydantic's error types, in the user's language; the schema's own checks already speak French."""

NOT_AN_EMAIL = "value is not a valid email address"
"""How pydantic begins what it says, in English, of an e-mail address."""
OURS = "relais"
"""The source of the rows that were born here: no file may change them."""


@dataclass(frozen=True)
class Fault:
    """One fault of the file: which row, which field, why."""

    row: str
    field: str
    message: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, [self.row, f"champ {self.field}" if self.field else ""]))
        return f"{place}\u00a0: {self.message}" if place else self.message


def schema_messages(error: SchemaError) -> list[tuple[str, str]]:
    """Each faulty field of data·inclusion and what is wrong with it, in French, without repeating it."""
    found = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = item["loc"]
        message = SCHEMA_MESSAGES.get(item["type"])
        if len(place) > 2:
            # One value that may be written in several ways (a zone's codes): pydantic says why it is none of them.
            message = "code mal formé"
        elif item["msg"].startswith(NOT_AN_EMAIL):
            message = "adresse e-mail mal formée"
        elif message is None:
            own = item["type"] in {"value_error", "avertissement"}
            message = item["msg"].removeprefix("Value error, ") if own else "valeur refusée"
        found.append((str(place[0]) if place else "", message))
    return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Kind:
    """One of the two lists of the format: its name in files, its schema, our model and the fields that they share.

    `derived` are our fields that an import works out of the others, and that a structure may then change.
    """

    name: str
    schema: type[v1.Structure | v1.Service]
    model: type[models.Model]
    fields: Mapping[str, str]
    derived: tuple[str, ...]

    @cached_property
    def required(self) -> frozenset[str]:
        """The fields without which a row is nothing."""
        return frozenset(name for name, field in self.schema.model_fields.items() if field.is_required())

    @cached_property
    def columns(self) -> dict[str, models.Field[Any, Any]]:
        """Our column for each field of the format."""
        return {theirs: self.column(ours) for theirs, ours in self.fields.items()}

    @cached_property
    def lists(self) -> frozenset[str]:
        """The fields that hold a list."""
        return frozenset(
            theirs for theirs, column in self.columns.items() if isinstance(column, ArrayField | models.JSONField)
        )

    def column(self, ours: str) -> models.Field[Any, Any]:
        """A column of our model."""
        column = self.model._meta.get_field(ours)
        assert isinstance(column, models.Field)
        return column


STRUCTURES = Kind("structures", v1.Structure, Structure, STRUCTURE_FIELDS, ("kind",))
SERVICES = Kind("services", v1.Service, Action, ACTION_FIELDS, ("themes", "shape", "criteria"))
KINDS = (STRUCTURES, SERVICES)
"""Structures first: services belong to them."""
