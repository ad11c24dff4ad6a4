"""data·inclusion's thematiques, types and networks, in Relais' own words: each table is the rule itself.

A thematique leads to a need only when an action of that thematique answers the need by what it is. Those that answer
none of the needs that Relais records (health, food and equipment, managing a budget, caring for a relative) lead to
nothing, and an action that has no other is left out of the import, with its line in the report.
"""

from __future__ import annotations

from collections.abc import Iterable

from structures.vocabulary import ActionShape, NeedTheme, StructureKind

RIGHTS_AND_LAW = "difficultes-administratives-ou-juridiques--"
MONEY = "difficultes-financieres--"

NEEDS: dict[str, tuple[NeedTheme, ...]] = {
    "choisir-un-metier--confirmer-son-choix-de-metier": (NeedTheme.PROJECT,),
    "choisir-un-metier--connaitre-les-opportunites-demploi": (NeedTheme.PROJECT,),
    "choisir-un-metier--decouvrir-un-metier-ou-un-secteur-dactivite": (NeedTheme.PROJECT,),
    "choisir-un-metier--identifier-ses-points-forts-et-ses-competences": (NeedTheme.PROJECT,),
    "creer-une-entreprise--definir-son-projet-de-creation-dentreprise": (NeedTheme.BUSINESS,),
    "creer-une-entreprise--developper-son-entreprise": (NeedTheme.BUSINESS,),
    "creer-une-entreprise--structurer-son-projet-de-creation-dentreprise": (NeedTheme.BUSINESS,),
    f"{RIGHTS_AND_LAW}accompagnement-aux-demarches-administratives": (NeedTheme.PAPERWORK,),
    f"{RIGHTS_AND_LAW}accompagnement-pour-lacces-a-la-citoyennete": (NeedTheme.CITIZENSHIP,),
    f"{RIGHTS_AND_LAW}accompagnement-pour-lacces-aux-droits": (NeedTheme.RIGHTS,),
    f"{RIGHTS_AND_LAW}beneficier-dune-mesure-daccompagnement-adapte": (NeedTheme.RIGHTS,),
    f"{RIGHTS_AND_LAW}connaitre-ses-droits-face-a-une-discrimination": (NeedTheme.RIGHTS,),
    f"{RIGHTS_AND_LAW}prendre-en-compte-une-problematique-judiciaire": (NeedTheme.RIGHTS,),
    f"{MONEY}acquerir-une-autonomie-budgetaire": (),
    f"{MONEY}ameliorer-sa-gestion-budgetaire": (),
    f"{MONEY}mettre-en-place-une-mesure-de-protection-financiere": (NeedTheme.RIGHTS,),
    f"{MONEY}prevenir-une-degradation-de-la-situation-financiere": (NeedTheme.RIGHTS,),
    # A file to the Banque de France.
    f"{MONEY}situation-dendettement-surendettement": (NeedTheme.RIGHTS, NeedTheme.PAPERWORK),
    "equipement-et-alimentation--aide-menagere": (),
    "equipement-et-alimentation--alimentation": (),
    "equipement-et-alimentation--electromenager": (),
    "equipement-et-alimentation--habillement": (),
    "famille--garde-denfants": (NeedTheme.CHILDCARE,),
    "famille--prise-en-charge-personne-dependante": (),
    "famille--soutien-a-la-parentalite-et-a-leducation": (),
    "famille--soutien-aidants": (),
    "famille--surmonter-conflits-separation-violence": (NeedTheme.RIGHTS,),
    "lecture-ecriture-calcul--maitriser-le-calcul": (NeedTheme.BASIC_SKILLS,),
    # The format does not tell learning French from illettrisme: the action may answer either need.
    "lecture-ecriture-calcul--maitriser-le-francais": (NeedTheme.FRENCH, NeedTheme.BASIC_SKILLS),
    "logement-hebergement--acheter-un-logement": (NeedTheme.HOUSING,),
    "logement-hebergement--changer-de-logement": (NeedTheme.HOUSING,),
    "logement-hebergement--louer-un-logement": (NeedTheme.HOUSING,),
    "logement-hebergement--rechercher-une-solution-dhebergement-temporaire": (NeedTheme.HOUSING,),
    "logement-hebergement--reduire-les-impayes-de-loyer": (NeedTheme.HOUSING,),
    "logement-hebergement--se-maintenir-dans-le-logement": (NeedTheme.HOUSING,),
    "logement-hebergement--sinformer-sur-les-demarches-liees-a-lacces-au-logement": (NeedTheme.HOUSING,),
    "mobilite--acceder-a-un-vehicule": (NeedTheme.MOBILITY,),
    "mobilite--entretenir-reparer-son-vehicule": (NeedTheme.MOBILITY,),
    "mobilite--etre-accompagne-dans-son-parcours-mobilite": (NeedTheme.MOBILITY,),
    "mobilite--financer-ma-mobilite": (NeedTheme.MOBILITY,),
    "mobilite--preparer-un-permis": (NeedTheme.MOBILITY,),
    "mobilite--mobilite-douce-partagee-collective": (NeedTheme.MOBILITY,),
    "numerique--acceder-a-des-services-en-ligne": (NeedTheme.DIGITAL,),
    "numerique--acceder-a-une-connexion-internet": (NeedTheme.DIGITAL,),
    "numerique--acquerir-un-equipement": (NeedTheme.DIGITAL,),
    "numerique--maitriser-les-fondamentaux-du-numerique": (NeedTheme.DIGITAL,),
    "preparer-sa-candidature--developper-son-reseau": (NeedTheme.EMPLOYMENT,),
    "preparer-sa-candidature--organiser-ses-demarches-de-recherche-demploi": (NeedTheme.EMPLOYMENT,),
    "preparer-sa-candidature--realiser-un-cv-et-ou-une-lettre-de-motivation": (NeedTheme.EMPLOYMENT,),
    "preparer-sa-candidature--valoriser-ses-competences": (NeedTheme.EMPLOYMENT,),
    "remobilisation--activites-sportives-et-culturelles": (NeedTheme.CITIZENSHIP,),
    "remobilisation--benevolat-action-citoyenne": (NeedTheme.CITIZENSHIP,),
    "remobilisation--bien-etre-confiance-en-soi": (NeedTheme.CONFIDENCE,),
    "remobilisation--lien-social": (NeedTheme.CITIZENSHIP,),
    "sante--acces-aux-soins": (),
    "sante--addictions": (),
    "sante--constituer-un-dossier-mdph-invalidite": (NeedTheme.PAPERWORK,),
    "sante--sante-mentale": (),
    "sante--sante-sexuelle": (),
    "se-former--monter-son-dossier-de-formation": (NeedTheme.TRAINING,),
    "se-former--trouver-sa-formation": (NeedTheme.TRAINING,),
    "souvrir-a-linternational--connaitre-les-opportunites-demploi-a-letranger": (NeedTheme.EMPLOYMENT,),
    "souvrir-a-linternational--sinformer-sur-les-aides-pour-travailler-a-letranger": (NeedTheme.EMPLOYMENT,),
    "souvrir-a-linternational--sorganiser-suite-a-son-retour-en-france": (NeedTheme.PAPERWORK,),
    "trouver-un-emploi--convaincre-un-recruteur-en-entretien": (NeedTheme.EMPLOYMENT,),
    "trouver-un-emploi--faire-des-candidatures-spontanees": (NeedTheme.EMPLOYMENT,),
    "trouver-un-emploi--maintien-dans-lemploi": (NeedTheme.EMPLOYMENT,),
    "trouver-un-emploi--repondre-a-des-offres-demploi": (NeedTheme.EMPLOYMENT,),
    "trouver-un-emploi--suivre-ses-candidatures-et-relancer-les-employeurs": (NeedTheme.EMPLOYMENT,),
}
"""Every thematique of data·inclusion v1 and the needs that it answers."""

