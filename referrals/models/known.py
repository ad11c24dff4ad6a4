"""Who is known to whom: which structure sees which person, in rows that PostgreSQL keeps by itself."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F

from structures.models import Structure

RECORDED = """
    INSERT INTO referrals_known (structure_id, person_id, search_name)
    VALUES (NEW.recorded_by_id, NEW.id, NEW.search_name)
    ON CONFLICT (structure_id, person_id) DO NOTHING;
    IF TG_OP = 'UPDATE' THEN
        UPDATE referrals_known SET search_name = NEW.search_name
         WHERE person_id = NEW.id AND search_name <> NEW.search_name;
        DELETE FROM referrals_known k
         WHERE NEW.recorded_by_id <> OLD.recorded_by_id
           AND k.person_id = NEW.id AND k.structure_id = OLD.recorded_by_id
           AND NOT EXISTS (SELECT 1 FROM referrals_referral r
                            WHERE r.person_id = NEW.id AND r.receiver_id = OLD.recorded_by_id
                              AND r.sent_at IS NOT NULL);
    END IF;
    RETURN NULL;
"""
"""On a person: the structure that recorded them knows them."""

SENT = """
    IF TG_OP <> 'DELETE' AND NEW.sent_at IS NOT NULL THEN
        INSERT INTO referrals_known (structure_id, person_id, search_name)
        SELECT NEW.receiver_id, p.id, p.search_name FROM referrals_person p WHERE p.id = NEW.person_id
        ON CONFLICT (structure_id, person_id) DO NOTHING;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.sent_at IS NOT NULL AND (
        TG_OP = 'DELETE' OR NEW.sent_at IS NULL
        OR NEW.receiver_id <> OLD.receiver_id OR NEW.person_id <> OLD.person_id
    ) THEN
        DELETE FROM referrals_known k
         WHERE k.structure_id = OLD.receiver_id AND k.person_id = OLD.person_id
           AND NOT EXISTS (SELECT 1 FROM referrals_person p
                            WHERE p.id = OLD.person_id AND p.recorded_by_id = OLD.receiver_id)
           AND NOT EXISTS (SELECT 1 FROM referrals_referral r
                            WHERE r.person_id = OLD.person_id AND r.receiver_id = OLD.receiver_id
                              AND r.sent_at IS NOT NULL);
    END IF;
    RETURN NULL;
"""
"""On a fiche: the structure to which it was sent knows its person, until the last one is taken back."""


class Known(models.Model):
    """One person who is known to one structure, with the name under which they are searched.

    Derived: two triggers write it, nobody else does. A structure then finds its own people among millions by one
    index, which holds the structure and the pieces of the names together.
    """

    structure = models.ForeignKey(Structure, models.CASCADE, related_name="+", verbose_name="structure")
    person = models.ForeignKey(
        "referrals.Person", models.CASCADE, related_name="known", verbose_name="personne", editable=False
    )
    search_name = models.TextField("nom cherché", editable=False)

    class Meta:
        verbose_name = "personne connue"
        verbose_name_plural = "personnes connues"
        ordering = ["structure", "person"]
        constraints = [models.UniqueConstraint(fields=["structure", "person"], name="known_once")]
        indexes = [GinIndex(F("structure"), OpClass(F("search_name"), name="gin_trgm_ops"), name="known_by_name")]

    def __str__(self) -> str:
        return f"{self.person_id} → {self.structure_id}"
