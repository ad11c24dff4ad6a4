"""The letters of the case: one function per letter, one pair of templates of the same name.

A letter to a structure says which fiche, what happened and what to do; never who the person is: that is read behind
the login, or behind the letter's own link (its `key`) where it goes to an address without an account. A letter to the
person names neither the person nor the structure. A subject holds a reference at most.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from referrals import deadlines
from referrals.calendars import Invitation, Method, invitation
from referrals.followup_words import DEFAULT, WORDS
from referrals.french import weekday_moment_words
from referrals.models import Appointment, FollowUpMonths, Key, Referral
from referrals.policies import PolicyKind
from referrals.states import AFTER_REASON, AppointmentState, Reason, State
from structures.models import Action, Structure
from structures.vocabulary import NeedTheme

MOST_LISTED = 10
"""Actions that a letter names; the others are counted."""


REPEATED = ("réponse attendue", "réponse toujours attendue")
"""The subject of the first recall, and of those that follow it."""

MOST_IN_DIGEST = 50
"""Lines of a digest; the others are counted."""


Change = Literal["set", "moved", "cancelled"]
"""What there is to tell of a rendez-vous."""


@dataclass(frozen=True)
class Letter:
    """What is to be said, before it is known to which addresses. `name` is that of its function and templates.

    `invitation` goes to each address's calendar.
    """

    name: str
    subject: str
    body_text: str
    body_html: str
    holds_link: bool = False
    invitation: Invitation | None = None


def _write(
    name: str,
    subject: str,
    url: str,
    button: str,
    *,
    holds_link: bool = False,
    invitation: Invitation | None = None,
    **context: Any,
) -> Letter:
    full = {**context, "subject": subject, "url": url, "button": button, "site_url": settings.SITE_URL}
    text = render_to_string(f"referrals/emails/{name}.txt", full).strip() + "\n"
    html = render_to_string(f"referrals/emails/{name}.html", full).strip() + "\n"
    return Letter(name, subject, text, html, holds_link, invitation)


def _about(
    name: str,
    referral: Referral,
    what: str,
    button: str = "Ouvrir la fiche",
    *,
    key: Key | None = None,
    **context: Any,
) -> Letter:
    if key is None:
        path = reverse("referrals:referral_detail", args=[referral.reference])
    else:
        path = reverse("referrals:link", args=[key.token])
        context["link_until"] = key.until
    subject = f"Fiche {referral.reference}\u00a0: {what}"
    url = settings.SITE_URL + path
    return _write(name, subject, url, button, holds_link=key is not None, referral=referral, **context)


# To the receiver


def referral_received(referral: Referral, key: Key | None = None) -> Letter:
    """A fiche has arrived and awaits an answer."""
    return _about(
        "referral_received",
        referral,
        "nouvelle fiche reçue",
        "Lire la fiche et répondre",
        key=key,
        answer_due_on=referral.answer_due_on(),
    )


def referral_unanswered(referral: Referral, tier: int, key: Key | None = None) -> Letter:
    """The fiche still awaits its answer; each `tier` of the structure's rule says it more firmly, the last one most."""
    rule = referral.rules[PolicyKind.UNANSWERED]
    is_last = tier == rule.last_tier
    what = "dernier rappel avant clôture" if is_last else REPEATED[tier > 0]
    return _about(
        "referral_unanswered",
        referral,
        what,
        "Répondre à la fiche",
        key=key,
        tier=tier,
        is_last=is_last,
        days=rule.delays[tier],
        closes_on=referral.closes_on(),
    )


def referral_cancelled(referral: Referral) -> Letter:
    """The sender took the fiche back: nothing more to do."""
    called_off = _called_off(referral)
    return _about(
        "referral_cancelled",
        referral,
        "annulée par le prescripteur",
        appointment=called_off,
        invitation=invitation(called_off, "CANCEL") if called_off is not None else None,
    )


