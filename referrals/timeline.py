"""What happened to a fiche and what is expected next, in French lines: who, when, why.

Pure reading. The lines come from the journal; the words (a note, a rendez-vous) come from the fiche, since the journal
holds codes and dates only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from referrals.disclosure import is_hidden_on, short_name
from referrals.french import day_words, distance_words, listed, lower_first, moment_words
from referrals.models import (
    AttachmentKind,
    BilanKind,
    CannotReopen,
    ConsentHow,
    ConsentScope,
    Event,
    EventKind,
    FollowUpChannel,
    FollowUpMonths,
    FollowUpSituation,
    NoPlaceLeft,
    Origin,
    Referral,
    StaleReferral,
)
from referrals.states import AFTER_REASON, TO_MEET_AGAIN, AppointmentState, Reason, State
from referrals.steps import Step, after_end
from structures.models import Structure
from structures.vocabulary import ActionShape, NeedTheme


@dataclass(frozen=True)
class Entry:
    """One line of a timeline, as `components/timeline.html` draws it."""

    when: dt.date | dt.datetime
    label: str
    who: str = ""
    detail: str = ""
    tone: str = ""
    icon: str = ""
    upcoming: bool = False

    @property
    def when_sort(self) -> dt.datetime:
        """The moment, for sorting: a bare day counts from its start."""
        if isinstance(self.when, dt.datetime):
            return self.when
        return timezone.make_aware(dt.datetime.combine(self.when, dt.time.min))


TONES: dict[str, tuple[str, str]] = {
    EventKind.PERSON_RECORDED: ("", "user-round-plus"),
    EventKind.PERSON_CHANGED: ("", "pencil-line"),
    EventKind.PERSON_WITHDRAWN: ("", "undo-2"),
    EventKind.MERGED: ("", "merge"),
    EventKind.SPLIT: ("", "split"),
    EventKind.EXPORTED: ("", "download"),
    EventKind.MOVED_AWAY: ("", "truck"),
    EventKind.CAME_BACK: ("", "house"),
    EventKind.NEEDS_RECORDED: ("", "list-checks"),
    EventKind.NEED_CLOSED: ("", "check-check"),
    EventKind.MOBILITY_READ: ("", "bus"),
    EventKind.DRAFTED: ("", "file-pen-line"),
    EventKind.SEND: ("sent", "send"),
    EventKind.RECALL: ("", "undo-2"),
    EventKind.ACCEPT: ("accepted", "check"),
    EventKind.WAITLIST: ("late", "hourglass"),
    EventKind.OFFER: ("accepted", "ticket"),
    EventKind.CONFIRM: ("accepted", "check"),
    EventKind.LAPSE: ("late", "hourglass"),
    EventKind.DECLINE: ("declined", "x"),
    EventKind.REDIRECT: ("sent", "corner-up-right"),
    EventKind.RETRACT: ("", "undo-2"),
    EventKind.RETRACT_TO_LIST: ("", "undo-2"),
    EventKind.ASKED: ("late", "message-circle-question-mark"),
    EventKind.CONTACT_ASKED: ("late", "phone-missed"),
    EventKind.CLARIFIED: ("sent", "message-circle"),
    EventKind.UNASKED: ("", "undo-2"),
    EventKind.ASSIGNED: ("", "user-round-check"),
    EventKind.HANDED_OVER: ("", "user-round-check"),
    EventKind.CANCEL: ("declined", "ban"),
    EventKind.REOPEN: ("sent", "rotate-ccw"),
    EventKind.EXPIRE: ("declined", "timer-off"),
    EventKind.ENTER: ("accepted", "door-open"),
    EventKind.MISS: ("declined", "user-x"),
    EventKind.APPOINTMENT_SET: ("accepted", "calendar-plus"),
    EventKind.APPOINTMENT_MOVED: ("accepted", "calendar-clock"),
    EventKind.APPOINTMENT_CAME: ("accepted", "calendar-check"),
    EventKind.APPOINTMENT_EXCUSED: ("late", "calendar-x"),
    EventKind.APPOINTMENT_ABSENT: ("declined", "user-x"),
    EventKind.APPOINTMENT_CANCELLED: ("declined", "calendar-x"),
    EventKind.APPOINTMENT_UNSETTLED: ("", "undo-2"),
    EventKind.APPOINTMENT_REMINDED: ("", "bell"),
    EventKind.POSITIONED: ("bilan", "gauge"),
    EventKind.BILAN_RETURNED: ("bilan", "file-check"),
    EventKind.END: ("bilan", "flag"),
    EventKind.RESUME: ("accepted", "rotate-ccw"),
    EventKind.ATTACHED: ("", "paperclip"),
    EventKind.DETACHED: ("", "paperclip"),
    EventKind.FOLLOWUP_ASKED: ("sent", "message-circle-question-mark"),
    EventKind.FOLLOWUP_ANSWERED: ("bilan", "message-circle"),
    EventKind.FOLLOWUP_CALLED: ("", "phone-missed"),
    EventKind.FOLLOWUP_CALLED_BACK: ("", "phone-call"),
    EventKind.FOLLOWUP_UNREACHABLE: ("late", "phone-off"),
    EventKind.FOLLOWUP_REFUSED: ("", "message-circle-off"),
    EventKind.FOLLOWUP_MOVED: ("", "truck"),
    EventKind.REMINDED: ("late", "bell"),
    EventKind.RESENT: ("", "send"),
    EventKind.LINK_ASKED: ("", "link"),
    EventKind.LINKS_REVOKED: ("", "unlink"),
    EventKind.DECIDED: ("", "messages-square"),
    EventKind.TASK_GIVEN: ("", "clipboard-list"),
    EventKind.TASK_DONE: ("", "circle-check"),
    EventKind.TASK_UNDONE: ("", "undo-2"),
}
"""For each kind of event: the colour family of its mark, and its icon."""

CHANGED_FIELDS = {"french_oral": "français oral", "french_written": "français écrit", "anlci": "degré ANLCI"}
ANSWERS = (EventKind.ACCEPT, EventKind.WAITLIST, EventKind.REDIRECT, EventKind.RETRACT, EventKind.RETRACT_TO_LIST)
"""The verbs that write the word to the prescripteur (`Referral.answer_note`), or erase it: the last one's is kept."""

