"""The indicators: one definition each, in words for the page and as a condition for the database, side by side.

An indicator counts the rows of one subject (fiches sent, bilans due, exits, six-month checks) that meet `counts`,
out of those that meet `among`. `TOTALS` says how they add up: it is what masking rests on, and a test holds it true.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from referrals.models import Bilan, BilanKind, BilanSource
from referrals.models.exit import DYNAMIC, ExitClass
from referrals.models.followup import FollowUpChannel, FollowUpSituation, FollowUpState
from referrals.states import REASONS, Reason, State, Verb
from reporting.secrecy import Ledger

DYNAMIC_TARGET = 2 / 3
"""The State's target: two thirds of the exits dynamic (source: the Confluences document)."""

EVERYTHING = Q(pk__isnull=False)


@dataclass(frozen=True)
class Indicator:
    """One figure: its name in code, its French words, and the conditions that count it."""

    name: str
    label: str
    definition: str
    counts: Q
    out_of: Indicator | None = None
    denominator: str = ""
    leaves_out: str = ""

    @property
    def help(self) -> str:
        """The whole definition, as shown under « Comment ce chiffre est calculé »."""
        parts = [self.definition]
        if self.denominator:
            parts.append(f"Rapporté à : {self.denominator}.")
        if self.leaves_out:
            parts.append(f"Laissé de côté : {self.leaves_out}.")
        return " ".join(parts)


# --- Fiches sent in the period ----------------------------------------------------------------------------------

HAS_ANSWER = Q(answered_at__isnull=False)
WAS_ACCEPTED = HAS_ANSWER & Q(accepted_at__isnull=False)
CLOSED_OTHERWISE = Q(state__in=[State.CANCELLED, State.EXPIRED])

