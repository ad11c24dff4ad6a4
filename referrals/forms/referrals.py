"""Sending a fiche, cancelling one, finding one in a list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import forms

from accounts.validators import no_health_detail, no_nir
from referrals.forms.person_fields import ManyChips
from referrals.models import ConsentHow, ConsentScope, Referral
from referrals.queues import QUEUES, Side, Whose
from referrals.states import REASONS, Reason, State, Verb
from structures.forms.fields import DayField
from structures.models import Action, Session

USUAL_SCOPE = [ConsentScope.CONTACT, ConsentScope.PROFILE, ConsentScope.NEEDS]
"""What a structure needs to answer; the history is only shared when the person says so."""

MAJORITY = 18

SCOPE_LABELS = {
    ConsentScope.CONTACT: "Ses coordonnées, pour la joindre",
    ConsentScope.PROFILE: "Ses niveaux, sa mobilité et sa situation",
    ConsentScope.NEEDS: "Ses besoins et ses freins",
    ConsentScope.HISTORY: "Le parcours déjà suivi",
}


def session_label(session: Session, day_words: str, today: dt.date) -> str:
    """« Dès le 7 décembre 2026 · lundi et jeudi », or « Commencée le 5 octobre 2026 » of one that runs already."""
    when = "Commencée le" if session.starts_on < today else "Dès le"
    return " · ".join(part for part in (f"{when} {day_words}", session.timetable, session.place) if part)


def scope_field() -> ManyChips:
    """What the person accepts to share."""
    return ManyChips(
        label="Elle accepte que soient transmis",
        choices=[(scope.value, SCOPE_LABELS[scope]) for scope in ConsentScope],
        help_text="Son nom, son âge, le mot ci-dessous et les documents joints sont toujours transmis.",
    )


class DraftForm(forms.Form):
    """What is typed in a draft, and saved while it is typed."""

    motive = forms.CharField(
        label="Mot pour la structure",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Facultatif. Ni détail de santé, ni numéro de sécurité sociale.",
        validators=[no_nir, no_health_detail],
    )
    session = forms.ModelChoiceField(
        label="Session",
        queryset=Session.objects.none(),
        required=False,
        empty_label="Sans préférence",
        widget=forms.RadioSelect,
    )
    consent_scope = scope_field()

    def __init__(
        self, data: Any = None, *, referral: Referral, sessions: Iterable[tuple[Session, str]] = (), prefix: str = ""
    ) -> None:
        offered = list(sessions)
        super().__init__(
            data,
            prefix=prefix or None,
            initial={
                "motive": referral.motive,
                "session": referral.session_id or "",
                "consent_scope": referral.consent_scope or USUAL_SCOPE,
            },
        )
        field = self.fields["session"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Session.objects.filter(pk__in=[session.pk for session, _ in offered])
        field.choices = [("", "Sans préférence"), *((session.pk, label) for session, label in offered)]
        if not offered:
            del self.fields["session"]

    @property
    def written(self) -> dict[str, Any]:
        """The values as `Referral.rewrite` takes them."""
        return {name: self.cleaned_data[name] for name in ("motive", "session", "consent_scope") if name in self.fields}


def consent_field() -> forms.ChoiceField:
    """How the person agreed: without it, no fiche leaves."""
    return forms.ChoiceField(
        label="La personne a donné son accord",
        choices=ConsentHow.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Dites comment l’accord a été donné : sans lui, la fiche ne part pas."},
    )


def expect_guardian(field: forms.Field, age: int | None) -> None:
    """For a minor, put the legal guardian's agreement first."""
    if age is None or age >= MAJORITY:
        return
    assert isinstance(field, forms.ChoiceField)
    guardian = (ConsentHow.GUARDIAN.value, ConsentHow.GUARDIAN.label)
    field.choices = [guardian, *(choice for choice in ConsentHow.choices if choice != guardian)]
    field.initial = ConsentHow.GUARDIAN
    field.help_text = f"{age} ans\u00a0: l’accord du représentant légal est attendu."


class SendForm(DraftForm):
    """The draft, and the consent without which no fiche leaves."""

    consent_how = consent_field()
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        referral: Referral,
        on: dt.date,
        sessions: Iterable[tuple[Session, str]] = (),
    ) -> None:
        super().__init__(data, referral=referral, sessions=sessions)
        self.initial["version"] = referral.version
        expect_guardian(self.fields["consent_how"], referral.person.age(on))


class CancelForm(forms.Form):
    """Why a fiche is cancelled; the reason is read by both structures."""

    reason = forms.ChoiceField(
        label="Motif",
        choices=[(reason.value, reason.label) for reason in REASONS[Verb.CANCEL]],
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez un motif."},
    )
    note = forms.CharField(
        label="Précision pour la structure",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        validators=[no_nir, no_health_detail],
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, referral: Referral) -> None:
        super().__init__(data, initial={"version": referral.version})
        if referral.sent_at is None:
            # Nobody has read a draft: it is thrown away without questions.
            self.fields["reason"].widget = forms.HiddenInput()
            self.initial["reason"] = Reason.MISTAKE
            del self.fields["note"]


PERIODS = {"30": "30 derniers jours", "91": "3 derniers mois", "365": "12 derniers mois"}
"""Days → words."""


class ReferralFilterForm(forms.Form):
    """The filters of the list of fiches; nothing in them tells of a person, so that they stand in the address."""

    onglet = forms.CharField(widget=forms.HiddenInput, required=False)
    file = forms.ChoiceField(label="À traiter", required=False)
    etat = forms.ChoiceField(label="État", required=False)
    qui = forms.ChoiceField(label="Suivies par", required=False, choices=[("", "Tout le monde"), *Whose.choices])
    action = forms.ChoiceField(label="Action", required=False)
    motif = forms.ChoiceField(label="Motif", required=False)
    periode = forms.ChoiceField(label="Période", required=False, choices=[("", "Toutes"), *PERIODS.items()])
    du = DayField(label="Envoyées du", required=False)
    au = DayField(label="au", required=False)
    retard = forms.BooleanField(label="En retard", required=False)

    def __init__(self, data: Any = None, *, tab: str, side: Side, actions: Iterable[Action]) -> None:
        super().__init__(data, initial={"onglet": tab})
        if tab == "brouillons":
            for name in ("file", "etat", "du", "au", "motif", "retard"):
                del self.fields[name]
        else:
            queues = [(queue.key, queue.title) for queue in QUEUES if queue.side == side and queue.key != "brouillons"]
            states = [(state.value, state.label) for state in State if state != State.DRAFT]
            self._offer("file", "Toutes", queues)
            self._offer("etat", "Tous", states)
            self._offer("motif", "Tous", list(Reason.choices))
        self._offer("action", "Toutes", [(action.slug, action.name) for action in actions])

    def _offer(self, name: str, everything: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", everything), *choices]