def referral_reopened_receiver(referral: Referral, key: Key | None = None) -> Letter:
    """The sender has opened the fiche again: it awaits an answer."""
    return _about(
        "referral_reopened_receiver",
        referral,
        "rouverte par le prescripteur",
        "Lire la fiche et répondre",
        key=key,
        answer_due_on=referral.answer_due_on(),
    )


def place_confirmed(referral: Referral, key: Key | None = None) -> Letter:
    """The sender has confirmed the place: the person is expected."""
    return _about("place_confirmed", referral, "place confirmée", key=key, expected_on=referral.expected_on)


def place_passed_receiver(referral: Referral, key: Key | None = None) -> Letter:
    """The offered place was not taken: it goes to the next one."""
    return _about("place_passed_receiver", referral, "place non confirmée", key=key)


def referral_expired_receiver(referral: Referral, key: Key | None = None) -> Letter:
    """The fiche was closed because nobody answered."""
    return _about("referral_expired_receiver", referral, "close sans réponse", key=key, days=_expiry_days(referral))


def question_answered(referral: Referral, key: Key | None = None) -> Letter:
    """The sender has answered the question: the delay runs again."""
    return _about(
        "question_answered",
        referral,
        "le prescripteur a répondu",
        "Lire la réponse et décider",
        key=key,
        answer_due_on=referral.answer_due_on(),
    )


def question_unanswered(referral: Referral, key: Key | None = None) -> Letter:
    """The question stays without an answer: the structure may decide without it."""
    days = deadlines.CLARIFICATION_WORKING_DAYS[-1]
    return _about("question_unanswered", referral, "question sans réponse", "Décider de la suite", key=key, days=days)


def referral_assigned(referral: Referral) -> Letter:
    """A colleague, or a manager, has entrusted the fiche to this member."""
    return _about("referral_assigned", referral, "vous est confiée", answer_due_on=referral.answer_due_on())


def entry_to_confirm(referral: Referral, key: Key | None = None) -> Letter:
    """The rendez-vous, or the session's first day, is over: did the person come?"""
    return _about(
        "entry_to_confirm",
        referral,
        "entrée à confirmer",
        "Dire si la personne est venue",
        key=key,
        on=referral.expected_on,
    )


def new_link(referral: Referral, key: Key | None = None) -> Letter:
    """Somebody asked, without an account, for another way into the fiche."""
    return _about("new_link", referral, "nouveau lien", key=key)


def bilan_due(referral: Referral, tier: int, key: Key | None = None) -> Letter:
    """The bilan is due; each `tier` of the structure's rule says it more firmly, the last one most."""
    is_last = tier > 0 and tier == referral.rules[PolicyKind.FINAL_BILAN].last_tier
    what = "dernier rappel pour le bilan" if is_last else ("bilan attendu", "bilan toujours attendu")[tier > 0]
    return _about("bilan_due", referral, what, "Remplir le bilan", key=key, tier=tier, is_last=is_last)


def interim_bilan_due(referral: Referral, key: Key | None = None) -> Letter:
    """The person has been in the action for a while: how is it going?"""
    return _about("interim_bilan_due", referral, "bilan intermédiaire attendu", "Remplir le bilan", key=key)


def exit_due(referral: Referral, key: Key | None = None) -> Letter:
    """The action is over and nobody said what the person left for."""
    return _about("exit_due", referral, "sortie à noter", "Noter la sortie", key=key, ended_on=referral.bilan_due_on)


def referral_expiring_receiver(referral: Referral, key: Key | None = None) -> Letter:
    """The fiche is about to be closed for want of an answer."""
    return _about(
        "referral_expiring_receiver",
        referral,
        "bientôt close sans réponse",
        "Répondre à la fiche",
        key=key,
        closes_on=referral.closes_on(),
    )


# To the sender


def question_asked(referral: Referral) -> Letter:
    """The structure asks something before it decides; the question itself is read behind the login."""
    return _about("question_asked", referral, "une question avant de décider", "Lire la question et répondre")


