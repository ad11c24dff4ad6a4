"""Whole paths on the real catalogue of Blois, from the first interview to the figures.

Each test follows one person by the verbs that the screens use, each professional behind their own door.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.http import Http404
from django.test import Client
from django.urls import reverse

from referrals.matching import SnapshotMatch, snapshot, suggest
from referrals.models import (
    Bilan,
    ConsentHow,
    ConsentScope,
    Exit,
    FollowUp,
    FollowUpLink,
    Need,
    Person,
    Positioning,
    Prediagnosis,
    Referral,
    Reminder,
    ReminderKind,
)
from referrals.models.reminder import ReminderState
from referrals.permissions import Door
from referrals.states import Reason, State, UnmetReason
from reporting import indicators as what
from reporting.indicators import Indicator
from structures.catalogue import load_catalogue
from structures.models import Action, Structure
from structures.vocabulary import Cecrl, Diploma, Licence, NeedTheme, Role, Schooling, Sex, Status
from tests.territory import a_door

CATALOGUE = Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
START = dt.datetime(2025, 9, 15, 9, 0, tzinfo=dt.UTC)
SHARED = [ConsentScope.CONTACT, ConsentScope.PROFILE, ConsentScope.NEEDS, ConsentScope.HISTORY]

pytestmark = pytest.mark.django_db


class Town:
    """Blois, its doors, and a clock that only the test moves."""

    def __init__(self) -> None:
        load_catalogue(CATALOGUE)
        self.now = START
        self._doors: dict[str, Door] = {}

    def door(self, short_name: str, *roles: Role) -> Door:
        """The door of a member of a structure of the catalogue."""
        if short_name not in self._doors:
            self._doors[short_name] = a_door(Structure.objects.get(short_name=short_name), *roles)
        return self._doors[short_name]

    def wait(self, **delay: int) -> dt.datetime:
        """Let time pass."""
        self.now += dt.timedelta(**delay)
        return self.now

    @property
    def today(self) -> dt.date:
        return self.now.date()

    def meet(self, prescriber: str, needs: Mapping[str, int], **values: Any) -> Person:
        """Record a person and their needs."""
        actor = self.door(prescriber).actor
        person = Person(
            **{"first_name": "Nour", "last_name": "Exemple", "commune": "Blois", "commune_code": "41018"} | values
        )
        person.record(actor, self.now)
        Prediagnosis.objects.record(person, needs, actor, self.now)
        return person

    def suggestions(self, person: Person, prescriber: str, theme: NeedTheme | None = None) -> list[str]:
        """The slugs of what fits, best first."""
        needs = [need for need in person.needs.open() if theme is None or need.theme == theme]
        found = suggest(person, needs, prescriber=self.door(prescriber).structure, on=self.today)
        return [match.action.slug for match in found.matches]

    def prescribe(
        self, person: Person, prescriber: str, slug: str, *, opened_by: Bilan | None = None, how: str = ConsentHow.ORAL
    ) -> Referral:
        """Send a fiche to an action that stands among the first three suggestions, with its snapshot."""
        door = self.door(prescriber)
        person = door.person(person.pk)
        found = suggest(person, person.needs.open(), prescriber=door.structure, on=self.today)
        first = found.matches[:3]
        match = next((one for one in first if one.action.slug == slug), None)
        assert match is not None, [one.action.slug for one in first]
        needs = [need for need in person.needs.open() if need.theme in match.needs_covered]
        referral = Referral.objects.draft(
            person, match.action, door.actor, self.now, needs=needs, matched=snapshot(match), opened_by=opened_by
        )
        referral.send(door.actor, self.now, consent_how=how, consent_scope=SHARED)
        return referral

    def take_in(self, referral: Referral, receiver: str) -> Referral:
        """Accept with a rendez-vous in a week, and enter on that day."""
        door = self.door(receiver)
        mine = door.referral(referral.reference)
        mine.accept(door.actor, self.wait(days=2), appointment_at=self.now + dt.timedelta(days=7))
        mine.enter(door.actor, self.wait(days=7), on=self.today)
        return mine

    def position(self, referral: Referral, receiver: str, **result: Any) -> Bilan:
        """Accept, hold the interview, return it, and close the positionnement."""
        door = self.door(receiver)
        mine = door.referral(referral.reference)
        mine.accept(door.actor, self.wait(days=2), appointment_at=self.now + dt.timedelta(days=5))
        Positioning.objects.record(mine, door.actor, self.wait(days=5), on=self.today, **result)
        mine.refresh_from_db()
        mine.end(door.actor, self.now)
        return mine.bilans.get()

    def final_bilan(self, referral: Referral, receiver: str, **values: Any) -> Bilan:
        """Write and return the final bilan."""
        actor = self.door(receiver).actor
        bilan = Bilan.objects.start(referral, "final", actor, self.now, on=self.today)
        assert bilan.write(**values)
        assert bilan.hand_in(actor, self.now)
        return bilan

    def leave(self, referral: Referral, receiver: str, kind: str) -> Exit:
        """Record the typed exit."""
        referral.refresh_from_db()
        return Exit.objects.record(referral, self.door(receiver).actor, self.now, on=self.today, kind=kind)

    def figures(self, *indicators: Indicator) -> list[int]:
        """What the coordinators' page counts from the start to now, over the whole territory."""
        city = self.door("Ville de Blois", Role.COORDINATOR)
        assert city.user is not None
        client = Client()
        client.force_login(city.user)
        period = {"du": START.date().isoformat(), "au": self.today.isoformat()}
        page = client.get(reverse("reporting:dashboard"), period)
        assert page.status_code == 200
        assert "EXEMPLE" not in page.content.decode(), "figures name nobody"
        ledger = page.context["figures"].ledger
        return [ledger.number(indicator.name) for indicator in indicators]


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.mark.parametrize(
    ("result", "recommended", "next_slug"),
    [
        (
            {"levels": {"oral": 2, "written": 1, "arithmetic": 1}, "anlci": 1, "french_oral": Cecrl.B1},
            NeedTheme.BASIC_SKILLS,
            "alire-apph",
        ),
        (
            {"levels": {"oral": 3, "written": 3, "space_time": 1}, "anlci": 3, "french_oral": Cecrl.C1},
            NeedTheme.MOBILITY,
            "accv-parcours-mobilite",
        ),
        (
            {
                "levels": {"oral": 4, "written": 4, "space_time": 4},
                "anlci": 4,
                "french_oral": Cecrl.C1,
                "french_written": Cecrl.C1,
            },
            NeedTheme.MOBILITY,
            "accv-permis-b",
        ),
    ],
    ids=["savoirs de base", "parcours mobilité", "permis B"],
)
def test_the_mobility_path_branches_after_the_positionnement_of_the_cria(
    town: Town, result: dict[str, Any], recommended: NeedTheme, next_slug: str
) -> None:
    person = town.meet(
        "MDCS",
        {NeedTheme.MOBILITY: 1},
        birth_date=dt.date(1990, 3, 1),
        licence=Licence.NONE,
        statuses=[Status.JOB_SEEKER],
        statuses_known=True,
        schooling=Schooling.FRANCE,
    )
    fiche = town.prescribe(person, "MDCS", "cria-bilan")
    returned = town.position(fiche, "Cria 41", recommended=[recommended], **result)
    town.wait(days=3)

    mdcs = town.door("MDCS")
    assert mdcs.bilan(returned.pk).recommended == [recommended], "the return reaches the prescripteur"
    person = mdcs.person(person.pk)
    assert person.anlci == result["anlci"], "the levels found become those of the person's file"
    if recommended != NeedTheme.MOBILITY:
        Prediagnosis.objects.record(person, {recommended: 1}, mdcs.actor, town.now)
        person.needs.get(theme=NeedTheme.MOBILITY).close(mdcs.actor, town.now)
    following = town.prescribe(person, "MDCS", next_slug, opened_by=returned)
    assert following.opened_by == returned
    receiver = following.action.structure.short_name
    entered = town.take_in(following, receiver)
    town.wait(days=120)
    town.final_bilan(entered, receiver, summary="Se déplace seule.", obstacles_left=[])
    exit_ = town.leave(entered, receiver, "certificate")
    assert exit_.exit_class == "positive"
    assert FollowUp.objects.get(referral=following).due_on > town.today
    counted = town.figures(what.SENT, what.ANSWERED, what.ENTERED, what.BILANS_RETURNED, what.EXITS_COUNTED)
    assert counted == [2, 2, 2, 2, 1]