SHAPES = {
    "accompagnement": ActionShape.SUPPORT,
    "atelier": ActionShape.COURSE,
    "formation": ActionShape.COURSE,
    # What is given at a counter, once: no bilan and no exit are waited for.
    "aide-financiere": ActionShape.DROP_IN,
    "aide-materielle": ActionShape.DROP_IN,
    "information": ActionShape.DROP_IN,
}
"""Every type of data·inclusion v1 and the path that it opens."""

NETWORKS = {
    "aci": StructureKind.SIAE,
    "afpa": StructureKind.TRAINING,
    "ai": StructureKind.SIAE,
    "ccas-cias": StructureKind.CCAS,
    "chambres-consulaires": StructureKind.CHAMBER,
    "cidff": StructureKind.CIDFF,
    "cnam": StructureKind.TRAINING,
    "ei": StructureKind.SIAE,
    "eiti": StructureKind.SIAE,
    "etti": StructureKind.SIAE,
    "france-service": StructureKind.PIMMS,
    "france-travail": StructureKind.FRANCE_TRAVAIL,
    "mission-locale": StructureKind.MISSION_LOCALE,
    "pimms-mediation": StructureKind.PIMMS,
    "pjj": StructureKind.PJJ,
    "plie": StructureKind.PLIE,
    "reseau-app": StructureKind.TRAINING,
}
"""The networks that are enough to say what a structure is. The others gather structures of several kinds."""


def themes_of(thematiques: Iterable[str]) -> list[str]:
    """The needs that these thematiques answer, sorted; none when Relais records no such need."""
    return sorted({theme.value for thematique in thematiques for theme in NEEDS.get(thematique, ())})


def shape_of(service_type: str) -> str:
    """The shape of a service's path; a course, as for any new action, when its type is not given."""
    return SHAPES.get(service_type, ActionShape.COURSE).value


def kind_of(networks: Iterable[str]) -> str:
    """What a structure of these networks is; an association, as any new structure, when they do not say or disagree."""
    kinds = {NETWORKS[network] for network in networks if network in NETWORKS}
    return (kinds.pop() if len(kinds) == 1 else StructureKind.ASSOCIATION).value