FOLLOWUP_KINDS = (
    EventKind.FOLLOWUP_ASKED,
    EventKind.FOLLOWUP_ANSWERED,
    EventKind.FOLLOWUP_CALLED,
    EventKind.FOLLOWUP_CALLED_BACK,
    EventKind.FOLLOWUP_UNREACHABLE,
    EventKind.FOLLOWUP_REFUSED,
    EventKind.FOLLOWUP_MOVED,
)
"""What is told of the checks after an exit."""

CLOSINGS = (EventKind.DECLINE, EventKind.CANCEL, EventKind.MISS)
REOPENINGS = (EventKind.REOPEN, EventKind.RESUME)
ONCE_SAID = (ANSWERS, CLOSINGS, REOPENINGS)
"""The verbs whose words stand on the fiche, by the word that they share: it is the last one's."""


def who(event: Event, own: Structure | None) -> str:
    """Who did it: a colleague by their name, someone of another structure by their first name and structure."""
    if event.origin == Origin.WORKER:
        return "Relais, automatiquement"
    if event.kind == EventKind.LINK_ASKED:
        return "Sans compte"
    if event.origin == Origin.LINK and event.user is None:
        return "La personne, par son lien" if event.kind == EventKind.FOLLOWUP_ANSWERED else "Par le lien reçu"
    if event.user is None:
        return str(event.structure or "")
    if own is not None and event.structure_id == own.pk:
        return str(event.user)
    return f"{short_name(event.user)}, {event.structure}" if event.structure else short_name(event.user)


def reason_words(event: Event) -> str:
    """The coded reason of a move, in words; empty when it has none."""
    code = event.data.get("reason", "")
    return Reason(code).label if code in Reason.values else ""


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def appointment_words(referral: Referral) -> str:
    """« Rendez-vous le 20 novembre 2026 à 14 h 30, 3 rue de la Paix »; or the session's start; else nothing."""
    if referral.appointment_at is not None:
        place = f", {referral.appointment_place}" if referral.appointment_place else ""
        return f"Rendez-vous le {moment_words(referral.appointment_at)}{place}"
    if referral.session is not None:
        return f"Session du {day_words(referral.session.starts_on)}"
    return ""


