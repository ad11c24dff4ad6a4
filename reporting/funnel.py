"""Where people drop out: how many fiches reach each step of the path, each among those of the step before."""

from __future__ import annotations

from reporting import indicators as what
from reporting.indicators import EVERYTHING, Indicator
from reporting.models import Subject
from reporting.secrecy import Figure, Ledger
from reporting.tracing import Tracing


def _step(name: str, label: str, definition: str, before: Indicator | None, leaves_out: str = "") -> Indicator:
    of = "" if before is None else f"les fiches de l’étape d’avant («\u00a0{before.label}\u00a0»)"
    return Indicator(f"reached_{name}", label, definition, EVERYTHING, before, of, leaves_out)


SENT = _step(
    "sent",
    what.SENT.label,
    "Fiches dont la date d’envoi est dans la période. Toutes les étapes suivantes parlent de ces fiches-là, quel que "
    "soit le jour où elles y arrivent.",
    None,
    "les brouillons, et les envois annulés dans les dix minutes",
)
ANSWERED = _step(
    "answered",
    "Répondues",
    "Fiches qui ont reçu une première réponse, quelle qu’elle soit. Une fiche annulée avant réponse s’est arrêtée à "
    "l’envoi.",
    SENT,
)
ACCEPTED = _step("accepted", "Acceptées", "Fiches acceptées, tout de suite ou après une liste d’attente.", ANSWERED)
ENTERED = _step("entered", "Entrées", "Fiches dont la personne est entrée dans l’action.", ACCEPTED)
BILAN = _step(
    "bilan",
    "Bilan rendu",
    "Entrées dont le bilan (final, ou retour de positionnement) est rendu, ou dont l’action n’en demande pas.",
    ENTERED,
    "les bilans intermédiaires ; un bilan dont la date n’est pas encore venue manque comme un autre",
)
EXIT = _step(
    "exit",
    "Sortie notée",
    "Fiches au bilan rendu dont la sortie est notée.",
    BILAN,
    "les sorties notées alors que le bilan manque",
)
CHECKED = _step(
    "checked",
    "Réponse à six mois",
    "Fiches à la sortie notée dont la personne a répondu à la question posée six mois après.",
    EXIT,
    "les sorties de moins de six mois n’ont pas encore été questionnées : elles comptent comme arrêtées ici",
)
STEPS = [SENT, ANSWERED, ACCEPTED, ENTERED, BILAN, EXIT, CHECKED]
"""The steps, in the order of the path: each fiche of one is a fiche of the step before."""


class Funnel:
    """The steps of a scope. What a step holds less the next one's is who stopped there: masked with them."""

    def __init__(self, reading: Tracing) -> None:
        self._reading = reading
        self._stopped = reading.reached()
        self._people = reading.behind_reached(self._doubtful()) if reading.scope.masks else {}
        self._ledger = Ledger(masks=reading.scope.masks)

    def enter(self, ledger: Ledger) -> None:
        """Enter every step in a ledger, and read them there from now on."""
        self._ledger = ledger
        for place, step in enumerate(STEPS, start=1):
            reached = list(range(place, len(STEPS) + 1))
            ledger.put(step.name, self._number(reached), self._behind(reached))
            if place < len(STEPS):
                ledger.put(("lost", step.name), self._number([place]), self._behind([place]))
                ledger.total(step.name, [STEPS[place].name, ("lost", step.name)])

    def _number(self, steps: list[int]) -> int:
        return sum(self._stopped.get(step, 0) for step in steps)

    def _doubtful(self) -> set[int]:
        return {step for step, n in self._stopped.items() if self._reading.is_doubtful(Subject.FICHE, n)}

    def _behind(self, steps: list[int]) -> int:
        """How many persons stand behind the fiches that stopped at these steps, at least where they are many."""
        n = self._number(steps)
        if not self._reading.scope.masks or not self._reading.is_doubtful(Subject.FICHE, n):
            return self._reading.surely(Subject.FICHE, n)
        return len(set().union(*(self._people.get(step, set()) for step in steps)))

    def reached(self, step: Indicator) -> Figure:
        """How many fiches reached a step."""
        return self._ledger.show(step.name)

    def lost(self, step: Indicator) -> Figure | None:
        """How many reached it and no further; `None` at the last."""
        return None if step is STEPS[-1] else self._ledger.show(("lost", step.name))

    def share(self, step: Indicator) -> float | None:
        """A step as a share of the one before; `None` for the first, and when one of the two is masked."""
        return None if step.out_of is None else self._ledger.share(step.name, step.out_of.name)
