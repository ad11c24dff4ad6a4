"""The states of a fiche, and the only moves that exist.

The same table feeds the verbs of `Referral`, the buttons on the screens, and the trigger by which PostgreSQL itself
refuses any other move.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices


class State(TextChoices):
    """Where a fiche stands, in the words that both structures read."""

    DRAFT = "draft", "Brouillon"
    SENT = "sent", "Envoyée"
    WAITLISTED = "waitlisted", "Liste d’attente"
    OFFERED = "offered", "Place proposée"
    ACCEPTED = "accepted", "Acceptée"
    ENTERED = "entered", "Entrée dans l’action"
    ENDED = "ended", "Terminée"
    DECLINED = "declined", "Déclinée"
    REDIRECTED = "redirected", "Réorientée"
    CANCELLED = "cancelled", "Annulée"
    EXPIRED = "expired", "Restée sans réponse"
    MISSED = "missed", "Jamais venue"


class Verb(TextChoices):
    """What can be done to a fiche; the label is what the journal and the timeline say of it."""

    SEND = "send", "Fiche envoyée"
    RECALL = "recall", "Envoi annulé"
    ACCEPT = "accept", "Fiche acceptée"
    WAITLIST = "waitlist", "Mise en liste d’attente"
    OFFER = "offer", "Place proposée"
    CONFIRM = "confirm", "Place confirmée"
    LAPSE = "lapse", "Place laissée"
    DECLINE = "decline", "Fiche déclinée"
    REDIRECT = "redirect", "Réorientation"
    RETRACT = "retract", "Réponse annulée"
    RETRACT_TO_LIST = "retract_to_list", "Réponse annulée, retour en liste d’attente"
    CANCEL = "cancel", "Fiche annulée"
    REOPEN = "reopen", "Fiche rouverte"
    EXPIRE = "expire", "Restée sans réponse"
    ENTER = "enter", "Entrée dans l’action"
    MISS = "miss", "N’est jamais venu(e)"
    END = "end", "Fin de l’action"
    RESUME = "resume", "Retour dans l’action"


@dataclass(frozen=True)
class Move:
    """One verb: the states it may start from, and the one it leads to."""

    sources: frozenset[State]
    target: State


def _move(*sources: State, to: State) -> Move:
    return Move(frozenset(sources), to)


MOVES: dict[Verb, Move] = {
    Verb.SEND: _move(State.DRAFT, to=State.SENT),
    Verb.RECALL: _move(State.SENT, to=State.DRAFT),
    Verb.ACCEPT: _move(State.SENT, State.WAITLISTED, to=State.ACCEPTED),
    Verb.WAITLIST: _move(State.SENT, to=State.WAITLISTED),
    Verb.OFFER: _move(State.WAITLISTED, to=State.OFFERED),
    Verb.CONFIRM: _move(State.OFFERED, to=State.ACCEPTED),
    Verb.LAPSE: _move(State.OFFERED, to=State.WAITLISTED),
    Verb.DECLINE: _move(State.SENT, State.WAITLISTED, State.OFFERED, to=State.DECLINED),
    Verb.REDIRECT: _move(State.SENT, State.WAITLISTED, State.OFFERED, to=State.REDIRECTED),
    Verb.RETRACT: _move(State.WAITLISTED, State.ACCEPTED, State.DECLINED, State.REDIRECTED, to=State.SENT),
    Verb.RETRACT_TO_LIST: _move(State.ACCEPTED, State.DECLINED, State.REDIRECTED, to=State.WAITLISTED),
    Verb.CANCEL: _move(State.DRAFT, State.SENT, State.WAITLISTED, State.OFFERED, State.ACCEPTED, to=State.CANCELLED),
    Verb.EXPIRE: _move(State.SENT, State.WAITLISTED, to=State.EXPIRED),
    Verb.REOPEN: _move(State.DECLINED, State.CANCELLED, State.EXPIRED, State.MISSED, to=State.SENT),
    Verb.ENTER: _move(State.ACCEPTED, to=State.ENTERED),
    Verb.MISS: _move(State.ACCEPTED, to=State.MISSED),
    Verb.END: _move(State.ENTERED, to=State.ENDED),
    Verb.RESUME: _move(State.ENDED, to=State.ENTERED),
}

PAIRS: list[tuple[str, str]] = sorted(
    {(source.value, move.target.value) for move in MOVES.values() for source in move.sources}
)
"""Every legal (from, to), for the database's own trigger."""

PENDING = (State.SENT, State.WAITLISTED)
"""An answer, or a place, is awaited from the receiver."""

OPEN = (State.SENT, State.WAITLISTED, State.OFFERED, State.ACCEPTED, State.ENTERED)
"""The path goes on: the need is being answered."""

HOLDING = (State.OFFERED, State.ACCEPTED, State.ENTERED)
"""The fiche holds a place: of its session, or of the action when it has none."""

ANSWERED = (
    State.WAITLISTED,
    State.OFFERED,
    State.ACCEPTED,
    State.ENTERED,
    State.ENDED,
    State.DECLINED,
    State.REDIRECTED,
    State.MISSED,
)
"""States that a fiche only reaches once its receiver has answered (a cancelled one may or may not have been)."""

RETRACTABLE = (Verb.ACCEPT, Verb.WAITLIST, Verb.DECLINE, Verb.REDIRECT)
"""The answers that their structure can take back for ten minutes. What they leave in the journal says from where."""

WITHOUT_ENTRY = (State.DECLINED, State.REDIRECTED, State.CANCELLED, State.EXPIRED, State.MISSED)
"""The fiche is closed and the person never entered the action."""