SENT = Indicator(
    "sent",
    "Fiches envoyées",
    "Fiches dont la date d’envoi est dans la période. Une réorientation ouvre une nouvelle fiche, comptée à son tour.",
    EVERYTHING,
    leaves_out="les brouillons, et les envois annulés dans les dix minutes",
)
WITHDRAWN = Indicator(
    "withdrawn",
    "Annulées avant réponse",
    "Fiches que l’expéditeur a annulées avant toute réponse.",
    Q(state=State.CANCELLED, answered_at__isnull=True),
    SENT,
    "les fiches envoyées",
)
ANSWERABLE = Indicator(
    "answerable",
    "Fiches à répondre",
    "Fiches envoyées dans la période, moins celles annulées avant toute réponse.",
    ~WITHDRAWN.counts,
)
ANSWERED = Indicator(
    "answered",
    "Fiches répondues",
    "Fiches envoyées dans la période qui ont reçu une première réponse : acceptée, mise en liste d’attente, déclinée "
    "ou réorientée.",
    HAS_ANSWER,
    ANSWERABLE,
    "les fiches envoyées dans la période",
    "les fiches annulées par l’expéditeur avant toute réponse",
)
WAITING = Indicator(
    "waiting",
    "En attente d’une réponse",
    "Fiches envoyées dans la période qui attendent encore leur première réponse.",
    Q(state=State.SENT, answered_at__isnull=True),
    ANSWERABLE,
    "les fiches envoyées dans la période",
    "les fiches annulées par l’expéditeur avant toute réponse",
)
SILENT = Indicator(
    "silent",
    "Restées sans réponse",
    "Fiches envoyées dans la période et closes d’elles-mêmes, faute de réponse dans les délais.",
    Q(state=State.EXPIRED, answered_at__isnull=True),
    ANSWERABLE,
    "les fiches envoyées dans la période",
    "les fiches annulées par l’expéditeur avant toute réponse",
)
ACCEPTED = Indicator(
    "accepted",
    "Acceptées",
    "Fiches acceptées, tout de suite ou après une liste d’attente, quoi qu’il soit arrivé ensuite.",
    WAS_ACCEPTED,
    ANSWERED,
    "les fiches répondues",
)
WAITLISTED = Indicator(
    "waitlisted",
    "En liste d’attente",
    "Fiches qui sont aujourd’hui en liste d’attente.",
    Q(state=State.WAITLISTED),
    ANSWERED,
    "les fiches répondues",
    "les fiches passées par une liste d’attente et qui en sont sorties",
)
OFFERED = Indicator(
    "offered",
    "Place proposée",
    "Fiches à qui une place de la liste d’attente est proposée aujourd’hui, et pas encore confirmée.",
    Q(state=State.OFFERED),
    ANSWERED,
    "les fiches répondues",
)
DECLINED = Indicator(
    "declined",
    "Déclinées",
    "Fiches que la structure a déclinées, avec un motif.",
    Q(state=State.DECLINED),
    ANSWERED,
    "les fiches répondues",
)
REDIRECTED = Indicator(
    "redirected",
    "Réorientées",
    "Fiches que la structure a réorientées vers une autre action, ou vers d’autres besoins.",
    Q(state=State.REDIRECTED),
    ANSWERED,
    "les fiches répondues",
    "la nouvelle fiche, comptée à part",
)
ABANDONED_WAIT = Indicator(
    "abandoned_wait",
    "Closes en liste d’attente",
    "Fiches mises en liste d’attente, puis annulées par l’expéditeur ou closes sans place.",
    HAS_ANSWER & CLOSED_OTHERWISE & Q(accepted_at__isnull=True),
    ANSWERED,
    "les fiches répondues",
)
ENTERED = Indicator(
    "entered",
    "Entrées dans l’action",
    "Fiches acceptées dont la personne est entrée dans l’action, qu’elle y soit encore ou non.",
    WAS_ACCEPTED & Q(state__in=[State.ENTERED, State.ENDED]),
    ACCEPTED,
    "les fiches acceptées",
)
MISSED = Indicator(
    "missed",
    "Jamais venues",
    "Fiches acceptées dont la personne n’est jamais venue.",
    WAS_ACCEPTED & Q(state=State.MISSED),
    ACCEPTED,
    "les fiches acceptées",
)
EXPECTED = Indicator(
    "expected",
    "Attendues",
    "Fiches acceptées dont la personne est encore attendue.",
    WAS_ACCEPTED & Q(state=State.ACCEPTED),
    ACCEPTED,
    "les fiches acceptées",
)
CANCELLED_LATE = Indicator(
    "cancelled_late",
    "Annulées après accord",
    "Fiches acceptées, puis annulées par l’expéditeur avant l’entrée.",
    WAS_ACCEPTED & Q(state=State.CANCELLED),
    ACCEPTED,
    "les fiches acceptées",
)
DECLINED_FOR: dict[Reason, Indicator] = {
    reason: Indicator(
        f"declined_{reason}",
        reason.label,
        f"Fiches déclinées pour ce motif : {reason.label.lower()}.",
        DECLINED.counts & Q(reason=reason),
        DECLINED,
        "les fiches déclinées",
    )
    for reason in REASONS[Verb.DECLINE]
}

FICHES = [
    SENT,
    ANSWERABLE,
    WITHDRAWN,
    ANSWERED,
    WAITING,
    SILENT,
    ACCEPTED,
    WAITLISTED,
    OFFERED,
    DECLINED,
    REDIRECTED,
    ABANDONED_WAIT,
    ENTERED,
    MISSED,
    EXPECTED,
    CANCELLED_LATE,
    *DECLINED_FOR.values(),
]

# --- Delays (counted in `reporting.delays`) ---------------------------------------------------------------------

DELAY_ANSWERED = Indicator(
    "delay_answered",
    "Délai médian de réponse",
    "La moitié des fiches répondues l’ont été dans ce délai, compté en jours ouvrés (ni week-ends ni jours fériés) du "
    "jour de l’envoi, ou de la réouverture, au jour de la première réponse. Le jour même compte pour 0.",
    HAS_ANSWER,
    ANSWERED,
    "les fiches répondues",
    "les fiches encore sans réponse : ce chiffre est donc plus flatteur que le suivant",
)
DELAY_WITH_WAITING = Indicator(
    "delay_with_waiting",
    "Délai médian, attentes comprises",
    "La moitié de toutes les fiches ont leur réponse dans ce délai, en jours ouvrés. Une fiche sans réponse compte "
    "comme attendant jusqu’à aujourd’hui, ou jusqu’à sa clôture (estimation de Kaplan-Meier).",
    EVERYTHING,
    SENT,
    "toutes les fiches envoyées dans la période",
)