def destination(referral: Referral, own: Structure | None) -> str:
    """Where a fiche was redirected, in words, once the new fiche is sent; a sensitive structure is masked to who is no
    party to it."""
    following = getattr(referral, "redirected_to", None)
    if following is None or following.sent_at is None:
        return ""
    is_party = own is not None and own.pk in (following.sender_id, following.receiver_id)
    if following.receiver.is_sensitive and not is_party:
        return "une structure protégée"
    return f"{following.action} ({following.receiver})"


def advised_words(themes: Iterable[str]) -> str:
    """« Se déplacer et Numérique »: the needs that a redirection named instead of an action."""
    return listed(NeedTheme(theme).label for theme in themes if theme in NeedTheme.values)


def _last_of_each(events: Iterable[Event]) -> set[Event]:
    """The events whose words are those that the fiche still holds."""
    ordered = sorted(events, key=lambda one: (one.at, one.pk))
    last = {kinds: event for event in ordered for kinds in ONCE_SAID if event.kind in kinds}
    return set(last.values())


def _detail(event: Event, referral: Referral, own: Structure | None, *, is_last: bool, brief: bool) -> str:
    note = referral.answer_note if is_last else ""
    match event.kind:
        case EventKind.DRAFTED:
            step = event.data.get("step")
            return f"Étape {step} d’un parcours" if step else ""
        case EventKind.SEND:
            if brief:
                return ""
            words = [lower_first(scope.label) for scope in ConsentScope if scope in referral.consent_scope]
            shared = " ; ".join(words)
            how = lower_first(ConsentHow(referral.consent_how).label) if referral.consent_how else ""
            return _lines(f"Accord de la personne : {how}" if how else "", f"Partagé : {shared}" if shared else "")
        case EventKind.CONFIRM:
            return appointment_words(referral)
        case EventKind.ACCEPT:
            return _lines(_appointment_of(event, referral), note)
        case EventKind.APPOINTMENT_MOVED:
            before = dt.datetime.fromisoformat(event.data["from"])
            return _lines(_appointment_of(event, referral), f"Il était prévu le {moment_words(before)}")
        case (
            EventKind.APPOINTMENT_SET
            | EventKind.APPOINTMENT_CAME
            | EventKind.APPOINTMENT_EXCUSED
            | EventKind.APPOINTMENT_ABSENT
            | EventKind.APPOINTMENT_CANCELLED
            | EventKind.APPOINTMENT_UNSETTLED
            | EventKind.APPOINTMENT_REMINDED
        ):
            return _appointment_of(event, referral)
        case EventKind.WAITLIST:
            return note
        case EventKind.REDIRECT:
            to = destination(referral, own)
            advised = advised_words(event.data.get("advised", ()))
            return _lines(f"Vers {to}" if to else "", f"Conseillé : {advised}" if advised else "", note)
        case EventKind.DECLINE | EventKind.CANCEL | EventKind.MISS:
            said = (*unmet_criteria(referral), referral.reason_note) if is_last else ()
            return _lines(reason_words(event), *said)
        case EventKind.REOPEN | EventKind.RESUME:
            return referral.reopening_note if is_last else ""
        case EventKind.ENTER | EventKind.POSITIONED:
            return _on(event, "Le ")
        case EventKind.BILAN_RETURNED:
            kind = event.data.get("kind", "")
            return BilanKind(kind).label if kind in BilanKind.values else ""
        case EventKind.END:
            left = getattr(referral, "exit", None)
            return f"{left.get_kind_display()} ({lower_first(left.get_exit_class_display())})" if left else ""
        case kind if kind in FOLLOWUP_KINDS:
            return followup_words(event.data)
        case EventKind.ATTACHED | EventKind.DETACHED:
            kind = event.data.get("kind", "")
            return AttachmentKind(kind).label if kind in AttachmentKind.values else ""
        case _:
            return ""


