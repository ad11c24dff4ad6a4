"""What the verbs of a fiche take over the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.validators import no_health_detail, no_nir
from referrals import deadlines
from referrals.api.levels import known_levels
from referrals.models import ClarificationKind, ConsentHow, ConsentScope, ExitKind, Referral
from referrals.models.appointment import EVENT_OF
from referrals.models.clarification import LONGEST
from referrals.states import REASONS, AppointmentState, Verb
from structures.vocabulary import AnlciDegree, Cecrl, NeedTheme

SAFE_TEXT = [no_nir, no_health_detail]


class NewReferral(serializers.Serializer[Any]):
    """A fiche to prepare."""

    person = serializers.UUIDField()
    action = serializers.SlugField()
    session = serializers.IntegerField(required=False)
    motive = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)
    opened_by = serializers.UUIDField(required=False, help_text="The bilan that recommends it.")
    opened_after = serializers.UUIDField(required=False, help_text="The check after an exit from which it is opened.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A fiche is opened by one thing."""
        if "opened_by" in attrs and "opened_after" in attrs:
            raise serializers.ValidationError({"opened_after": "Choisissez le bilan ou le suivi, pas les deux."})
        return attrs


class DraftChange(serializers.ModelSerializer[Referral]):
    """What may still change before the fiche is sent."""

    class Meta:
        model = Referral
        fields = ("motive",)


class Versioned(serializers.Serializer[Any]):
    """Every verb may carry the version that its caller has read: an older one answers 409."""

    version = serializers.IntegerField(required=False, min_value=0)


class SendInput(Versioned):
    """Sending, with the person's consent."""

    consent_how = serializers.ChoiceField(ConsentHow.choices)
    consent_scope = serializers.ListField(child=serializers.ChoiceField(ConsentScope.choices))


class AcceptInput(Versioned):
    """Accepting, with a rendez-vous or a session."""

    appointment_at = serializers.DateTimeField(required=False)
    appointment_place = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=200, validators=SAFE_TEXT
    )
    appointment_minutes = serializers.IntegerField(
        required=False, default=deadlines.APPOINTMENT_MINUTES, min_value=5, max_value=720
    )
    session = serializers.IntegerField(required=False, allow_null=True)
    note = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)


class MeetInput(Versioned):
    """A rendez-vous, or the new date of the one that is planned."""

    at = serializers.DateTimeField()
    minutes = serializers.IntegerField(
        required=False, default=deadlines.APPOINTMENT_MINUTES, min_value=5, max_value=720
    )
    place = serializers.CharField(required=False, default="", allow_blank=True, max_length=200, validators=SAFE_TEXT)


class SettleInput(Versioned):
    """What came of the rendez-vous."""

    outcome = serializers.ChoiceField([(state, AppointmentState(state).label) for state in EVENT_OF])


class NoteInput(Versioned):
    """A verb with a word to the other structure."""

    note = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)


class WaitlistInput(NoteInput):
    """Putting on the waiting list, of a session or of whichever comes (`null`); left out, as the fiche asks."""

    session = serializers.IntegerField(required=False, allow_null=True)


class OfferInput(Versioned):
    """Offering a place, of a session where the action has any."""

    session = serializers.IntegerField(required=False)


class DeclineInput(NoteInput):
    """Declining, with its coded reason; when that is a condition, which one."""

    reason = serializers.ChoiceField([(reason.value, reason.label) for reason in REASONS[Verb.DECLINE]])
    criteria = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        default=list,
        help_text="Codes of `conditions`, or « other » with a note; needed for `not_eligible`.",
    )


class QuestionInput(Versioned):
    """A question before deciding, or a request for another way to reach the person."""

    kind = serializers.ChoiceField(ClarificationKind.choices, default=ClarificationKind.QUESTION)
    question = serializers.CharField(max_length=LONGEST, validators=SAFE_TEXT)


class ClarifyInput(Versioned):
    """The sender's answer."""

    answer = serializers.CharField(max_length=LONGEST, validators=SAFE_TEXT)


class AssignInput(Versioned):
    """A member of the structure, by their number; nobody when null."""

    to = serializers.IntegerField(allow_null=True)


class HandOverInput(Versioned):
    """A member of the structure, by their number."""

    to = serializers.IntegerField()


class CancelInput(NoteInput):
    """Cancelling, with its coded reason."""

    reason = serializers.ChoiceField([(reason.value, reason.label) for reason in REASONS[Verb.CANCEL]])


class MissInput(NoteInput):
    """The person never came, with its coded reason."""

    reason = serializers.ChoiceField([(reason.value, reason.label) for reason in REASONS[Verb.MISS]])


class RedirectInput(NoteInput):
    """Redirecting to a better action, under the same consent; or to needs, when no action is known."""

    to = serializers.SlugField(required=False)
    advised = serializers.ListField(child=serializers.ChoiceField(NeedTheme.choices), required=False, default=list)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        """An action or needs, not both."""
        if ("to" in values) == bool(values["advised"]):
            raise serializers.ValidationError({"to": "Nommez une action, ou les besoins auxquels répondre plutôt."})
        return values


class ReopenInput(Versioned):
    """Opening a closed fiche again, or coming back to the action, and why."""

    note = serializers.CharField(max_length=500, validators=SAFE_TEXT)


class EnterInput(Versioned):
    """The person came."""

    on = serializers.DateField()


class PositionInput(Versioned):
    """The result of a positionnement."""

    on = serializers.DateField()
    levels = serializers.DictField(child=serializers.IntegerField())
    french_oral = serializers.ChoiceField(Cecrl.choices, required=False, default="", allow_blank=True)
    french_written = serializers.ChoiceField(Cecrl.choices, required=False, default="", allow_blank=True)
    anlci = serializers.ChoiceField(AnlciDegree.choices, required=False, allow_null=True, default=None)
    conclusion = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)
    private_notes = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)
    recommended = serializers.ListField(child=serializers.ChoiceField(NeedTheme.choices), required=False, default=list)

    def validate_levels(self, levels: dict[str, int]) -> dict[str, int]:
        """Levels on the axes of the scales; those of French have fields of their own."""
        return known_levels(levels)


class ExitInput(Versioned):
    """A typed exit."""

    on = serializers.DateField()
    kind = serializers.ChoiceField(ExitKind.choices)
    note = serializers.CharField(required=False, default="", allow_blank=True, validators=SAFE_TEXT)
