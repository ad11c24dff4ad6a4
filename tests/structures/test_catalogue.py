"""Loading a catalogue: refused whole, or loaded whole; and the real one of Blois."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from data_inclusion.schema import v1
from django.conf import settings
from django.core.management import CommandError, call_command

from structures.catalogue import BadCatalogue, load_catalogue
from structures.models import Action, ActionChange, ChangeKind, Session, Structure
from structures.vocabulary import Role
from tests.territory import NOW, a_member, a_structure, an_action

BLOIS = Path(settings.BASE_DIR) / "structures" / "catalogues" / "blois.json"
pytestmark = pytest.mark.django_db

SMALL: dict[str, Any] = {
    "source": "essai",
    "structures": [
        {
            "source": "essai",
            "id": "essai--cria",
            "nom": "Cria d’essai",
            "date_maj": "2026-09-01",
            "telephone": "+33261910001",
            "relais": {"short_name": "Cria", "kind": "cria", "is_prescriber": True},
        }
    ],
    "services": [
        {
            "source": "essai",
            "id": "essai--cours",
            "structure_id": "essai--cria",
            "nom": "Cours de français",
            "description": "Un cours pour essayer.",
            "date_maj": "2026-09-01",
            "zone_eligibilite": ["41", "18"],
            "volume_horaire_hebdomadaire": 1.1,
            "relais": {
                "slug": "essai-cours",
                "shape": "course",
                "themes": ["french"],
                "criteria": [{"kind": "age", "need": "required", "min": 16}],
                "sessions": [{"code": "S1", "starts_on": "2026-10-05", "ends_on": "2027-01-29", "places": 12}],
            },
        }
    ],
}


@pytest.fixture
def write(tmp_path):
    """Write a catalogue file, changed by a function that receives its copy."""

    def written(change=lambda data: None, data: Any = SMALL) -> Path:
        fresh = copy.deepcopy(data)
        change(fresh)
        path = tmp_path / "catalogue.json"
        path.write_text(json.dumps(fresh, ensure_ascii=False), encoding="utf-8")
        return path

    return written


def refused(path: Path) -> list[str]:
    with pytest.raises(BadCatalogue) as caught:
        load_catalogue(path)
    assert not Structure.objects.exists()
    assert not Action.objects.exists()
    return [str(fault) for fault in caught.value.faults]


# Refused whole


def test_a_missing_file_is_named(tmp_path) -> None:
    assert refused(tmp_path / "rien.json") == [f"fichier illisible\u00a0: {tmp_path / 'rien.json'}"]


def test_a_file_that_is_not_text_is_refused(tmp_path) -> None:
    path = tmp_path / "image.json"
    path.write_bytes(b"\xff\xfe\x00{")
    assert "fichier illisible" in refused(path)[0]


def test_broken_json_gives_its_line(tmp_path) -> None:
    path = tmp_path / "faux.json"
    path.write_text('{\n "source": ,\n}')
    assert refused(path) == ["ligne 2\u00a0: ce n’est pas du JSON valide"]


@pytest.mark.parametrize("data", [[], {}, {"source": 3}, "texte"])
def test_something_else_than_a_catalogue_is_refused(write, data) -> None:
    assert refused(write(data=data)) == ["champ source\u00a0: un objet avec une source est attendu"]


def test_missing_lists_are_named(write) -> None:
    assert refused(write(data={"source": "essai", "services": {}})) == [
        "champ structures\u00a0: une liste est attendue",
        "champ services\u00a0: une liste est attendue",
    ]


STRUCTURE = "structures, ligne 1 (essai--cria)"
SERVICE = "services, ligne 1 (essai--cours)"


@pytest.mark.parametrize(
    ("where", "field", "value", "message"),
    [
        ("structures", "nom", None, f"{STRUCTURE}, champ nom\u00a0: un texte est attendu"),
        ("structures", "nom", "Cria.", "Le nom de la structure ne doit pas se terminer par un point."),
        ("structures", "code_insee", "410", f"{STRUCTURE}, champ code_insee\u00a0: texte trop court"),
        ("structures", "reseaux_porteurs", ["inconnu"], f"{STRUCTURE}, champ reseaux_porteurs\u00a0: valeur inconnue"),
        ("structures", "telephone", "12", f"{STRUCTURE}, champ phone\u00a0: "),
        ("structures", "date_maj", "hier", f"{STRUCTURE}, champ date_maj\u00a0: date mal formée"),
        ("structures", "date_maj", "2999-01-01", "ne peut pas être dans le futur"),
        ("structures", "nouveau", 1, f"{STRUCTURE}, champ nouveau\u00a0: champ inconnu"),
        ("structures", "source", "autre", f"{STRUCTURE}, champ source\u00a0: source différente"),
        ("structures", "relais", {"kind": "roi"}, f"{STRUCTURE}, champ kind\u00a0: "),
        ("structures", "relais", {"is_sensitive": "oui"}, f"{STRUCTURE}, champ is_sensitive\u00a0: valeur mal formée"),
        ("structures", "relais", [], f"{STRUCTURE}, champ relais\u00a0: un objet est attendu"),
        ("services", "type", "cours", f"{SERVICE}, champ type\u00a0: valeur inconnue"),
        ("services", "publics", ["femmes", "tous-publics"], "ne peut pas être utilisé avec d’autres valeurs"),
        ("services", "structure_id", "essai--rien", f"{SERVICE}, champ structure_id\u00a0: structure inconnue"),
        ("services", "volume_horaire_hebdomadaire", 1.333, f"{SERVICE}, champ weekly_hours\u00a0: "),
        ("services", "relais", None, f"{SERVICE}, champ relais\u00a0: un objet est attendu"),
    ],
)
def test_a_bad_field_refuses_the_file_and_is_named(write, where, field, value, message) -> None:
    def change(data) -> None:
        data[where][0][field] = value

    faults = refused(write(change))
    assert any(message in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("slug", "", "champ slug"),
        ("slug", "avec espace", "champ slug"),
        ("shape", "circle", "champ shape"),
        ("themes", [], "champ themes"),
        ("themes", ["cooking"], "champ themes"),
        ("themes", "french", "champ themes\u00a0: valeur mal formée ('french')"),
        ("themes", [["french"]], "champ themes"),
        ("level_in", "A3", "champ level_in"),
        ("places", -1, "champ places"),
        ("places", True, "champ places\u00a0: valeur mal formée (True)"),
        ("confirmed_on", "2026-02-30", "champ confirmed_on\u00a0: date mal formée"),
        ("colour", "red", "champ colour\u00a0: champ inconnu"),
        (
            "criteria",
            [{"kind": "age", "need": "required"}],
            "champ criteria\u00a0: critère 1, champ min\u00a0: valeur manquante",
        ),
        ("sessions", {}, "champ sessions\u00a0: une liste est attendue"),
        ("sessions", ["S1"], "session 1, champ relais\u00a0: un objet est attendu"),
        ("sessions", [{"code": "S1"}], "session 1, champ starts_on"),
        ("sessions", [{"code": "S1", "starts_on": "5/10/2026"}], "session 1, champ starts_on\u00a0: date mal formée"),
        (
            "sessions",
            [{"code": "S1", "starts_on": "2026-10-05", "ends_on": "2026-10-04"}],
            "session 1, champ ends_on\u00a0: la fin précède le début",
        ),
        (
            "sessions",
            [{"code": "S1", "starts_on": "2026-10-05", "places": 1, "reserved": 2}],
            "session 1, champ reserved\u00a0: plus de places réservées que de places",
        ),
        (
            "sessions",
            [{"code": "S1", "starts_on": "2026-10-05"}, {"code": "S1", "starts_on": "2026-11-05"}],
            "session 2, champ code\u00a0: valeur en double (S1)",
        ),
    ],
)
def test_a_bad_value_of_our_own_refuses_the_file_and_is_named(write, field, value, message) -> None:
    def change(data) -> None:
        data["services"][0]["relais"][field] = value

    faults = refused(write(change))
    assert all(fault.startswith(SERVICE) for fault in faults)
    assert any(message in fault for fault in faults), faults


def test_the_same_id_or_address_twice_is_refused(write) -> None:
    def change(data) -> None:
        data["structures"].append(data["structures"][0])
        data["services"].append(data["services"][0])

    assert refused(write(change)) == [
        "structures, ligne 2 (essai--cria), champ id\u00a0: valeur en double (essai--cria)",
        "services, ligne 2 (essai--cours), champ id\u00a0: valeur en double (essai--cours)",
        "services, ligne 2 (essai--cours), champ slug\u00a0: valeur en double (essai-cours)",
    ]


def test_every_fault_is_named_at_once(write) -> None:
    def change(data) -> None:
        data["structures"][0]["nom"] = ""
        data["services"][0]["relais"]["themes"] = ["cooking"]
        data["services"].append(7)

    faults = refused(write(change))
    assert [fault.split("\u00a0:")[0] for fault in faults] == [
        f"{STRUCTURE}, champ nom",
        "services, ligne 2",
        f"{SERVICE}, champ themes",
    ]


def test_an_address_taken_by_another_source_is_refused_and_nothing_is_overwritten(write) -> None:
    an_action(a_structure(), "Autre", slug="essai-cours")
    with pytest.raises(BadCatalogue, match="déjà pris par une autre source"):
        load_catalogue(write())
    assert Action.objects.get().name == "Autre"


# Loaded


def test_a_second_load_changes_nothing(write) -> None:
    path = write()
    first, second = load_catalogue(path), load_catalogue(path)
    assert first.added == ["Cria", "Cours de français", "Cours de français · S1"]
    assert (second.added, second.changed, second.missing) == ([], [], [])


def test_what_changed_is_written_and_named_field_by_field(write) -> None:
    load_catalogue(write())

    def change(data) -> None:
        data["structures"][0]["telephone"] = "+33261910002"
        data["services"][0]["relais"] |= {"themes": ["french", "basic_skills"], "places": 8}
        data["services"][0]["relais"]["sessions"][0]["places"] = 10

    report = load_catalogue(write(change))
    assert report.added == []
    assert report.changed == [
        ("Cria", ["phone"]),
        ("Cours de français", ["places", "themes"]),
        ("Cours de français · S1", ["places"]),
    ]
    assert (Action.objects.get().places, Session.objects.get().places) == (8, 10)


def test_a_dry_run_reports_and_keeps_nothing(write) -> None:
    assert len(load_catalogue(write(), dry_run=True).added) == 3
    assert not Structure.objects.exists()


def test_what_left_the_file_is_reported_and_unpublished_and_never_deleted(write) -> None:
    load_catalogue(write())

    def change(data) -> None:
        data["services"] = []

    report = load_catalogue(write(change))
    assert report.missing == ["Cours de français", "Cours de français · S1"]
    assert not Action.objects.get().is_published
    assert load_catalogue(write()).changed == [("Cours de français", ["is_published"])]
    assert Action.objects.get().is_published


def reloaded(write, change=lambda data: None) -> Any:
    return load_catalogue(write(change), now=NOW)


def rewritten(data) -> None:
    """The file of a later day: another name, more places, another last day, and a session more."""
    data["services"][0]["nom"] = "Cours du soir"
    data["services"][0]["relais"] |= {"places": 8, "rhythm": "Le soir"}
    sessions = data["services"][0]["relais"]["sessions"]
    sessions[0] |= {"places": 20, "ends_on": "2027-02-26"}
    sessions.append({"code": "S2", "starts_on": "2027-03-01"})


def test_what_a_manager_changed_survives_a_reload_field_by_field(write) -> None:
    reloaded(write)
    action, user = Action.objects.get(), a_member(Structure.objects.get(), Role.MANAGER)
    action.rewrite(user, NOW, name="Français pour tous", rhythm="Le lundi")
    action.set_criteria(user, NOW, [])
    action.rewrite(user, NOW, is_published=False)
    report = reloaded(write, rewritten)
    action.refresh_from_db()
    assert (action.name, action.rhythm, action.criteria, action.is_published) == (
        "Français pour tous", "Le lundi", [], False,
    )  # fmt: skip
    assert action.places == 8
    assert report.kept == [("Français pour tous", ["criteria", "is_published", "name", "rhythm"])]
    assert ("Français pour tous", ["places"]) in report.changed
    assert reloaded(write, rewritten).kept == report.kept


def test_what_a_manager_put_back_follows_the_file_again(write) -> None:
    reloaded(write)
    user = a_member(Structure.objects.get(), Role.MANAGER)
    change = Action.objects.get().rewrite(user, NOW, name="Français pour tous")
    assert change is not None
    Action.objects.get().undo(change, user, NOW)
    assert reloaded(write, rewritten).kept == []
    assert Action.objects.get().name == "Cours du soir"


def test_what_a_manager_rewrote_after_the_file_did_is_kept_too(write) -> None:
    reloaded(write)
    reloaded(write, rewritten)
    user = a_member(Structure.objects.get(), Role.MANAGER)
    Action.objects.get().rewrite(user, NOW, name="Français pour tous")
    assert reloaded(write).kept == [("Français pour tous", ["name"])]
    assert Action.objects.get().name == "Français pour tous"


def test_sessions_that_a_manager_changed_renamed_or_removed_survive_a_reload(write) -> None:
    reloaded(write)
    user = a_member(Structure.objects.get(), Role.MANAGER)
    Session.objects.get().change(user, NOW, code="Automne", places=10)
    for _ in range(2):
        report = reloaded(write, rewritten)
        assert ("Cours du soir · S1", ["session"]) in report.kept
    first = Session.objects.get(code="Automne")
    assert (first.places, first.ends_on) == (10, dt.date(2027, 1, 29))
    Session.objects.get(code="S2").remove(user, NOW)
    Session(action=Action.objects.get(), code="S3", starts_on=dt.date(2027, 5, 3), places=4).add(user, NOW)
    first.change(user, NOW, code="S4")

    def four_sessions(data) -> None:
        dates = {"starts_on": "2027-06-01", "places": 9}
        data["services"][0]["relais"]["sessions"] = [{"code": code, **dates} for code in ("S1", "S2", "S3", "S4")]

    kept = reloaded(write, four_sessions).kept
    assert set(Session.objects.values_list("code", "places")) == {("S4", 10), ("S3", 4)}
    assert [name for name, fields in kept if fields == ["session"]] == [
        f"Cours de français · S{number}" for number in (1, 2, 3, 4)
    ]


def test_a_session_that_a_manager_brought_back_as_it_was_follows_the_file_again(write) -> None:
    reloaded(write)
    user = a_member(Structure.objects.get(), Role.MANAGER)
    action = Action.objects.get()
    action.undo(Session.objects.get().remove(user, NOW), user, NOW)
    assert reloaded(write, rewritten).kept == []
    assert Session.objects.get(code="S1").places == 20


def test_a_reload_leaves_one_line_a_changed_action_and_none_when_nothing_changed(write) -> None:
    reloaded(write)
    reloaded(write)
    assert not ActionChange.objects.exists()
    reloaded(write, rewritten)
    change, session, added = ActionChange.objects.order_by("id")
    assert (change.kind, change.user, change.at) == (ChangeKind.IMPORTED, None, NOW)
    assert change.before == {"name": "Cours de français", "places": None, "rhythm": ""}
    assert change.after == {"name": "Cours du soir", "places": 8, "rhythm": "Le soir"}
    assert (session.kind, session.after["places"]) == (ChangeKind.SESSION_CHANGED, 20)
    assert (added.kind, added.after["code"]) == (ChangeKind.SESSION_ADDED, "S2")

    def emptied(data) -> None:
        data["services"] = []

    reloaded(write, emptied)
    withdrawn = ActionChange.objects.latest("id")
    assert (withdrawn.kind, withdrawn.after) == (ChangeKind.IMPORTED, {"is_published": False})


def test_a_dry_run_leaves_no_line(write) -> None:
    reloaded(write)
    load_catalogue(write(rewritten), dry_run=True)
    assert not ActionChange.objects.exists()


def test_the_command_says_how_many_fields_it_left_to_their_structure(write) -> None:
    reloaded(write)
    user = a_member(Structure.objects.get(), Role.MANAGER)
    Action.objects.get().rewrite(user, NOW, name="Français pour tous", description="Le lundi.")
    out = StringIO()
    call_command("load_catalogue", str(write()), stdout=out)
    assert out.getvalue().splitlines() == [
        "  modifié par la structure, gardé\u00a0: Français pour tous (description, name)",
        "0 ajouté, 0 modifié, 0 absent, 2 champs gardés",
    ]


def test_another_source_is_left_alone(write) -> None:
    an_action(a_structure(), "Ailleurs")
    assert load_catalogue(write()).missing == []
    assert Action.objects.get(name="Ailleurs").is_published


def test_the_command_counts_in_french_and_lists_the_faults(write) -> None:
    out = StringIO()
    call_command("load_catalogue", str(write()), stdout=out)
    call_command("load_catalogue", str(write()), stdout=out)
    call_command("load_catalogue", str(write()), "--dry-run", stdout=out)
    assert out.getvalue().splitlines() == [
        "3 ajoutés, 0 modifié, 0 absent",
        "0 ajouté, 0 modifié, 0 absent",
        "0 ajouté, 0 modifié, 0 absent (rien n’est enregistré)",
    ]

    def change(data) -> None:
        data["services"][0]["relais"]["shape"] = "circle"

    with pytest.raises(CommandError, match=r"1 erreur, rien n’est enregistré\u00a0:\n  - services, ligne 1"):
        call_command("load_catalogue", str(write(change)))


# The real catalogue


@pytest.fixture(scope="module")
def blois() -> dict[str, Any]:
    return json.loads(BLOIS.read_text(encoding="utf-8"))


def test_the_structures_and_services_of_blois_are_valid_data_inclusion(blois) -> None:
    for name, schema in (("structures", v1.Structure), ("services", v1.Service)):
        for item in blois[name]:
            entry = {field: value for field, value in item.items() if field != "relais"}
            schema.model_validate(entry, context={"ignore_warnings": False})
            assert set(entry) <= set(schema.model_fields)


def test_the_demonstration_cannot_write_to_or_call_a_real_association(blois) -> None:
    for item in [*blois["structures"], *blois["services"]]:
        assert item["courriel"].endswith("@example.org")
        # 02 61 91 xx xx is a range that the French regulator keeps for fiction.
        assert re.fullmatch(r"\+33261910\d{3}", item["telephone"])
    text = BLOIS.read_text(encoding="utf-8")
    assert set(re.findall(r"@([\w.-]+)", text)) == {"example.org"}
    assert "http" not in text


def test_the_catalogue_of_blois_loads_and_has_sessions_to_come() -> None:
    load_catalogue(BLOIS)
    assert (Structure.objects.count(), Action.objects.count()) == (30, 38)
    assert Structure.objects.get(is_sensitive=True).short_name == "CIDFF 41"
    assert not Structure.objects.filter(kind="coordination", is_prescriber=True).exists()
    days = list(Session.objects.values_list("starts_on", flat=True))
    assert min(days) < dt.date(2025, 11, 1)
    assert max(days) > dt.date(2027, 6, 1)
    assert load_catalogue(BLOIS).changed == []


def test_french_typography_holds_in_the_catalogue(blois) -> None:
    text = json.dumps(blois, ensure_ascii=False)
    assert not re.search(r"\w [;:?!»]|« |[a-zé]'[a-zé]", text)