TO_REDIRECT = (State.DECLINED, State.EXPIRED, State.MISSED, State.REDIRECTED)
"""A fiche closed there may leave its sender another orientation to find; a redirected one, when nobody said where."""


def may_move(verb: Verb | str, state: State | str) -> bool:
    """Whether `verb` can start from `state`."""
    return State(state) in MOVES[Verb(verb)].sources


class Reason(TextChoices):
    """Why a fiche was declined, cancelled or missed; each drives what follows."""

    NO_PLACE = "no_place", "Plus de place"
    NOT_ELIGIBLE = "not_eligible", "Ne remplit pas les critères"
    OUT_OF_ZONE = "out_of_zone", "Habite hors de la zone"
    TIMETABLE = "timetable", "Horaires impossibles"
    COST = "cost", "Coût trop élevé"
    UNREACHABLE = "unreachable", "Injoignable"
    OTHER_OFFER = "other_offer", "Une autre action convient mieux"
    NOT_INTERESTED = "not_interested", "Ne souhaite plus"
    FOUND_JOB = "found_job", "A trouvé un emploi ou une formation"
    MOVED = "moved", "A déménagé"
    MISTAKE = "mistake", "Fiche envoyée par erreur"
    NO_SHOW = "no_show", "N’est pas venu(e), sans nouvelles"
    OTHER = "other", "Autre motif"


REASONS: dict[Verb, tuple[Reason, ...]] = {
    Verb.DECLINE: (
        Reason.NO_PLACE,
        Reason.NOT_ELIGIBLE,
        Reason.OUT_OF_ZONE,
        Reason.TIMETABLE,
        Reason.COST,
        Reason.UNREACHABLE,
        Reason.NOT_INTERESTED,
        Reason.FOUND_JOB,
        Reason.OTHER,
    ),
    Verb.CANCEL: (
        Reason.NOT_INTERESTED,
        Reason.FOUND_JOB,
        Reason.OTHER_OFFER,
        Reason.MOVED,
        Reason.UNREACHABLE,
        Reason.MISTAKE,
        Reason.OTHER,
    ),
    Verb.MISS: (Reason.NO_SHOW, Reason.UNREACHABLE, Reason.FOUND_JOB, Reason.NOT_INTERESTED, Reason.OTHER),
}
"""The reasons each verb accepts, in the order in which they are offered."""


class AppointmentState(TextChoices):
    """Where a rendez-vous stands; the fiche keeps a copy of its last one's."""

    PLANNED = "planned", "Prévu"
    MOVED = "moved", "Déplacé"
    CAME = "came", "Personne venue"
    EXCUSED = "excused", "Personne excusée"
    ABSENT = "absent", "Personne absente"
    CANCELLED = "cancelled", "Annulé par la structure"


TO_MEET_AGAIN = (AppointmentState.EXCUSED, AppointmentState.ABSENT, AppointmentState.CANCELLED)
"""The last rendez-vous came to nothing: another date is awaited from the receiver."""


class UnmetReason(TextChoices):
    """Why a need found no place; derived from what happened, never typed in."""

    NO_OFFER = "no_offer", "Aucune offre"
    NO_PLACE = "no_place", "Plus de place"
    ZONE = "zone", "Hors zone"
    NOT_ELIGIBLE = "not_eligible", "Critères non remplis"
    TIMETABLE = "timetable", "Horaires"
    COST = "cost", "Coût"
    NO_ANSWER = "no_answer", "Sans réponse"


UNMET_BY_REASON: dict[Reason, UnmetReason] = {
    Reason.NO_PLACE: UnmetReason.NO_PLACE,
    Reason.NOT_ELIGIBLE: UnmetReason.NOT_ELIGIBLE,
    Reason.OUT_OF_ZONE: UnmetReason.ZONE,
    Reason.TIMETABLE: UnmetReason.TIMETABLE,
    Reason.COST: UnmetReason.COST,
}
"""The closing reasons that say something of the offer. The others (found a job, not interested…) do not."""

AFTER_REASON: dict[Reason, str] = {
    Reason.NO_PLACE: "Proposez une autre action ; sinon ce besoin comptera parmi les besoins non couverts.",
    Reason.NOT_ELIGIBLE: "Lisez quelle condition manque et vérifiez la situation notée, puis revoyez les suggestions.",
    Reason.OUT_OF_ZONE: "Cherchez une action ouverte à la commune de la personne.",
    Reason.TIMETABLE: "Cherchez une action à d’autres horaires, ou une prochaine session.",
    Reason.COST: "Cherchez une action gratuite ou une aide au financement.",
    Reason.UNREACHABLE: "Vérifiez le téléphone et le moyen de contact sûr, puis renvoyez une fiche.",
    Reason.OTHER_OFFER: "Suivez la nouvelle fiche ouverte pour la même personne.",
    Reason.NOT_INTERESTED: "Refaites le point avec la personne avant une nouvelle orientation.",
    Reason.FOUND_JOB: "Rien à faire : la personne a trouvé une solution.",
    Reason.MOVED: "Passez le relais à un prescripteur de la nouvelle commune, avec l’accord de la personne.",
    Reason.NO_SHOW: "Reprenez contact avec la personne pour comprendre ce qui a empêché sa venue.",
    Reason.OTHER: "Lisez le mot de la structure, puis faites le point avec la personne.",
    Reason.MISTAKE: "Rien à faire : la fiche est classée.",
}
"""What the sender is told to do next, for each reason."""