def _appointment_of(event: Event, referral: Referral) -> str:
    """The rendez-vous that a line of the journal speaks of; its place, which is not journalled, while it stands.

    A fiche accepted without one names its session; so do lines from before the journal kept the date.
    """
    written = event.data.get("at")
    if not written:
        if written is None or referral.appointment_at is None:
            return appointment_words(referral)
        return f"Session du {day_words(referral.session.starts_on)}" if referral.session is not None else ""
    at = dt.datetime.fromisoformat(written)
    stands = referral.appointment_at == at
    place = f", {referral.appointment_place}" if stands and referral.appointment_place else ""
    return f"Rendez-vous le {moment_words(at)}{place}"


def _on(event: Event, before: str) -> str:
    on = event.data.get("on")
    return f"{before}{day_words(dt.date.fromisoformat(on))}" if on else ""


def followup_words(data: dict) -> str:
    """What the journal keeps of a check after the exit: which one, what was said, by which channel."""
    months, code, by = data.get("months", FollowUpMonths.SIX), data.get("situation", ""), data.get("by", "")
    said = f"« {FollowUpSituation(code).label} »" if code in FollowUpSituation.values else ""
    when = FollowUpMonths(months).label
    if by in FollowUpChannel.values:
        when = f"{when}, {lower_first(FollowUpChannel(by).label)}"
    return _lines(said, "Souhaite être rappelé(e)" if data.get("wants_call") else "", when)


def _person_detail(event: Event) -> str:
    if event.kind == EventKind.NEEDS_RECORDED:
        themes = [NeedTheme(theme).label for theme in event.data.get("themes", []) if theme in NeedTheme.values]
        return ", ".join(themes)
    if event.kind == EventKind.NEED_CLOSED:
        theme = event.data.get("theme", "")
        return NeedTheme(theme).label if theme in NeedTheme.values else ""
    if event.kind == EventKind.MOVED_AWAY:
        return _on(event, "Le ")
    if event.kind == EventKind.PERSON_CHANGED:
        return listed(CHANGED_FIELDS[name] for name in event.data.get("fields", []) if name in CHANGED_FIELDS)
    return ""


def fiche_entries(
    referral: Referral, events: Iterable[Event], own: Structure | None, *, named: bool = False
) -> list[Entry]:
    """The lines of one fiche for one of its two structures, newest first.

    What came before the (last) sending is the sender's own business. `named` adds the fiche to each line and says less
    of its sending, for the person's page, where several stand together.
    """
    shown = [event for event in events if _is_shown(event, referral, own)]
    if named and referral.sent_at is not None:
        shown = [event for event in shown if event.kind != EventKind.DRAFTED]
    last = _last_of_each(shown)
    title = f" · {referral.action}" if named else ""
    lines = []
    for event in sorted(shown, key=lambda one: (one.at, one.pk), reverse=True):
        tone, icon = TONES.get(event.kind, ("", "dot"))
        lines.append(
            Entry(
                when=event.at,
                label=f"{event.get_kind_display()}{title}",
                who=PROTECTED if is_hidden_on(event, referral) else who(event, own),
                detail=_detail(event, referral, own, is_last=event in last, brief=named),
                tone=tone,
                icon=icon,
            )
        )
    return lines


PROTECTED = "Une structure protégée"
INTERNAL = (EventKind.ASSIGNED, EventKind.HANDED_OVER)
"""How a structure shares its work is shown to itself only."""


def unmet_criteria(referral: Referral) -> list[str]:
    """The conditions that the person does not meet, as they stood when the fiche was declined."""
    return [f"Condition non remplie : {one['sentence']}" for one in referral.declined_criteria if one["sentence"]]


def _is_shown(event: Event, referral: Referral, own: Structure | None) -> bool:
    if event.kind in INTERNAL and (own is None or event.structure_id != own.pk):
        return False
    if own is not None and referral.sender_id == own.pk:
        return True
    is_draft = event.kind == EventKind.DRAFTED
    return referral.sent_at is not None and event.at >= referral.sent_at and not is_draft


