"""Every letter and every text message, each with an invented example: built in memory, nothing is written.

The database is only asked for what hangs on the invented fiche, which it does not know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.urls import reverse

from accounts.emails import drawn
from referrals import emails, sms
from referrals.followup_words import DEFAULT, WORDS
from referrals.gsm7 import SEGMENT
from referrals.models import Appointment, ContactChannel, Key, Person, Referral
from referrals.states import AppointmentState, Reason, State
from structures.models import Action, Session, Structure
from structures.vocabulary import NeedTheme

TOKEN = "EXEMPLE-" * 5 + "lie"
"""As long as a real one, and opens nothing."""


@dataclass(frozen=True)
class Example:
    """One letter or text message as it would leave. `septets` is 0 for a letter.

    `language` is the code of the one that it speaks besides French; often none.
    """

    name: str
    family: str
    subject: str
    text: str
    html: str = ""
    septets: int = 0
    language: str = ""

    @property
    def spoken(self) -> str:
        """That language's own name."""
        return WORDS[self.language].name if self.language else ""

    @property
    def left(self) -> int:
        """What is left of the segment."""
        return SEGMENT - self.septets


class Scene:
    """The invented fiche."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        sender = Structure(name="Mission locale de l’exemple", email="mission@example.org")
        receiver = Structure(name="Atelier de l’exemple", email="atelier@example.org", phone="+33199000100")
        self.action = Action(name="Français au quotidien", slug="exemple", structure=receiver)
        self.person = Person(first_name="Exemple", last_name="Exemple", recorded_by=sender)
        self.person.email, self.person.contact_channel = "personne@example.org", ContactChannel.EMAIL
        self.referral = Referral(
            reference="R-EXEMPL",
            person=self.person,
            action=self.action,
            sender=sender,
            receiver=receiver,
            state=State.SENT,
            sent_at=now,
            consent_at=now,
            session=Session(pk=0, action=self.action, code="EXEMPLE", starts_on=now.date()),
            clock_from=now,
            reason=Reason.NO_PLACE,
            offered_until=now + dt.timedelta(days=3),
            appointment_at=now + dt.timedelta(days=9),
            created_at=now,
            updated_at=now,
        )
        self.advised = Referral(
            reference="R-EXEMPL",
            person=self.person,
            action=self.action,
            sender=sender,
            receiver=receiver,
            state=State.REDIRECTED,
            advised=[NeedTheme.DIGITAL, NeedTheme.MOBILITY],
        )
        self.key = Key(TOKEN, now + dt.timedelta(days=30))

    def appointment(self, state: AppointmentState = AppointmentState.PLANNED) -> Appointment:
        """The fiche's rendez-vous."""
        at = self.now + dt.timedelta(days=9)
        return Appointment(referral=self.referral, number=1, at=at, place="3 rue de l’Exemple", state=state)