def question_waiting(referral: Referral, tier: int) -> Letter:
    """The question still awaits its answer; `tier` 0 or 1."""
    what = ("réponse attendue à une question", "dernier rappel pour la question")[tier]
    days = deadlines.CLARIFICATION_WORKING_DAYS[tier]
    return _about("question_waiting", referral, what, "Répondre à la question", tier=tier, days=days)


def referral_accepted(referral: Referral) -> Letter:
    """The structure accepts, with the rendez-vous that stands or a first day where it gave one."""
    appointment = referral.appointments.planned().first()
    return _about(
        "referral_accepted",
        referral,
        "acceptée",
        expected_on=referral.expected_on,
        appointment=appointment,
        told_by=referral.person.written_by,
        invitation=invitation(appointment, "REQUEST") if appointment is not None else None,
    )


def referral_waitlisted(referral: Referral) -> Letter:
    """The structure has put the person on its waiting list."""
    return _about("referral_waitlisted", referral, "mise en liste d’attente")


def place_offered(referral: Referral, *, again: bool) -> Letter:
    """A place is free and held until an hour; `again` recalls it half-way."""
    what = "place toujours à confirmer" if again else "une place est proposée"
    return _about("place_offered", referral, what, "Confirmer la place", again=again)


def place_passed_sender(referral: Referral) -> Letter:
    """The offered place goes to the next one; the fiche waits at the end of the list."""
    return _about("place_passed_sender", referral, "la place est passée à la suite", "Voir où en est la fiche")


def referral_declined(referral: Referral) -> Letter:
    """The structure declines, for a coded reason that says what to do next."""
    return _about(
        "referral_declined",
        referral,
        "déclinée",
        "Voir la suite à donner",
        after=AFTER_REASON[Reason(referral.reason)],
    )


def referral_redirected(referral: Referral) -> Letter:
    """The structure has sent the fiche on to a better action."""
    if referral.advised:
        return referral_advised(referral)
    following = Referral.objects.filter(redirected_from=referral).first()
    return _about("referral_redirected", referral, "réorientée vers une autre action", following=following)


def referral_advised(referral: Referral) -> Letter:
    """The structure says which needs are to be answered elsewhere, without knowing where."""
    needs = [NeedTheme(theme).label for theme in referral.advised]
    return _about("referral_advised", referral, "d’autres besoins à regarder", "Voir la suite à donner", needs=needs)


def referral_reopened_sender(referral: Referral) -> Letter:
    """The structure has opened again a fiche that was closed: it will answer it."""
    return _about("referral_reopened_sender", referral, "rouverte par la structure")


def referral_resumed(referral: Referral) -> Letter:
    """The person is back in the action that they had left."""
    return _about("referral_resumed", referral, "retour dans l’action", bilan_due_on=referral.bilan_due_on)


def referral_missed(referral: Referral) -> Letter:
    """Accepted, but the person never came."""
    return _about(
        "referral_missed",
        referral,
        "la personne n’est pas venue",
        "Voir la suite à donner",
        after=AFTER_REASON[Reason(referral.reason)],
    )


def referral_unanswered_sender(referral: Referral) -> Letter:
    """Twelve working days without an answer: the sender may look elsewhere before the fiche closes."""
    return _about(
        "referral_unanswered_sender",
        referral,
        "toujours sans réponse",
        days=referral.rules[PolicyKind.UNANSWERED].delays[-1],
        closes_on=referral.closes_on(),
    )


def referral_acknowledged(referral: Referral) -> Letter:
    """The fiche has arrived in the structure's queue."""
    return _about("referral_acknowledged", referral, "bien arrivée", answer_due_on=referral.answer_due_on())