def person_entries(events: Iterable[Event], own: Structure | None) -> list[Entry]:
    """The lines that are about the person and no fiche, newest first."""
    lines = []
    for event in sorted(events, key=lambda one: (one.at, one.pk), reverse=True):
        tone, icon = TONES.get(event.kind, ("", "dot"))
        lines.append(Entry(event.at, event.get_kind_display(), who(event, own), _person_detail(event), tone, icon))
    return lines


def what_next(referral: Referral, own: Structure | None, now: dt.datetime, *, bilan_is_back: bool = False) -> Step:
    """What is expected of whom now, from the state, the deadlines and the coded reason.

    `bilan_is_back`: the final bilan, or the return of the positionnement, has been returned.
    """
    today = timezone.localdate(now)
    sends = own is not None and referral.sender_id == own.pk
    late = referral.is_late(today) and not bilan_is_back
    tone, icon = ("late", "alarm-clock") if late else ("", "arrow-right")
    if referral.paused_at is not None:
        return _paused(referral, sends)
    match referral.state:
        case State.DRAFT:
            return Step("Brouillon : la structure ne voit rien avant l’envoi.", icon="pencil-line")
        case State.SENT:
            return _awaiting_answer(referral, sends, tone, icon)
        case State.WAITLISTED:
            if sends:
                text = (
                    f"{referral.receiver} proposera une place dès qu’il s’en libère une. Vous pouvez chercher ailleurs."
                )
                return Step(text, tone="late", icon="hourglass")
            return Step(
                "Dès qu’une place se libère, Relais la propose. Vous pouvez aussi accepter ou décliner la fiche.",
                tone="late",
                icon="hourglass",
            )
        case State.OFFERED:
            return _awaiting_confirmation(referral, sends)
        case State.ACCEPTED:
            return _awaiting_entry(referral, sends, today)
        case State.ENTERED if bilan_is_back:
            return _after_bilan(referral, sends)
        case State.ENTERED:
            return _under_way(referral, sends, tone, icon)
        case State.ENDED:
            return after_end(referral)
        case State.REDIRECTED:
            return _redirected(referral, own, sends)
        case State.EXPIRED:
            if sends:
                return Step(
                    "Personne n’a répondu. Proposez une autre action ; sinon ce besoin comptera parmi les besoins "
                    "non couverts.",
                    tone="declined",
                )
            return Step("La fiche s’est close sans réponse de votre part.", tone="declined", icon="timer-off")
        case _:
            return _closed(referral, sends)


def _redirected(referral: Referral, own: Structure | None, sends: bool) -> Step:
    to = destination(referral, own)
    if to or not referral.advised:
        text = f"La personne est réorientée vers {to}." if to else "La personne est réorientée."
        return Step(f"{text} Suivez la nouvelle fiche." if sends else text, icon="corner-up-right")
    needs = advised_words(referral.advised)
    if sends:
        text = f"{referral.receiver} ne sait pas vers quelle action, mais conseille de répondre à : {needs}."
        return Step(text, tone="late", icon="compass")
    return Step(f"{referral.sender} cherche une action pour : {needs}.", icon="corner-up-right")


def _paused(referral: Referral, sends: bool) -> Step:
    if sends:
        return Step("En pause : la question attend votre réponse.", tone="late", icon="circle-pause")
    text = f"En pause : {referral.sender} doit répondre à votre question. Vous pouvez aussi décider sans attendre."
    return Step(text, icon="circle-pause")


def _awaiting_answer(referral: Referral, sends: bool, tone: str, icon: str) -> Step:
    due = referral.answer_due_on()
    if not sends:
        return Step(f"{referral.sender} attend votre réponse.", due, tone, icon, "Réponse attendue")
    closing = referral.closes_on()
    without = f" Sans réponse, la fiche se ferme d’elle-même le {day_words(closing)}." if closing else ""
    return Step(f"{referral.receiver} doit répondre.{without}", due, tone, icon, "Réponse attendue")