def test_the_cria_opens_an_alire_course_and_its_final_bilan_repositions_the_person(town: Town) -> None:
    person = town.meet(
        "Mission locale",
        {NeedTheme.FRENCH: 1},
        birth_date=dt.date(2001, 9, 9),
        schooling=Schooling.ABROAD,
        statuses=[Status.FOREIGNER, Status.JOB_SEEKER],
        statuses_known=True,
    )
    assert town.suggestions(person, "Mission locale")[0] == "cria-bilan", (
        "without a level, a positionnement comes first"
    )
    fiche = town.prescribe(person, "Mission locale", "cria-bilan")
    returned = town.position(
        fiche,
        "Cria 41",
        levels={"oral": 1, "written": 1},
        french_oral=Cecrl.A1,
        french_written=Cecrl.A1,
        recommended=[NeedTheme.FRENCH],
    )

    # The Cria prescribes onwards itself, from its own bilan.
    cria = town.door("Cria 41")
    fli = town.prescribe(cria.person(person.pk), "Cria 41", "alire-fli", opened_by=returned)
    assert fli.sender == cria.structure
    with pytest.raises(Http404):
        town.door("Maison de Bégon").referral(fli.reference)
    entered = town.take_in(fli, "Alire")
    town.wait(days=150)
    final = town.final_bilan(
        entered,
        "Alire",
        levels_before=returned.levels_after,
        levels_after={"oral": 2, "written": 2},
        french_oral_after=Cecrl.A2,
        french_written_after=Cecrl.A2,
        certificates=[{"certificate": "delf_a2", "result": "obtained"}],
        recommended=[NeedTheme.FRENCH],
    )
    assert [one for one in final.progress if one[0] in ("oral", "written")] == [("oral", 1, 2), ("written", 1, 2)]
    town.leave(entered, "Alire", "other_training")

    # Repositioned: the next suggestions follow the new level.
    person.refresh_from_db()
    assert (person.french_oral, person.french_written) == (Cecrl.A2, Cecrl.A2)
    again = town.suggestions(person, "Mission locale")
    assert "begon-asl-3" in again[:3]
    assert "begon-asl-1" not in again
    counted = town.figures(what.SENT, what.ENTERED, what.BILANS_RETURNED, what.EXITS, what.EXITS_DYNAMIC)
    assert counted == [2, 2, 2, 1, 0]
    onward = town.prescribe(town.door("Mission locale").person(person.pk), "Mission locale", "begon-asl-3")
    kept = SnapshotMatch.from_json(onward.matched)
    Action.objects.filter(slug="begon-asl-3").update(name="Renommée", criteria=[])
    assert kept == SnapshotMatch.from_json(Referral.objects.get(pk=onward.pk).matched), "reads the same years later"


