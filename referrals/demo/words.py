"""What prescripteurs and structures write: short, plain, and nothing about health."""

from __future__ import annotations

from collections.abc import Mapping

from referrals.states import Reason
from structures.vocabulary import NeedTheme

N = NeedTheme

READINGS = (
    "",
    "",
    "Entretien en français simple, la personne comprend l’essentiel.",
    "Vient de sa propre initiative, avec beaucoup d’envie.",
    "Orientation proposée après le point trimestriel.",
    "Premier rendez-vous ; la situation sera complétée.",
)

OBSTACLES: Mapping[NeedTheme, tuple[str, ...]] = {
    N.FRENCH: ("N’ose pas parler au guichet", "Se fait aider par ses enfants pour les courriers", ""),
    N.BASIC_SKILLS: ("Évite d’écrire au travail", "A quitté l’école tôt", ""),
    N.MOBILITY: ("Ne peut pas aller travailler tôt le matin", "Habite loin d’un arrêt de bus", ""),
    N.EMPLOYMENT: ("Sans emploi depuis plus d’un an", "Peu d’expérience à faire valoir", ""),
    N.DIGITAL: ("N’a pas d’ordinateur", "Démarches en ligne faites par un proche", ""),
    N.HOUSING: ("Hébergement provisoire", "Logement trop petit pour la famille"),
    N.CHILDCARE: ("Deux enfants de moins de trois ans", "Pas de mode de garde le mercredi"),
    N.CONFIDENCE: ("Ne se sent pas capable de postuler", ""),
}

MOTIVES: Mapping[NeedTheme, tuple[str, ...]] = {
    N.FRENCH: (
        "Souhaite parler sans aide avec l’école et la mairie.",
        "A besoin du français pour chercher du travail dans le nettoyage.",
        "Vise le niveau demandé pour sa carte de résident.",
    ),
    N.BASIC_SKILLS: (
        "Veut reprendre la lecture et le calcul avant une formation d’agent d’entretien.",
        "Hésite devant les formulaires ; souhaite faire le point et se remettre à niveau.",
    ),
    N.MOBILITY: (
        "Un emploi l’attend à Vineuil, sans transport en commun à cette heure.",
        "Souhaite savoir si le permis est possible, et à quel rythme.",
    ),
    N.EMPLOYMENT: (
        "Veut retravailler, demande un cadre pour reprendre le rythme.",
        "Cherche un premier contrat, disponible tout de suite.",
        "Souhaite travailler dehors, aime le travail en équipe.",
    ),
    N.PROJECT: ("Hésite entre deux métiers et voudrait les voir de près.", "Projet à construire, envie d’avancer."),
    N.BUSINESS: ("Vend déjà ses gâteaux au marché, voudrait ouvrir un point de vente.", "Idée d’atelier de couture."),
    N.RIGHTS: ("Questions sur ses droits après une séparation.", "Voudrait savoir à quelles aides prétendre."),
    N.PAPERWORK: ("Courriers de la CAF sans réponse depuis deux mois.", "Dossier à déposer en ligne."),
    N.DIGITAL: ("N’arrive pas à utiliser son espace en ligne.", "Voudrait écrire un courriel sans aide."),
    N.CONFIDENCE: ("Sort peu, envie d’essayer un groupe.",),
    N.CITIZENSHIP: ("Souhaite rencontrer d’autres habitants et comprendre les institutions.",),
    N.SCHOOLING: ("A décroché en classe de troisième ; reprise possible par petits groupes.",),
    N.TRAINING: ("Vise un CAP, cherche comment y entrer.",),
}
ANY_MOTIVE = ("Orientation vue ensemble en entretien.",)

NEXT_STEP = "Suite du bilan : nous en avons parlé ensemble."

ANSWERS = ("", "", "Merci de venir avec une pièce d’identité.", "Merci pour la fiche, très complète.", "À bientôt.")
WAITING = ("Groupe complet, nous rappelons dès qu’une place se libère.", "Place probable à la prochaine session.")
QUESTIONS = (
    ("Peut-elle venir deux matins par semaine ?", "Oui, sauf le mercredi."),
    ("A-t-elle déjà suivi un atelier chez un partenaire ?", "Non, ce serait le premier."),
    ("Préfère-t-elle un rendez-vous au quartier ou dans vos locaux ?", "Au quartier, si c’est possible."),
)
ADVISING = "L’urgence est ailleurs : elle en parle surtout pour chercher un emploi."
REOPENING = "La place est libre finalement, vu au téléphone ce matin."
RESUMING = "Le contrat prévu ne s’est pas fait, la personne souhaite continuer."
REDIRECTING = "Une autre de nos réponses convient mieux à la demande."

REASON_NOTES: Mapping[Reason, tuple[str, ...]] = {
    Reason.NO_PLACE: ("Prochaine session complète.", "Pas de place avant plusieurs mois."),
    Reason.NOT_ELIGIBLE: ("Après échange, une condition d’entrée n’est pas remplie.",),
    Reason.OUT_OF_ZONE: ("L’action est financée pour les habitants de la zone seulement.",),
    Reason.TIMETABLE: ("Les séances tombent pendant ses heures de travail.",),
    Reason.COST: ("Le reste à payer n’est pas possible pour l’instant.",),
    Reason.UNREACHABLE: ("Trois appels sans réponse.", "Numéro plus attribué."),
    Reason.OTHER_OFFER: ("Une place s’est libérée ailleurs.",),
    Reason.NOT_INTERESTED: ("Préfère attendre.", "A changé d’avis."),
    Reason.FOUND_JOB: ("A commencé à travailler.", "Entrée en formation la semaine dernière."),
    Reason.MOVED: ("Part vivre à Tours.",),
    Reason.MISTAKE: ("Fiche envoyée deux fois.",),
    Reason.NO_SHOW: ("Absence au rendez-vous, pas de nouvelles.",),
    Reason.OTHER: ("Nous en parlons au téléphone.",),
}

CONCLUSIONS = (
    "À l’aise à l’oral, l’écrit reste à consolider.",
    "Comprend les consignes simples ; lit des mots connus.",
    "Bonne logique, calcul à reprendre.",
    "Repères solides ; peut viser une formation avec un appui en français.",
    "Commence à lire et à écrire ; avance vite en petit groupe.",
)

MIDWAY = (
    "Présence régulière, prend confiance.",
    "Progresse à l’oral ; l’écrit demande du temps.",
    "Bon esprit d’équipe.",
)

SUMMARIES = (
    "Sait maintenant remplir un formulaire simple et prendre un rendez-vous.",
    "A repris un rythme, arrive à l’heure, travaille en équipe.",
    "Parle plus volontiers ; comprend les consignes de travail.",
    "A rédigé son CV et préparé deux entretiens.",
    "Se déplace en bus sans aide et sait lire un plan.",
    "A défini un projet réaliste et les étapes pour y arriver.",
)

PRIVATE = ("", "", "Garder le contact pendant l’été.", "Prévoir un appui pour la garde des enfants.")

REPORTS = (
    "Un groupe assidu et solidaire. Les horaires du mercredi ont gêné les parents : la prochaine session les évitera.",
    "Les progrès sont nets à l’oral, plus lents à l’écrit. Il manque une suite en soirée, après le travail.",
    "Le passage de la certification en fin de session a motivé tout le groupe. Le transport reste le premier frein.",
)