def _awaiting_confirmation(referral: Referral, sends: bool) -> Step:
    assert referral.offered_until is not None  # by the constraint on a fiche that is offered a place
    due = timezone.localdate(referral.offered_until)
    which = f" dans la session du {day_words(referral.session.starts_on)}" if referral.session else ""
    if sends:
        text = f"Une place vous est gardée{which}. Confirmez-la, ou laissez-la à la personne suivante."
        return Step(text, due, "accepted", "ticket", "Place à confirmer")
    text = f"Une place{which} est proposée : {referral.sender} la confirme, ou la laisse à la personne suivante."
    return Step(text, due, "late", "hourglass", "Confirmation attendue")


def _awaiting_entry(referral: Referral, sends: bool, today: dt.date) -> Step:
    if referral.appointment_state in TO_MEET_AGAIN:
        return _to_meet_again(referral, sends)
    expected = referral.expected_on
    passed = expected is not None and expected < today
    positions = referral.action.get_shape() == ActionShape.POSITIONING
    if sends:
        text = f"{referral.receiver} confirmera la venue de la personne."
    elif referral.appointment_state == AppointmentState.CAME:
        came = "Notez le positionnement" if positions else "Confirmez son entrée quand elle commence l’action"
        text = f"La personne est venue au rendez-vous. {came}."
    elif passed:
        came = "Notez le positionnement" if positions else "Confirmez son entrée"
        text = f"La personne est-elle venue ? {came}, ou dites pourquoi elle n’est pas venue."
    else:
        what = "notez le positionnement" if positions else "confirmez que la personne est venue"
        text = f"Après le rendez-vous, {what}."
    tone, icon = ("late", "alarm-clock") if passed and not sends else ("accepted", "calendar")
    return Step(text, expected, tone, icon, "Rendez-vous" if referral.appointment_at else "Début prévu")


def _to_meet_again(referral: Referral, sends: bool) -> Step:
    """The last rendez-vous came to nothing: what each side does about it."""
    what = {
        AppointmentState.EXCUSED: "La personne s’est excusée pour le rendez-vous.",
        AppointmentState.ABSENT: "La personne n’est pas venue au rendez-vous.",
        AppointmentState.CANCELLED: "Le rendez-vous est annulé.",
    }[AppointmentState(referral.appointment_state)]
    if not sends:
        absent = referral.appointment_state == AppointmentState.ABSENT
        then = "Proposez une seconde date, ou dites qu’elle ne viendra pas." if absent else "Proposez une autre date."
        return Step(f"{what} {then}", tone="late", icon="calendar-x")
    if referral.appointment_state == AppointmentState.CANCELLED:
        return Step(f"{what} {referral.receiver} proposera une autre date.", tone="late", icon="calendar-x")
    return Step(
        f"{what} {referral.receiver} peut proposer une autre date ; prenez de ses nouvelles.",
        tone="late",
        icon="calendar-x",
    )


def _under_way(referral: Referral, sends: bool, tone: str, icon: str) -> Step:
    if referral.bilan_due_on is None:
        return Step("L’action est en cours.", tone="accepted", icon="door-open")
    positions = referral.action.get_shape() == ActionShape.POSITIONING
    what = "Le retour de positionnement" if positions else "Le bilan"
    text = (
        f"{referral.receiver} vous enverra {lower_first(what)}." if sends else f"{what} est à rendre au prescripteur."
    )
    return Step(text, referral.bilan_due_on, tone or "accepted", icon, "Bilan attendu")


def _after_bilan(referral: Referral, sends: bool) -> Step:
    if sends:
        return Step("Le bilan est arrivé : lisez-le, puis ouvrez la suite.", tone="accepted", icon="file-check")
    if referral.action.get_shape().expects_exit:
        return Step("Le bilan est rendu. Notez la sortie quand la personne quitte l’action.", icon="flag")
    return Step("Le bilan est rendu. Notez la fin de l’action quand elle est terminée.", icon="flag")


def _closed(referral: Referral, sends: bool) -> Step:
    if not sends:
        told = "Le prescripteur en est averti." if referral.state != State.CANCELLED else "Vous n’avez rien à faire."
        return Step(f"La fiche est close. {told}", icon="circle-check")
    if referral.reason in AFTER_REASON:
        reason = Reason(referral.reason)
        return Step(f"{reason.label}. {AFTER_REASON[reason]}", tone="declined")
    return Step("La fiche est close.", tone="declined")


