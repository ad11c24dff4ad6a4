"""Who works in the demo: invented colleagues with addresses one can guess, and one password for all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password

from accounts.models import User
from structures.models import Membership, Structure
from structures.vocabulary import Role

PASSWORD = "relais-demo-2026-blois"  # noqa: S105 (printed by `load_demo --logins`: the demo's people are invented)
"""The password of every demo login: a sentence of more than fifteen characters."""

BOTH = (Role.PRESCRIBER, Role.RECEIVER)
SENDS = (Role.PRESCRIBER,)
RECEIVES = (Role.RECEIVER,)
RUNS = (Role.PRESCRIBER, Role.RECEIVER, Role.MANAGER)
STEERS = (Role.COORDINATOR,)


@dataclass(frozen=True)
class Login:
    """One colleague: their roles by structure (the end of the structure's identifier in the catalogue).

    `title` is what `--logins` prints; empty for those that only people the other structures.
    """

    name: str
    first_name: str
    last_name: str
    job: str
    roles: Mapping[str, tuple[Role, ...]]
    title: str = ""
    is_support: bool = False

    @property
    def email(self) -> str:
        """The address to log in with; example.org is nobody's (RFC 2606)."""
        return f"{self.name}@example.org"


LOGINS: tuple[Login, ...] = (
    Login(
        "conseillere.mission-locale",
        "Nadège",
        "Courtin",
        "Conseillère en insertion",
        {"mission-locale-blaisois": SENDS},
        "Prescriptrice",
    ),
    Login("cria", "Solène", "Maurel", "Formatrice évaluatrice", {"cria-41": BOTH}, "Accueil et prescription"),
    Login("alire", "Bastien", "Lorieux", "Responsable pédagogique", {"alire": RUNS}, "Accueil et responsable"),
    Login("accv", "Sandrine", "Pasquet", "Conseillère mobilité", {"accv": RECEIVES}, "Accueil"),
    Login("cidff", "Hélène", "Vasseur", "Conseillère emploi", {"cidff-41": BOTH}, "Accueil (structure protégée)"),
    Login("pimms", "Karim", "Belloc", "Médiateur France Services", {"quartiers-proximite": BOTH}, "Prescripteur"),
    Login("bio-solidaire", "Yann", "Tessier", "Encadrant technique", {"bio-solidaire": RECEIVES}, "Accueil (chantier)"),
    Login(
        "plie-et-emploi",
        "Maud",
        "Chevrier",
        "Référente de parcours",
        {"plie-blaisois": RUNS, "maison-emploi-blaisois": BOTH},
        "Deux structures",
    ),
    Login("ville", "Agnès", "Rouvier", "Cheffe de projet contrat de ville", {"ville-de-blois": STEERS}, "Coordination"),
    Login("support", "Équipe", "Support", "Support", {}, "Support (administration)", is_support=True),
    Login("accueil.mission-locale", "Jordan", "Pichon", "Chargé d’accueil", {"mission-locale-blaisois": RECEIVES}),
    Login("formatrice.alire", "Odile", "Brunel", "Formatrice", {"alire": BOTH}),
    Login("france-travail.conseiller", "Rémi", "Gasnier", "Conseiller", {"france-travail-blois": SENDS}),
    Login("mdcs.travailleuse-sociale", "Élodie", "Marchais", "Assistante sociale", {"mdcs-blois": SENDS}),
    Login("cias.referente", "Patricia", "Onillon", "Référente RSA", {"cias-blaisois": SENDS}),
    Login("ueaj.educateur", "Mickaël", "Dorval", "Éducateur", {"ueaj-blois": SENDS}),
    Login("college.cpe", "Florence", "Guimard", "Conseillère d’éducation", {"college-begon": SENDS}),
    Login("begon", "Inès", "Talbot", "Coordinatrice linguistique", {"maison-de-begon": RECEIVES}),
    Login("parenthese", "Claire", "Sarrazin", "Coach", {"parenthese": RECEIVES}),
    Login("chasseurs", "Ousmane", "Lenoir", "Animateur", {"chasseurs-de-talents": BOTH}),
    Login("blo", "Margot", "Vinet", "Chargée de projet", {"blo": RECEIVES}),
    Login("cma", "Denis", "Hubert", "Conseiller apprentissage", {"cma-41": RECEIVES}),
    Login("acesm", "Lucas", "Prévost", "Éducateur de rue", {"acesm": BOTH}),
    Login("bge", "Stéphanie", "Clavel", "Conseillère création", {"bge-ismer": RECEIVES}),
    Login("alie", "Bruno", "Naudet", "Coordinateur de chantier", {"alie": BOTH}),
    Login("confluences", "Thérèse", "Aubrac", "Accompagnatrice", {"confluences": BOTH}),
    Login("mobilite", "Vincent", "Delorme", "Conseiller mobilité", {"plateforme-mobilite": RECEIVES}),
    Login("cfa", "Sophie", "Barreau", "Chargée de recrutement", {"cfa-blois": RECEIVES}),
    Login("cap-seniors", "Gilles", "Fabre", "Animateur", {"cap-seniors": RECEIVES}),
    Login("guichet", "Amélie", "Rougier", "Accueil", {"guichet-francais": RECEIVES}),
    Login("prefecture", "Laurent", "Castel", "Délégué du préfet", {"prefecture-41": STEERS}),
    Login("agglopolys", "Nathalie", "Perrot", "Chargée de mission insertion", {"agglopolys": STEERS}),
)

MAIN = tuple(login for login in LOGINS if login.title)
"""The logins to try the demo with."""


def create_members(structures: Mapping[str, Structure]) -> dict[str, list[tuple[User, tuple[Role, ...]]]]:
    """Write every login; the users of each structure with their roles, by the structure's key."""
    # Hashed once: the password is public, and thirty Argon2 hashes would take longer than all the rest.
    hashed = make_password(PASSWORD)
    members: dict[str, list[tuple[User, tuple[Role, ...]]]] = {key: [] for key in structures}
    for login in LOGINS:
        create = User.objects.create_superuser if login.is_support else User.objects.create_user
        user = create(login.email, first_name=login.first_name, last_name=login.last_name, job_title=login.job)
        user.password = hashed
        user.save(update_fields=["password"])
        for key, roles in login.roles.items():
            Membership.objects.create(user=user, structure=structures[key], roles=list(roles))
            members[key].append((user, roles))
    return members


def note_absence(today: dt.date) -> None:
    """One colleague is away this week and the next, and a main login stands in."""
    away, cover = (Membership.objects.get(user__email=f"{name}@example.org") for name in ("formatrice.alire", "alire"))
    away.leave(today - dt.timedelta(days=2), today + dt.timedelta(days=11), cover)


def printed_logins() -> list[str]:
    """One line for each main login that exists here: role, address, password, structure, separated by tabs."""
    rows = {user.email: user for user in User.objects.filter(email__in=[login.email for login in MAIN])}
    names: dict[str, list[str]] = {}
    for membership in Membership.objects.filter(user__in=rows.values()).select_related("user", "structure"):
        names.setdefault(membership.user.email, []).append(str(membership.structure))
    return [
        "\t".join((login.title, login.email, PASSWORD, ", ".join(names.get(login.email, ["(aucune)"]))))
        for login in MAIN
        if login.email in rows
    ]
