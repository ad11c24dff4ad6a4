"""How the person agreed, and to what."""

from __future__ import annotations

from django.db import models


class ConsentHow(models.TextChoices):
    """How the person agreed that the fiche be sent."""

    ORAL = "oral", "De vive voix, en entretien"
    WRITTEN = "written", "Par écrit, signé"
    PHONE = "phone", "Par téléphone"
    GUARDIAN = "guardian", "Par le représentant légal"


class ConsentScope(models.TextChoices):
    """What the person agreed to share with the structure. Identity is always part of it."""

    CONTACT = "contact", "Coordonnées"
    PROFILE = "profile", "Niveaux, mobilité et situation"
    NEEDS = "needs", "Besoins et freins"
    HISTORY = "history", "Parcours déjà suivi"