def upcoming_entries(referral: Referral, step: Step, now: dt.datetime, *, named: bool = False) -> list[Entry]:
    """The dated step of a fiche as a line to come; nothing without a date, or when it is overdue."""
    if step.due is None or step.due < timezone.localdate(now):
        return []
    when: dt.date | dt.datetime = step.due
    if referral.state == State.ACCEPTED and referral.appointment_at is not None:
        when = referral.appointment_at
    title = f" · {referral.action}" if named else ""
    return [Entry(when, f"{step.label}{title}", upcoming=True, icon="clock")]


DEEDS: dict[str, str] = {
    EventKind.SEND: "a envoyé cette fiche",
    EventKind.RECALL: "a repris l’envoi de cette fiche",
    EventKind.ACCEPT: "a accepté cette fiche",
    EventKind.WAITLIST: "a mis cette fiche en liste d’attente",
    EventKind.OFFER: "a proposé une place pour cette fiche",
    EventKind.CONFIRM: "a confirmé la place",
    EventKind.LAPSE: "a laissé la place à la personne suivante",
    EventKind.DECLINE: "a décliné cette fiche",
    EventKind.REDIRECT: "a réorienté cette fiche",
    EventKind.RETRACT: "a annulé sa réponse",
    EventKind.RETRACT_TO_LIST: "a annulé sa réponse",
    EventKind.CANCEL: "a annulé cette fiche",
    EventKind.REOPEN: "a rouvert cette fiche",
    EventKind.ASKED: "a posé une question sur cette fiche",
    EventKind.CONTACT_ASKED: "a demandé un contact pour cette fiche",
    EventKind.CLARIFIED: "a répondu à la question posée sur cette fiche",
    EventKind.UNASKED: "a retiré la question posée sur cette fiche",
    EventKind.ASSIGNED: "a confié cette fiche à quelqu’un de l’équipe",
    EventKind.HANDED_OVER: "a passé le suivi de cette fiche à quelqu’un de l’équipe",
    EventKind.EXPIRE: "a clos cette fiche, restée sans réponse",
    EventKind.ENTER: "a noté l’entrée dans l’action",
    EventKind.MISS: "a noté que la personne n’est jamais venue",
    EventKind.APPOINTMENT_SET: "a fixé le rendez-vous",
    EventKind.APPOINTMENT_MOVED: "a déplacé le rendez-vous",
    EventKind.APPOINTMENT_CAME: "a noté la venue au rendez-vous",
    EventKind.APPOINTMENT_EXCUSED: "a noté que la personne s’est excusée",
    EventKind.APPOINTMENT_ABSENT: "a noté l’absence au rendez-vous",
    EventKind.APPOINTMENT_CANCELLED: "a annulé le rendez-vous",
    EventKind.APPOINTMENT_UNSETTLED: "a annulé l’issue du rendez-vous",
    EventKind.POSITIONED: "a enregistré le positionnement",
    EventKind.BILAN_RETURNED: "a rendu le bilan",
    EventKind.END: "a noté la fin de l’action",
    EventKind.RESUME: "a noté le retour dans l’action",
    EventKind.ATTACHED: "a joint un document",
    EventKind.DETACHED: "a retiré un document",
}


def told(stale: StaleReferral, now: dt.datetime) -> str:
    """« Camille M. a accepté cette fiche il y a 2 min. Rien n’a été modifié. »"""
    nothing = "Rien n’a été modifié."
    if isinstance(stale, NoPlaceLeft):
        return f"La dernière place vient d’être prise. {nothing}"
    if isinstance(stale, CannotReopen):
        return f"{stale.hindrance.label} {nothing}"
    event = stale.last_event
    if event is None or event.kind not in DEEDS:
        return f"Cette fiche a changé entre-temps ({lower_first(stale.referral.get_state_display())}). {nothing}"
    by_hand = short_name(event.user) or str(event.structure or "Quelqu’un")
    name = "Relais" if event.origin == Origin.WORKER else by_hand
    return f"{name} {DEEDS[event.kind]} {distance_words(event.at, now)}. {nothing}"