# --- Bilans due in the period -----------------------------------------------------------------------------------

RETURNED = Bilan.objects.returned().filter(referral=OuterRef("pk"), kind__in=[BilanKind.FINAL, BilanKind.POSITIONING])
HAS_BILAN = Q(Exists(RETURNED))
HAS_BILAN_FROM_RECEIVER = Q(Exists(RETURNED.filter(source=BilanSource.RECEIVER)))

BILANS_DUE = Indicator(
    "bilans_due",
    "Bilans attendus",
    "Entrées dont le bilan (final, ou retour de positionnement) était attendu à une date de la période, aujourd’hui "
    "compris.",
    EVERYTHING,
    leaves_out="les bilans dont la date n’est pas encore venue, et les actions qui n’en rendent pas",
)
BILANS_RETURNED = Indicator(
    "bilans_returned",
    "Bilans rendus",
    "Bilans attendus dans la période qui ont été rendus par la structure, à l’heure ou en retard, ou saisis par le "
    "prescripteur qui les a reçus autrement.",
    HAS_BILAN,
    BILANS_DUE,
    "les bilans attendus",
    "les bilans intermédiaires",
)
BILANS_MISSING = Indicator(
    "bilans_missing",
    "Bilans en retard",
    "Bilans attendus dans la période qui n’ont pas été rendus.",
    ~HAS_BILAN,
    BILANS_DUE,
    "les bilans attendus",
)
BILANS_OTHERWISE = Indicator(
    "bilans_otherwise",
    "Reçus autrement",
    "Bilans reçus sur papier ou par téléphone, et saisis par le prescripteur.",
    HAS_BILAN & ~HAS_BILAN_FROM_RECEIVER,
    BILANS_RETURNED,
    "les bilans rendus",
)
BILANS_BY_RECEIVER = Indicator(
    "bilans_by_receiver",
    "Rendus par la structure",
    "Bilans rendus par la structure dans Relais.",
    HAS_BILAN_FROM_RECEIVER,
    BILANS_RETURNED,
    "les bilans rendus",
)
BILANS = [BILANS_DUE, BILANS_RETURNED, BILANS_MISSING, BILANS_OTHERWISE, BILANS_BY_RECEIVER]

# --- Exits of the period ----------------------------------------------------------------------------------------

IS_COUNTED = ~Q(exit_class=ExitClass.WITHDRAWN)
IS_DYNAMIC = IS_COUNTED & Q(kind__in=DYNAMIC)

EXITS = Indicator("exits", "Sorties", "Sorties dont la date est dans la période.", EVERYTHING)
EXITS_COUNTED = Indicator(
    "exits_counted",
    "Sorties prises en compte",
    "Sorties de la période, moins les retraits, que la règle de l’État neutralise.",
    IS_COUNTED,
    EXITS,
    "les sorties de la période",
    "les retraits neutralisés (déménagement, empêchement de longue durée, décès)",
)
EXITS_NEUTRALISED = Indicator(
    "exits_neutralised",
    "Retraits neutralisés",
    "Déménagement, empêchement de longue durée, décès.",
    ~IS_COUNTED,
    EXITS,
    "les sorties de la période",
)
EXITS_DYNAMIC = Indicator(
    "exits_dynamic",
    "Sorties dynamiques",
    "Formation qualifiante (apprentissage compris), CDD de plus de six mois ou CDI. L’État en attend les deux tiers.",
    IS_DYNAMIC,
    EXITS_COUNTED,
    "les sorties prises en compte",
    "les retraits neutralisés (déménagement, empêchement de longue durée, décès)",
)
EXITS_NOT_DYNAMIC = Indicator(
    "exits_not_dynamic",
    "Autres sorties prises en compte",
    "Sorties prises en compte qui ne sont pas dynamiques.",
    IS_COUNTED & ~IS_DYNAMIC,
    EXITS_COUNTED,
    "les sorties prises en compte",
)
EXITS_OF_CLASS: dict[ExitClass, Indicator] = {
    exit_class: Indicator(
        f"exits_{exit_class}",
        exit_class.label,
        f"Sorties de la classe « {exit_class.label} ».",
        Q(exit_class=exit_class),
        EXITS_COUNTED,
        "les sorties prises en compte",
    )
    for exit_class in ExitClass
    if exit_class != ExitClass.WITHDRAWN
}
EXIT_FIGURES = [
    EXITS,
    EXITS_COUNTED,
    EXITS_NEUTRALISED,
    EXITS_DYNAMIC,
    EXITS_NOT_DYNAMIC,
    *EXITS_OF_CLASS.values(),
]

