"""The papers that go with some fiches, set by the same typesetter as the sheets: real files, and nobody's."""

from __future__ import annotations

import datetime as dt

from referrals.demo.chance import dice_for
from referrals.documents.reading import Sheet
from referrals.documents.typesetting import typeset
from referrals.filechecks import check_file
from referrals.models import Actor, Attachment, AttachmentKind, Referral
from structures.vocabulary import NeedTheme

SHARE = 0.05
"""Of the fiches, how many bring a paper."""
FOR_WORK = frozenset({NeedTheme.EMPLOYMENT, NeedTheme.TRAINING, NeedTheme.PROJECT})
PAPERS = {
    AttachmentKind.CV: (
        "Curriculum vitæ",
        (
            ("Expériences", "Agente d’entretien, deux ans. Aide en cuisine, six mois. Bénévole dans une association."),
            ("Formation", "Certificat de formation générale."),
            ("Langues", "Français, en cours d’apprentissage. Peul."),
        ),
    ),
    AttachmentKind.PROOF: (
        "Attestation",
        (("Objet", "Inscrit(e) comme demandeur d’emploi. Ce document sert d’exemple."),),
    ),
}
"""For each kind of document, its title and its parts."""


def bring_paper(seed: int, referral: Referral, actor: Actor, at: dt.datetime) -> None:
    """Attach a CV or a proof to some fiches in preparation, by a chance of its own: no other story changes."""
    if dice_for(seed, f"paper {referral.person.last_name} {referral.action.slug}").random() > SHARE:
        return
    kind = AttachmentKind.CV if FOR_WORK.intersection(referral.action.themes) else AttachmentKind.PROOF
    title, parts = PAPERS[kind]
    blocks = []
    for heading, text in parts:
        blocks.append({"kind": "heading", "level": 2, "runs": [{"text": heading, "strong": False}]})
        blocks.append({"kind": "paragraph", "runs": [{"text": text, "strong": False}]})
    content = typeset(Sheet(title, "Exemple de la démonstration", referral.reference, blocks))
    Attachment.objects.attach(referral, actor, at, kind=kind, file=check_file("document.pdf", content))
