"""The rendez-vous of a fiche, over the API."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from referrals.api.door import FileOrProblem, a_file
from referrals.api.fiche import OneReferral, ReferralDetailSerializer
from referrals.api.inputs import MeetInput, SettleInput, Versioned
from referrals.files import calendar_response
from referrals.forms.appointments import hindrance
from referrals.models import Appointment, Referral, StaleReferral, TooEarly


class Appointments(OneReferral):
    """Set or moved, its outcome noted and taken back, the person told, and the file for a calendar."""

    @extend_schema(request=MeetInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def meet(self, request: Request, reference: str) -> Response:
        """Set the rendez-vous of an accepted fiche, or move the one that is planned."""
        referral, values = self._perform("meet", MeetInput)
        now = timezone.now()
        problem = hindrance(referral, values["at"], values["minutes"], now)
        if problem:
            raise serializers.ValidationError({"at": problem})
        referral.meet(self.door.actor, now, **cast("dict[str, Any]", values))
        return self._detail(referral)

    @extend_schema(request=SettleInput, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, reference: str) -> Response:
        """Note what came of the rendez-vous: the person came, was excused, was absent, or it is called off."""
        referral, values = self._perform("settle", SettleInput)
        row = self._planned(referral, "settle")
        try:
            row.close(actor=self.door.actor, now=timezone.now(), **cast("dict[str, Any]", values))
        except TooEarly as early:
            raise serializers.ValidationError({"outcome": "Le rendez-vous est à venir."}) from early
        return self._detail(referral)

    @extend_schema(request=Versioned, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def unsettle(self, request: Request, reference: str) -> Response:
        """Take back what was noted of the rendez-vous, within ten minutes; nobody hears of it."""
        referral, values = self._perform("unsettle", Versioned)
        row = referral.appointments.current()
        if row is None:
            raise StaleReferral(referral, "unsettle")
        row.referral = referral
        row.unsettle(self.door.actor, timezone.now(), **values)
        return self._detail(referral)

    @extend_schema(request=None, responses=ReferralDetailSerializer)
    @action(detail=True, methods=["post"])
    def tell(self, request: Request, reference: str) -> Response:
        """Note that the person was reminded of the rendez-vous by telephone, when somebody had to."""
        referral = self.door.referral(reference)
        self.door.require("tell", referral)
        if not self._planned(referral, "tell").tell(self.door.actor, timezone.now()):
            raise serializers.ValidationError({"notice": "Il n’y a plus personne à prévenir pour cette fiche."})
        return self._detail(referral)

    @extend_schema(responses=a_file("text/calendar"))
    @action(detail=True, url_path="calendar", content_negotiation_class=FileOrProblem)
    def calendar(self, request: Request, reference: str) -> HttpResponse:
        """The rendez-vous that stands, as an iCalendar file. 404 where there is none."""
        referral = self.door.referral(reference)
        self.door.require("view", referral)
        row = referral.appointments.planned().first()
        if row is None:
            raise Http404
        row.referral = referral
        return calendar_response(row, timezone.now())

    def _planned(self, referral: Referral, what: str) -> Appointment:
        row = referral.appointments.planned().first()
        if row is None:
            raise StaleReferral(referral, what)
        row.referral = referral
        return row