def test_the_cidff_accompanies_a_woman_and_asks_her_six_months_later(town: Town) -> None:
    person = town.meet(
        "France Travail",
        {NeedTheme.EMPLOYMENT: 1, NeedTheme.CONFIDENCE: 2},
        birth_date=dt.date(1984, 6, 2),
        sex=Sex.WOMAN,
        quartier="nord",
        in_qpv=True,
        email="personne@example.org",
        contact_channel="email",
    )
    fiche = town.prescribe(person, "France Travail", "cidff-accompagnement")
    entered = town.take_in(fiche, "CIDFF 41")
    town.wait(days=170)
    town.final_bilan(entered, "CIDFF 41", summary="A repris confiance.")
    exit_ = town.leave(entered, "CIDFF 41", "cdd_long")
    assert exit_.is_dynamic
    check = FollowUp.objects.get(referral=fiche)
    assert (check.due_on.month - exit_.on.month) % 12 == 6
    reminder = Reminder.objects.get(referral=fiche, kind=ReminderKind.SIX_MONTHS)
    assert reminder.state == ReminderState.PLANNED
    assert not Reminder.objects.due(town.now).filter(pk=reminder.pk).exists()
    town.wait(days=190)
    assert Reminder.objects.due(town.now).filter(pk=reminder.pk).exists()
    link = check.ask(town.door("CIDFF 41").actor, town.now)
    found = FollowUpLink.objects.by_token(link, town.wait(days=2))
    assert found is not None
    assert found.followup == check
    assert check.answer(town.door("CIDFF 41").actor, town.now, situation="job")
    assert fiche.events.filter(kind="followup_answered").exists()
    counted = town.figures(what.SENT, what.EXITS_DYNAMIC, what.CHECKS_ASKED, what.CHECKS_ANSWERED)
    assert counted == [1, 1, 1, 1]
    assert not check.answer(town.door("CIDFF 41").actor, town.wait(days=8), situation="searching")