Draw = Callable[[Scene], emails.Letter]
LETTERS: dict[str, dict[str, Draw]] = {
    "À la structure qui reçoit": {
        "referral_received": lambda scene: emails.referral_received(scene.referral, scene.key),
        "referral_unanswered": lambda scene: emails.referral_unanswered(scene.referral, 2, scene.key),
        "referral_cancelled": lambda scene: emails.referral_cancelled(scene.referral),
        "referral_reopened_receiver": lambda scene: emails.referral_reopened_receiver(scene.referral, scene.key),
        "referral_expired_receiver": lambda scene: emails.referral_expired_receiver(scene.referral, scene.key),
        "referral_assigned": lambda scene: emails.referral_assigned(scene.referral),
        "question_answered": lambda scene: emails.question_answered(scene.referral, scene.key),
        "question_unanswered": lambda scene: emails.question_unanswered(scene.referral, scene.key),
        "place_confirmed": lambda scene: emails.place_confirmed(scene.referral, scene.key),
        "place_passed_receiver": lambda scene: emails.place_passed_receiver(scene.referral, scene.key),
        "entry_to_confirm": lambda scene: emails.entry_to_confirm(scene.referral, scene.key),
        "referral_expiring_receiver": lambda scene: emails.referral_expiring_receiver(scene.referral, scene.key),
        "interim_bilan_due": lambda scene: emails.interim_bilan_due(scene.referral, scene.key),
        "exit_due": lambda scene: emails.exit_due(scene.referral, scene.key),
        "bilan_due": lambda scene: emails.bilan_due(scene.referral, 1, scene.key),
        "new_link": lambda scene: emails.new_link(scene.referral, scene.key),
    },
    "Au prescripteur": {
        "referral_accepted": lambda scene: emails.referral_accepted(scene.referral),
        "referral_waitlisted": lambda scene: emails.referral_waitlisted(scene.referral),
        "referral_declined": lambda scene: emails.referral_declined(scene.referral),
        "referral_redirected": lambda scene: emails.referral_redirected(scene.referral),
        "referral_advised": lambda scene: emails.referral_advised(scene.advised),
        "referral_reopened_sender": lambda scene: emails.referral_reopened_sender(scene.referral),
        "referral_resumed": lambda scene: emails.referral_resumed(scene.referral),
        "referral_missed": lambda scene: emails.referral_missed(scene.referral),
        "referral_unanswered_sender": lambda scene: emails.referral_unanswered_sender(scene.referral),
        "referral_expired_sender": lambda scene: emails.referral_expired_sender(scene.referral),
        "referral_acknowledged": lambda scene: emails.referral_acknowledged(scene.referral),
        "referral_expiring_sender": lambda scene: emails.referral_expiring_sender(scene.referral),
        "consent_ending": lambda scene: emails.consent_ending(scene.referral),
        "retention_near": lambda scene: emails.retention_near(scene.referral),
        "question_asked": lambda scene: emails.question_asked(scene.referral),
        "question_waiting": lambda scene: emails.question_waiting(scene.referral, 1),
        "place_offered": lambda scene: emails.place_offered(scene.referral, again=True),
        "place_passed_sender": lambda scene: emails.place_passed_sender(scene.referral),
        "appointment_missed": lambda scene: emails.appointment_missed(scene.appointment(AppointmentState.ABSENT)),
        "bilan_returned": lambda scene: emails.bilan_returned(scene.referral),
        "report_published": lambda scene: emails.report_published(scene.referral),
        "bilan_missing": lambda scene: emails.bilan_missing(scene.referral),
    },
    "Aux deux structures": {
        "appointment_changed": lambda scene: emails.appointment_changed(scene.appointment(), "moved", to_sender=True),
        "actions_to_confirm": lambda scene: emails.actions_to_confirm(scene.action.structure, [scene.action]),
        "digest": lambda scene: emails.digest(
            [(emails.referral_declined(scene.referral).subject, f"{settings.SITE_URL}/fiches/R-EXEMPL/")] * 6
        ),
    },
    "À la coordination": {
        "referral_escalated": lambda scene: emails.referral_escalated(scene.referral),
    },
    "À l’équipe technique": {
        "posting_resumed": lambda scene: emails.posting_resumed(
            scene.now - dt.timedelta(hours=3), scene.now, 12, 40, f"{settings.SITE_URL}/exploitation/"
        ),
    },
    "À la personne": {
        "appointment_told": lambda scene: emails.appointment_told(scene.appointment(), "moved"),
        "appointment_reminder": lambda scene: emails.appointment_reminder(scene.appointment()),
        "six_months": lambda scene: emails.six_months(TOKEN, scene.now),
    },
}
"""By whom they are written to, each letter in the case in which it says most."""

TEXTS: dict[str, Callable[[Scene], sms.Text]] = {
    "appointment_told": lambda scene: sms.appointment_told(scene.appointment(), "cancelled"),
    "appointment_reminder": lambda scene: sms.appointment_reminder(scene.appointment()),
    "six_months": lambda scene: sms.six_months(TOKEN),
}

ACCOUNT_LETTERS = (
    "invitation",
    "password_reset_key",
    "unknown_account",
    "password_reset",
    "password_set",
    "password_changed",
    "email_confirmation",
    "email_changed",
    "email_deleted",
)

LANGUAGE_FAMILY = "À la personne, dans sa langue"
TEXT_FAMILY, ACCOUNT_FAMILY = "SMS à la personne", "Sur les comptes"


def examples(now: dt.datetime) -> list[Example]:
    """Every letter and text message, by family."""
    scene = Scene(now)
    found = []
    for family, letters in LETTERS.items():
        for name, draw in letters.items():
            letter = draw(scene)
            found.append(Example(name, family, letter.subject, letter.body_text, letter.body_html))
    for language in WORDS:
        if language != DEFAULT:
            letter = emails.six_months(TOKEN, now, language=language)
            name = f"six_months-{language}"
            found.append(
                Example(name, LANGUAGE_FAMILY, letter.subject, letter.body_text, letter.body_html, language=language)
            )
    for name, write in TEXTS.items():
        text = write(scene)
        found.append(Example(f"sms-{name}", TEXT_FAMILY, text.body, text.body, septets=text.septets))
    link = settings.SITE_URL + reverse("account_reset_password_from_key", args=["exemple", "exemple"])
    context = {
        "password_url": link,
        "password_reset_url": link,
        "activate_url": settings.SITE_URL + reverse("account_confirm_email", args=["exemple"]),
        "days": 3,
        "timestamp": now,
    }
    for name in ACCOUNT_LETTERS:
        subject, body = drawn(f"account/email/{name}", context)
        found.append(Example(f"compte-{name}", ACCOUNT_FAMILY, subject, body))
    return found
