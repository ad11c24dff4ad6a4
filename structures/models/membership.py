"""Who works where, and as what."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from structures.models.structure import Structure
from structures.vocabulary import Role


class Membership(models.Model):
    """A user's place in a structure. One user may belong to several, and hold several roles in each."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name="membre"
    )
    structure = models.ForeignKey(Structure, models.CASCADE, related_name="memberships", verbose_name="structure")
    roles = ArrayField(models.CharField(max_length=12, choices=Role), verbose_name="rôles")
    is_active = models.BooleanField("actif", default=True)
    created_at = models.DateTimeField("créé le", auto_now_add=True)

    class Meta:
        verbose_name = "appartenance"
        verbose_name_plural = "appartenances"
        ordering = ["structure__name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "structure"], name="membership_once_per_structure"),
            models.CheckConstraint(
                condition=models.Q(roles__contained_by=Role.values) & models.Q(roles__len__gt=0),
                name="membership_has_known_roles",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.structure}"
