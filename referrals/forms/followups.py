"""What a colleague notes after a call: three questions, or why there is no answer."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone

from referrals.forms.inputs import FreeText, not_after
from referrals.models import FollowUp, FollowUpSituation
from referrals.models.followup import FollowUpState
from structures.forms.fields import DayField

NO_ANSWER, UNREACHABLE, REFUSED, MOVED, CALLED = "no_answer", "unreachable", "refused", "moved", "called"
CALL, REFERRAL = "call", "referral"

SAID: dict[FollowUpSituation, str] = {
    FollowUpSituation.JOB: "En emploi",
    FollowUpSituation.TRAINING: "En formation",
    FollowUpSituation.SEARCHING: "Cherche encore",
    FollowUpSituation.HELP: "Autre, ou besoin d’aide",
}
"""The person's four answers, as a colleague notes them."""


class CallForm(forms.Form):
    """The outcome of one call: the answers to its three questions, or why there is none."""

    outcome = forms.ChoiceField(
        label="1. Sa situation",
        help_text="« Aujourd’hui, où en êtes-vous : un emploi, une formation, vous cherchez encore ? »",
        widget=forms.RadioSelect,
        error_messages={"required": "Choisissez ce que la personne a répondu, ou pourquoi il n’y a pas de réponse."},
    )
    note = FreeText(
        label="2. Ce que c’est",
        help_text="« Qu’est-ce que vous faites, et depuis quand ? »",
        required=False,
        rows=1,
        max_length=400,
    )
    since = DayField(label="Depuis le", required=False)
    wish = forms.ChoiceField(
        label="3. La suite",
        help_text="« Voulez-vous qu’on vous rappelle, ou qu’on cherche autre chose ensemble ? »",
        widget=forms.RadioSelect,
        required=False,
    )

    def __init__(
        self, *args: Any, followup: FollowUp, now: dt.datetime, may_refer: bool = False, **kwargs: Any
    ) -> None:
        self.followup, self.today = followup, timezone.localdate(now)
        super().__init__(*args, **kwargs)
        no_answer = [(NO_ANSWER, "Pas de réponse cette fois")]
        if followup.state == FollowUpState.ANSWERED:
            if followup.may_be_unreachable:
                no_answer.append((UNREACHABLE, "Injoignable, ne plus rappeler"))
            self._offer("outcome", [(CALLED, "C’est fait : la personne a été rappelée"), *no_answer])
            self.fields["outcome"].label, self.fields["outcome"].help_text = "Après l’appel", ""
            for name in ("note", "since", "wish"):
                del self.fields[name]
            return
        unreachable = "Injoignable, ne plus appeler" if followup.may_be_unreachable else "Aucun numéro ne marche"
        no_answer += [
            (UNREACHABLE, unreachable),
            (REFUSED, "Ne souhaite pas répondre"),
            (MOVED, "A quitté le territoire"),
        ]
        said = [(code.value, label) for code, label in SAID.items()]
        self._offer("outcome", [("Sa réponse", said), ("Pas de réponse", no_answer)])
        refer = [(REFERRAL, "Une nouvelle orientation")] if may_refer else []
        self._offer("wish", [("", "Rien de plus"), (CALL, "Être rappelée"), *refer])

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_since(self) -> dt.date | None:
        """A situation began some day up to today."""
        since: dt.date | None = self.cleaned_data["since"]
        if since is not None:
            not_after(since, self.today, "Cette date est à venir : notez depuis quand elle est dans cette situation.")
        return since