# --- Six months after -------------------------------------------------------------------------------------------

WAS_ASKED = Q(asked_at__isnull=False) | Q(
    state__in=[
        FollowUpState.ASKED,
        FollowUpState.ANSWERED,
        FollowUpState.UNREACHABLE,
        FollowUpState.REFUSED,
        FollowUpState.MOVED,
    ]
)

CHECKS_DUE = Indicator(
    "checks_due",
    "Suivis à six mois prévus",
    "Suivis dont la date, six mois après la sortie, est dans la période, aujourd’hui compris.",
    EVERYTHING,
    leaves_out="les questions posées dès trois mois, là où une structure le souhaite",
)
CHECKS_ASKED = Indicator(
    "checks_asked",
    "Question posée",
    "Suivis de la période dont la question a été posée à la personne, par un lien ou au téléphone.",
    WAS_ASKED,
    CHECKS_DUE,
    "les suivis prévus dans la période",
)
CHECKS_NOT_ASKED = Indicator(
    "checks_not_asked",
    "Question pas encore posée",
    "Suivis de la période dont la question n’a pas encore été posée, appels à passer compris.",
    ~WAS_ASKED,
    CHECKS_DUE,
    "les suivis prévus dans la période",
)
CHECKS_ANSWERED = Indicator(
    "checks_answered",
    "Réponses à six mois",
    "Personnes qui ont répondu à la question posée six mois après leur sortie.",
    Q(state=FollowUpState.ANSWERED),
    CHECKS_ASKED,
    "les questions posées, y compris aux personnes injoignables ou qui ne souhaitent pas répondre",
    "les suivis dont la question n’a pas encore été posée",
)
CHECKS_UNREACHABLE = Indicator(
    "checks_unreachable",
    "Injoignables",
    "Personnes qui n’ont pas pu être jointes six mois après leur sortie.",
    Q(state=FollowUpState.UNREACHABLE),
    CHECKS_ASKED,
    "les questions posées",
)
CHECKS_REFUSED = Indicator(
    "checks_refused",
    "Ne souhaitent pas répondre",
    "Personnes jointes six mois après leur sortie, qui ne souhaitent pas répondre.",
    Q(state=FollowUpState.REFUSED),
    CHECKS_ASKED,
    "les questions posées",
)
CHECKS_MOVED = Indicator(
    "checks_moved",
    "Ont quitté le territoire",
    "Personnes qui, six mois après leur sortie, ne vivent plus sur le territoire.",
    Q(state=FollowUpState.MOVED),
    CHECKS_ASKED,
    "les questions posées",
)
CHECKS_OPEN = Indicator(
    "checks_open",
    "Réponse attendue",
    "Questions posées, dont la réponse n’est pas encore venue.",
    WAS_ASKED & Q(state__in=[FollowUpState.PLANNED, FollowUpState.ASKED, FollowUpState.TO_CALL]),
    CHECKS_ASKED,
    "les questions posées",
)
SITUATION_LABELS = {
    FollowUpSituation.JOB: "En emploi",
    FollowUpSituation.TRAINING: "En formation",
    FollowUpSituation.SEARCHING: "En recherche",
    FollowUpSituation.HELP: "Autre, ou besoin d’aide",
}
CHECKS_OF_SITUATION: dict[FollowUpSituation, Indicator] = {
    situation: Indicator(
        f"checks_{situation}",
        label,
        f"Réponses à six mois : {label.lower()}.",
        CHECKS_ANSWERED.counts & Q(situation=situation),
        CHECKS_ANSWERED,
        "les réponses à six mois",
    )
    for situation, label in SITUATION_LABELS.items()
}
IS_CALLED = Q(answered_by=FollowUpChannel.CALL) | Q(
    state__in=[FollowUpState.UNREACHABLE, FollowUpState.REFUSED, FollowUpState.MOVED]
)
ASKED_BY: dict[FollowUpChannel, Indicator] = {
    channel: Indicator(
        f"checks_asked_by_{channel}",
        f"{channel.label} : questions posées",
        f"Suivis de la période dont la question a été posée ainsi : {channel.label.lower()}. Une personne à qui on a "
        "écrit, puis qu’on a appelée, compte dans les deux.",
        WAS_ASKED & (IS_CALLED if channel == FollowUpChannel.CALL else Q(asked_by=channel)),
        CHECKS_ASKED,
        "les questions posées",
        "les appels passés sans que personne ne décroche, tant que le suivi reste ouvert",
    )
    for channel in FollowUpChannel
}
ANSWERED_BY: dict[FollowUpChannel, Indicator] = {
    channel: Indicator(
        f"checks_answered_by_{channel}",
        channel.label,
        f"Réponses à six mois données ainsi : {channel.label.lower()}.",
        CHECKS_ANSWERED.counts & Q(answered_by=channel),
        ASKED_BY[channel],
        "les questions posées par ce moyen",
    )
    for channel in FollowUpChannel
}
SILENT_BY: dict[FollowUpChannel, Indicator] = {
    channel: Indicator(
        f"checks_silent_by_{channel}",
        f"{channel.label} : sans réponse par ce moyen",
        f"Questions posées ainsi, sans réponse par ce moyen : {channel.label.lower()}.",
        ASKED_BY[channel].counts & ~ANSWERED_BY[channel].counts,
        ASKED_BY[channel],
        "les questions posées par ce moyen",
    )
    for channel in FollowUpChannel
}
CHECKS = [
    CHECKS_DUE,
    CHECKS_ASKED,
    CHECKS_NOT_ASKED,
    CHECKS_ANSWERED,
    CHECKS_UNREACHABLE,
    CHECKS_REFUSED,
    CHECKS_MOVED,
    CHECKS_OPEN,
    *CHECKS_OF_SITUATION.values(),
    *ASKED_BY.values(),
    *ANSWERED_BY.values(),
    *SILENT_BY.values(),
]

