"""What the lists of the API can be narrowed by."""

from __future__ import annotations

import django_filters
from django.db.models import Q

from referrals.models import Referral
from referrals.models.referral import ReferralQuerySet
from referrals.states import State


class ReferralFilter(django_filters.FilterSet):
    """What a list of fiches can be narrowed by."""

    state = django_filters.MultipleChoiceFilter(choices=State.choices)
    direction = django_filters.ChoiceFilter(
        choices=[("sent", "Envoyées"), ("received", "Reçues")], method="by_direction"
    )
    person = django_filters.UUIDFilter(field_name="person_id")

    class Meta:
        model = Referral
        fields = ("state", "direction", "person")

    def by_direction(self, rows: ReferralQuerySet, name: str, value: str) -> ReferralQuerySet:
        """Fiches sent, or received, by the caller's structure."""
        structure = self.request.parser_context["view"].door.structure
        return rows.filter(Q(sender=structure) if value == "sent" else Q(receiver=structure))
