"""The kinds of situations that the field describes, and where each is led."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from structures.vocabulary import NeedTheme, Status

N = NeedTheme
S = Status

Public = Literal["fle", "literacy", "illiteracy", "at_ease"]
"""The three publics of basic training, and those whom French does not hold back."""

Where = Literal["blois", "around", "outside", "val_de_marne"]

SOCIAL = ("mdcs-blois", "cias-blaisois", "quartiers-proximite", "france-travail-blois")
EMPLOYMENT = ("france-travail-blois", "plie-blaisois", "mission-locale-blaisois", "mdcs-blois", "cias-blaisois")


@dataclass(frozen=True)
class Kind:
    """One kind of situation.

    `prescribers` are structures (keys), drawn at random; `needs` are the possible readings, most urgent first;
    `routes` are lists of actions (slugs) that a prescripteur tries in this order when they fit, before taking what
    the suggestions put first. `fiches` weighs how many fiches a person's path may count at most. `early` people are met
    in the first months, so that long actions have time to end.
    """

    key: str
    count: int
    prescribers: tuple[str, ...]
    needs: tuple[tuple[NeedTheme, ...], ...]
    routes: tuple[tuple[str, ...], ...] = ((),)
    ages: tuple[int, int] = (20, 55)
    women: float = 0.55
    publics: dict[Public, float] = field(default_factory=lambda: {"at_ease": 1.0})
    statuses: tuple[Status, ...] = ()
    where: dict[Where, float] = field(default_factory=lambda: {"blois": 0.85, "around": 0.15})
    in_qpv: float = 0.62
    fiches: tuple[float, ...] = (0.04, 0.1, 0.26, 0.3, 0.2, 0.1)
    early: bool = False


KINDS: tuple[Kind, ...] = (
    Kind(
        "basic_skills",
        17,
        (*EMPLOYMENT, "quartiers-proximite", "cria-41"),
        ((N.BASIC_SKILLS, N.PROJECT, N.EMPLOYMENT), (N.BASIC_SKILLS, N.DIGITAL), (N.BASIC_SKILLS, N.EMPLOYMENT)),
        (("cria-bilan", "alire-apph"),),
        (22, 58),
        publics={"illiteracy": 1.0},
        statuses=(S.JOB_SEEKER,),
    ),
    Kind(
        "learner",
        22,
        (*SOCIAL, "mission-locale-blaisois", "cidff-41"),
        ((N.FRENCH, N.EMPLOYMENT), (N.FRENCH, N.CITIZENSHIP), (N.FRENCH, N.CHILDCARE), (N.FRENCH, N.PAPERWORK)),
        (("cria-bilan",), ()),
        (19, 54),
        0.6,
        {"fle": 1.0},
    ),
    Kind(
        "literacy",
        7,
        SOCIAL,
        ((N.FRENCH, N.PAPERWORK), (N.FRENCH, N.CITIZENSHIP, N.CONFIDENCE)),
        (("cria-bilan", "alire-fli"), ("cria-bilan", "cria-benevoles-numerique")),
        (28, 60),
        0.7,
        {"literacy": 1.0},
    ),
    Kind(
        "mobility",
        15,
        (*EMPLOYMENT, "quartiers-proximite"),
        ((N.MOBILITY, N.EMPLOYMENT), (N.MOBILITY,), (N.MOBILITY, N.BASIC_SKILLS)),
        (
            ("cria-bilan", "alire-apph", "accv-permis-b"),
            ("cria-bilan", "accv-parcours-mobilite"),
            ("accv-diagnostic-mobilite", "accv-parcours-mobilite", "accv-permis-b"),
            ("plateforme-mobilite-conseil", "accv-permis-b"),
        ),
        (18, 52),
        publics={"at_ease": 0.55, "illiteracy": 0.3, "fle": 0.15},
        statuses=(S.JOB_SEEKER,),
        fiches=(0.0, 0.2, 0.4, 0.4),
    ),
    Kind(
        "woman",
        12,
        (*SOCIAL, "mission-locale-blaisois"),
        ((N.EMPLOYMENT, N.CONFIDENCE, N.RIGHTS), (N.PROJECT, N.CHILDCARE), (N.RIGHTS, N.CONFIDENCE)),
        (("cidff-accompagnement",), ("cidff-permanence-droit", "cidff-accompagnement")),
        (20, 52),
        1.0,
        {"at_ease": 0.7, "fle": 0.3},
        in_qpv=0.8,
    ),
    Kind(
        "worksite",
        22,
        ("france-travail-blois", "plie-blaisois", "mdcs-blois", "cias-blaisois", "mission-locale-blaisois"),
        ((N.EMPLOYMENT, N.PROJECT), (N.EMPLOYMENT, N.HOUSING), (N.EMPLOYMENT, N.MOBILITY)),
        (("bio-jardin-cocagne",), ("alie-chantier-ecole", "bio-jardin-cocagne"), ("bio-micro-jardin",)),
        (19, 56),
        0.4,
        {"at_ease": 0.6, "illiteracy": 0.4},
        (S.JOB_SEEKER, S.RSA, S.HARDSHIP),
        fiches=(0.2, 0.4, 0.4),
        early=True,
    ),
    Kind(
        "val_de_marne",
        6,
        ("confluences",),
        ((N.EMPLOYMENT, N.TRAINING),),
        (("confluences-champigny",), ("confluences-fresnes",)),
        (20, 50),
        0.3,
        statuses=(S.JOB_SEEKER, S.HARDSHIP),
        where={"val_de_marne": 1.0},
        fiches=(1.0,),
        early=True,
    ),
    Kind(
        "youth",
        16,
        ("mission-locale-blaisois", "mission-locale-blaisois", "chasseurs-de-talents", "acesm"),
        (
            (N.PROJECT, N.TRAINING),
            (N.EMPLOYMENT, N.MOBILITY),
            (N.TRAINING, N.CONFIDENCE),
            (N.CITIZENSHIP, N.EMPLOYMENT),
        ),
        (
            ("cma-parcours-decouverte",),
            ("ml-pas-de-quartier", "accv-permis-b"),
            ("cfa-prepa-apprentissage",),
            ("acesm-chantiers-educatifs", "ml-pas-de-quartier"),
            ("cdt-citoyennete", "ml-pas-de-quartier"),
        ),
        (17, 25),
        0.45,
        statuses=(S.JOB_SEEKER,),
        in_qpv=0.85,
    ),
    Kind(
        "pjj",
        5,
        ("ueaj-blois",),
        ((N.SCHOOLING, N.BASIC_SKILLS),),
        (("alire-jeunes-ueaj",),),
        (15, 16),
        0.15,
        {"illiteracy": 1.0},
        (S.PJJ, S.DROPOUT),
        fiches=(1.0,),
    ),
    Kind(
        "pupil",
        2,
        ("college-begon",),
        ((N.SCHOOLING, N.PROJECT),),
        (("cma-city-tour",),),
        (14, 15),
        0.5,
        statuses=(S.PUPIL,),
        fiches=(1.0,),
    ),
    Kind(
        "senior",
        9,
        ("france-travail-blois", "plie-blaisois", "mdcs-blois"),
        ((N.EMPLOYMENT, N.CONFIDENCE), (N.EMPLOYMENT, N.DIGITAL)),
        (("cap-seniors-groupe", "plie-accompagnement"), ("mde-clauses-insertion",)),
        (47, 62),
        0.5,
        statuses=(S.JOB_SEEKER,),
    ),
    Kind(
        "business",
        5,
        ("france-travail-blois", "mission-locale-blaisois", "cidff-41"),
        ((N.BUSINESS,), (N.BUSINESS, N.PROJECT)),
        (("bge-boutikecole",), ("bge-citeslab", "bge-boutikecole")),
        (23, 50),
        statuses=(S.JOB_SEEKER,),
        in_qpv=0.9,
        fiches=(0.3, 0.4, 0.3),
    ),
    Kind(
        "paperwork",
        7,
        ("cias-blaisois", "mdcs-blois", "cidff-41", "mission-locale-blaisois"),
        ((N.PAPERWORK, N.DIGITAL), (N.DIGITAL, N.RIGHTS), (N.PAPERWORK,)),
        (("qp-pimms", "cria-benevoles-numerique"), ("cria-benevoles-numerique",)),
        (25, 62),
        publics={"at_ease": 0.5, "fle": 0.5},
    ),
    Kind(
        "no_offer",
        6,
        SOCIAL,
        ((N.HOUSING,), (N.HOUSING, N.CHILDCARE), (N.CHILDCARE, N.EMPLOYMENT)),
        fiches=(0.7, 0.3),
    ),
    Kind(
        "outside",
        3,
        ("france-travail-blois", "mission-locale-blaisois"),
        ((N.BUSINESS, N.MOBILITY), (N.MOBILITY, N.FRENCH), (N.CONFIDENCE, N.MOBILITY)),
        ages=(19, 28),
        publics={"fle": 1.0},
        where={"outside": 1.0},
        fiches=(1.0,),
    ),
)
"""The paths told at random; the others, some forty, are those of `scenes`."""

KIND = {kind.key: kind for kind in KINDS}