def referral_expiring_sender(referral: Referral) -> Letter:
    """The fiche is about to be closed for want of an answer: there is still time to call."""
    return _about(
        "referral_expiring_sender",
        referral,
        "bientôt close sans réponse",
        closes_on=referral.closes_on(),
        phone="" if referral.receiver.is_sensitive else referral.receiver.phone,
    )


def consent_ending(referral: Referral) -> Letter:
    """The person's consent is old: it is to be asked for again before the path goes on."""
    return _about("consent_ending", referral, "accord à redemander", ends_on=referral.consent_ends_on())


def retention_near(referral: Referral) -> Letter:
    """Nothing happened to the person's file for two years: it is to be archived."""
    return _about("retention_near", referral, "dossier sans suite", months=deadlines.RETENTION_MONTHS)


def referral_expired_sender(referral: Referral) -> Letter:
    """The fiche was closed because nobody answered: another action is to be found."""
    return _about(
        "referral_expired_sender",
        referral,
        "restée sans réponse",
        "Voir la suite à donner",
        days=_expiry_days(referral),
    )


def appointment_missed(appointment: Appointment) -> Letter:
    """The person excused themselves from the rendez-vous, or did not come to it."""
    excused = appointment.state == AppointmentState.EXCUSED
    what = "personne excusée au rendez-vous" if excused else "personne absente au rendez-vous"
    return _about("appointment_missed", appointment.referral, what, appointment=appointment, excused=excused)


def bilan_returned(referral: Referral) -> Letter:
    """A bilan can be read."""
    return _about("bilan_returned", referral, "bilan rendu", "Lire le bilan")


def bilan_missing(referral: Referral) -> Letter:
    """The bilan was never returned: the sender may fill in what they got otherwise."""
    return _about("bilan_missing", referral, "bilan jamais rendu", "Noter le bilan reçu autrement")


def report_published(referral: Referral) -> Letter:
    """The bilan collectif of a session that somebody they sent entered can be read; it names nobody."""
    return _write(
        "report_published",
        "Un bilan collectif est publié",
        settings.SITE_URL + reverse("reporting:session_report_detail", args=[referral.session_id]),
        "Lire le bilan collectif",
        structure=referral.receiver,
        action=referral.action,
        session=referral.session,
    )


# To both


CHANGES: dict[Change, tuple[str, Method]] = {
    "set": ("rendez-vous fixé", "REQUEST"),
    "moved": ("rendez-vous déplacé", "REQUEST"),
    "cancelled": ("rendez-vous annulé", "CANCEL"),
}
"""What becomes of a rendez-vous: the words of the subject, and what the calendars are asked to do."""


def appointment_changed(appointment: Appointment, change: Change, *, to_sender: bool) -> Letter:
    """The rendez-vous was set, moved or called off; the sender is told who tells the person."""
    what, method = CHANGES[change]
    return _about(
        "appointment_changed",
        appointment.referral,
        what,
        appointment=appointment,
        change=change,
        excused=appointment.state == AppointmentState.EXCUSED,
        to_sender=to_sender,
        told_by=appointment.referral.person.written_by,
        invitation=invitation(appointment, method),
    )


# To the coordination


def referral_escalated(referral: Referral) -> Letter:
    """A structure does not answer a fiche. Coordinators open no file: they see the delays on their page of figures."""
    return _write(
        "referral_escalated",
        f"Fiche {referral.reference}\u00a0: toujours sans réponse",
        settings.SITE_URL + reverse("reporting:dashboard"),
        "Voir les délais de réponse",
        referral=referral,
        days=referral.rules[PolicyKind.ESCALATION].delays[0],
        structure="" if referral.receiver.is_sensitive else referral.receiver.name,
        closes_on=referral.closes_on(),
    )


# To the managers of a structure