def test_a_chantier_d_insertion_leads_to_a_dynamic_exit(town: Town) -> None:
    # The chantier école of the spring is the next one to start.
    town.wait(days=119)
    person = town.meet(
        "PLIE",
        {NeedTheme.EMPLOYMENT: 1},
        birth_date=dt.date(1979, 1, 20),
        diploma=Diploma.VI,
        statuses=[Status.JOB_SEEKER, Status.RSA, Status.HARDSHIP],
        statuses_known=True,
        quartier="nord",
        in_qpv=True,
    )
    fiche = town.prescribe(person, "PLIE", "alie-chantier-ecole")
    entered = town.take_in(fiche, "ALIE")
    half = Bilan.objects.start(entered, "intermediate", town.door("ALIE").actor, town.wait(days=90), on=town.today)
    assert half.write(hours=210, attendance=92)
    assert half.hand_in(town.door("ALIE").actor, town.now)
    town.wait(days=120)
    town.final_bilan(entered, "ALIE", hours=430, attendance=90, obstacles_left=[NeedTheme.MOBILITY])
    exit_ = town.leave(entered, "ALIE", "cdi")
    assert exit_.exit_class == "durable"
    assert list(Exit.objects.counted().dynamic()) == [exit_]
    assert town.figures(what.SENT, what.ENTERED, what.EXITS_COUNTED, what.EXITS_DYNAMIC) == [1, 1, 1, 1]
    assert town.door("PLIE").referral(fiche.reference).state == State.ENDED
    assert not Need.objects.unmet().exists()


def test_a_waiting_list_without_end_becomes_an_unmet_need(town: Town) -> None:
    person = town.meet(
        "Mission locale",
        {NeedTheme.BUSINESS: 1},
        birth_date=dt.date(1999, 1, 20),
        quartier="nord",
        in_qpv=True,
        availability=[f"{day}_{half}" for day in ("mon", "tue", "wed", "thu", "fri") for half in ("am", "pm")],
    )
    fiche = town.prescribe(person, "Mission locale", "bge-boutikecole")
    bge = town.door("BGE Ismer")
    mine = bge.referral(fiche.reference)
    mine.waitlist(bge.actor, town.wait(days=4))
    assert not Need.objects.unmet().exists(), "waiting is not yet unmet"
    mine.decline(bge.actor, town.wait(days=200), reason=Reason.NO_PLACE)
    unmet = Need.objects.unmet().get()
    assert (unmet.theme, unmet.unmet_reason) == (NeedTheme.BUSINESS, UnmetReason.NO_PLACE)
    assert not Reminder.objects.due(town.now).filter(kind=ReminderKind.UNANSWERED).exists()
    assert town.figures(what.SENT, what.ACCEPTED, what.DECLINED, what.ENTERED) == [1, 0, 1, 0]


def test_a_coordinator_opens_none_of_these_files(town: Town) -> None:
    person = town.meet("Mission locale", {NeedTheme.FRENCH: 1})
    town.prescribe(person, "Mission locale", "cria-bilan")
    city = town.door("Ville de Blois", Role.COORDINATOR)
    assert not city.persons().exists()
    assert not city.referrals().exists()
    assert city.sees_territory