TOTALS: list[tuple[Indicator, list[Indicator]]] = [
    (SENT, [ANSWERABLE, WITHDRAWN]),
    (ANSWERABLE, [ANSWERED, WAITING, SILENT]),
    (ANSWERED, [ACCEPTED, WAITLISTED, OFFERED, DECLINED, REDIRECTED, ABANDONED_WAIT]),
    (ACCEPTED, [ENTERED, MISSED, EXPECTED, CANCELLED_LATE]),
    (DECLINED, list(DECLINED_FOR.values())),
    (BILANS_DUE, [BILANS_RETURNED, BILANS_MISSING]),
    (BILANS_RETURNED, [BILANS_BY_RECEIVER, BILANS_OTHERWISE]),
    (EXITS, [EXITS_COUNTED, EXITS_NEUTRALISED]),
    (EXITS_COUNTED, [EXITS_DYNAMIC, EXITS_NOT_DYNAMIC]),
    (EXITS_COUNTED, list(EXITS_OF_CLASS.values())),
    (CHECKS_DUE, [CHECKS_ASKED, CHECKS_NOT_ASKED]),
    (CHECKS_ASKED, [CHECKS_ANSWERED, CHECKS_UNREACHABLE, CHECKS_REFUSED, CHECKS_MOVED, CHECKS_OPEN]),
    (CHECKS_ANSWERED, list(CHECKS_OF_SITUATION.values())),
    (CHECKS_ANSWERED, list(ANSWERED_BY.values())),
    *[(ASKED_BY[channel], [ANSWERED_BY[channel], SILENT_BY[channel]]) for channel in FollowUpChannel],
]
"""How the indicators add up: each is the sum of its parts, with nothing left over."""


def add_totals(ledger: Ledger) -> None:
    """Tell the ledger how the indicators add up."""
    for whole, parts in TOTALS:
        ledger.total(whole.name, [part.name for part in parts])