def actions_to_confirm(structure: Structure, actions: Sequence[Action]) -> Letter:
    """Some of the structure's actions have not been confirmed for six months: are they still true?"""
    url = f"{settings.SITE_URL}{reverse('structures:own_actions')}?etat=a-confirmer"
    return _write(
        "actions_to_confirm",
        "Vos actions dans Relais\u00a0: sont-elles à jour\u202f?",
        url,
        "Voir les actions à confirmer",
        structure=structure,
        actions=actions[:MOST_LISTED],
        others=max(len(actions) - MOST_LISTED, 0),
    )


# To whoever asked for it, or had many waiting


def digest(lines: Sequence[tuple[str, str]]) -> Letter:
    """What happened, by reference: each line is the subject of a letter and the address of what it is about."""
    count = len(lines)
    return _write(
        "digest",
        f"Relais\u00a0: {count} nouvelle{'s' if count > 1 else ''} de vos fiches",
        settings.SITE_URL + reverse("referrals:home"),
        "Voir ce qu’il y a à faire",
        lines=lines[:MOST_IN_DIGEST],
        others=max(count - MOST_IN_DIGEST, 0),
    )


# To the staff


def posting_resumed(since: dt.datetime, now: dt.datetime, reminders: int, letters: int, url: str) -> Letter:
    """Nothing left between two moments; it does again. `url` is the page that tells the state of what leaves."""
    return _write(
        "posting_resumed",
        "Relais\u00a0: les envois ont repris",
        url,
        "Voir l’état des envois",
        since=since,
        now=now,
        reminders=reminders,
        letters=letters,
    )


# To the person


def _to_person(name: str, appointment: Appointment, what: str, method: Method | None, **context: Any) -> Letter:
    referral = appointment.referral
    receiver = referral.receiver
    protected = receiver.is_sensitive
    return _write(
        name,
        f"Rendez-vous {referral.reference}\u00a0: {what}",
        "",
        "",
        when=weekday_moment_words(appointment.at),
        place="" if protected else appointment.place,
        structure="" if protected else receiver.name,
        phone="" if protected or not receiver.phone else receiver.phone.as_national,
        invitation=invitation(appointment, method, has_account=False) if method is not None else None,
        **context,
    )


def appointment_told(appointment: Appointment, change: Change) -> Letter:
    """To the person, in plain French: there is a rendez-vous, it has another date, or it no longer takes place."""
    what = {"set": "date et lieu", "moved": "nouvelle date", "cancelled": "annulé"}[change]
    excused = appointment.state == AppointmentState.EXCUSED
    goes_on = appointment.referral.state == State.ACCEPTED
    return _to_person(
        "appointment_told", appointment, what, CHANGES[change][1], change=change, excused=excused, goes_on=goes_on
    )


def appointment_reminder(appointment: Appointment) -> Letter:
    """To the person, two days before, in plain French."""
    return _to_person("appointment_reminder", appointment, "rappel", None)


def six_months(token: str, now: dt.datetime, *, months: int = FollowUpMonths.SIX, language: str = DEFAULT) -> Letter:
    """One question, some months later, in plain French, and beneath it in the person's `language` when they speak
    another. The link opens their page without an account."""
    url = settings.SITE_URL + reverse("referrals:followup_answer", args=[token])
    return _write(
        "six_months",
        "Une question\u00a0: comment allez-vous\u202f?",
        url,
        WORDS[DEFAULT].letter_button,
        holds_link=True,
        until=now + dt.timedelta(days=deadlines.FOLLOWUP_LINK_DAYS),
        intro=WORDS[DEFAULT].intro[months],
        other=WORDS[language] if language != DEFAULT else None,
        other_intro=WORDS[language].intro[months],
        other_language=language,
        other_url=f"{url}?langue={language}",
    )


def _expiry_days(referral: Referral) -> int:
    return referral.rules[PolicyKind.EXPIRY].delays[0]


def _called_off(referral: Referral) -> Appointment | None:
    """The rendez-vous that a closed fiche takes out of the receiver's calendar, if there was one to come."""
    last = referral.appointments.current()
    return last if last is not None and last.was_called_off and last.in_calendars else None
