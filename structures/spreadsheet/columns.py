"""The columns that a table of actions may have."""

from __future__ import annotations

from structures.spreadsheet import values
from structures.spreadsheet.headings import Column, Columns

COLUMNS = Columns((
    Column(
        "name", "Nom", "Obligatoire. Une action de votre structure qui porte déjà ce nom est modifiée.",
        "Atelier de français", values.one_line("name"),
        ("nom de l’action", "action", "intitulé", "titre", "dispositif", "libellé", "nom du dispositif"),
    ),
    Column(
        "identifier", "Identifiant", "Votre propre numéro, pour retrouver l’action même si son nom change.",
        "FLE-01", values.identifier, ("id", "référence", "code", "numéro", "n°"),
    ),
    Column(
        "description", "Description", "Ce que l’action propose, en quelques phrases.",
        "Deux ateliers par semaine pour parler au quotidien.", values.text_of("description", 5000),
        ("descriptif", "présentation", "contenu", "objectifs", "résumé"),
    ),
    Column(
        "themes", "Besoins couverts", "Au moins un pour une action nouvelle. Plusieurs : séparez-les par ;",
        "Apprendre le français ; Mobilité", values.THEMES.many,
        ("besoins", "besoin", "thèmes", "thématiques", "thématique", "domaines", "freins"), values.THEMES,
    ),
    Column(
        "shape", "Forme", "Formation ou ateliers en session si rien n’est dit.", "Formation ou ateliers en session",
        values.SHAPES.one, ("type", "type d’action", "modalité", "format", "nature"), values.SHAPES,
    ),
    Column(
        "rhythm", "Rythme", "Les jours et les heures, comme vous le diriez.", "Mardi et jeudi, 9 h – 11 h",
        values.one_line("rhythm"), ("horaires", "jours et horaires", "planning", "fréquence"),
    ),
    Column(
        "weekly_hours", "Heures par semaine", "Un nombre.", "4", values.hours,
        ("volume horaire", "volume horaire hebdomadaire", "heures hebdomadaires", "nombre d’heures par semaine"),
    ),
    Column(
        "weeks", "Nombre de semaines", "Un nombre entier.", "12", values.whole(1, values.MOST_WEEKS, "semaine"),
        ("semaines", "durée en semaines", "durée", "nb semaines"),
    ),
    Column(
        "places", "Places", "Le nombre de places, de l’action et de la session.", "15",
        values.whole(0, values.MOST_PLACES, "place"),
        ("nombre de places", "capacité", "effectif", "nb places", "effectif maximum"),
    ),
    Column(
        "starts_on", "Début de session", "Une date.", "12/01/2027", values.day,
        ("date de début", "début", "commence le", "date de démarrage", "session du", "démarrage"),
    ),
    Column(
        "ends_on", "Fin de session", "Une date, avec celle du début.", "2 avril 2027", values.day,
        ("date de fin", "fin", "se termine le", "session au"),
    ),
    Column(
        "address", "Adresse", "Le numéro et la rue du lieu de l’action.", "12 rue des Écoles",
        values.one_line("address"), ("lieu", "rue", "adresse postale", "adresse du lieu"),
    ),
    Column("postal_code", "Code postal", "Cinq chiffres.", "41000", values.postal_code, ("cp",)),
    Column("commune", "Commune", "Le nom de la commune.", "Blois", values.one_line("commune"), ("ville", "localité")),
    Column(
        "phone", "Téléphone", "Le numéro à appeler pour cette action.", "02 61 91 00 01", values.phone,
        ("tél", "tel", "numéro de téléphone", "téléphone de contact"),
    ),
    Column(
        "email", "Adresse e-mail", "L’adresse où écrire pour cette action.", "accueil@example.org",
        lambda text: values.checked("email", text.strip()),
        ("e-mail", "email", "mail", "courriel", "adresse mail", "adresse électronique"),
    ),
    Column(
        "frais", "Coût", "Gratuit ou Payant.", "Gratuit", values.COST.one,
        ("frais", "tarif", "prix", "participation", "coût pour la personne"), values.COST,
    ),
    Column(
        "age_min", "Âge minimum", "Un nombre d’années.", "16", values.whole(0, values.OLDEST, "an"),
        ("âge min", "à partir de (âge)", "âge à partir de", "âge mini"),
    ),
    Column(
        "age_max", "Âge maximum", "Un nombre d’années, compris.", "25", values.whole(0, values.OLDEST, "an"),
        ("âge max", "jusqu’à (âge)", "âge jusqu’à", "âge maxi"),
    ),
    Column(
        "women", "Réservé aux femmes", "Oui, Non ou En priorité.", "Non", values.WISHES.one,
        ("femmes", "femmes seulement", "femmes uniquement", "public féminin", "réservé femmes"), values.WISHES,
    ),
    Column(
        "french_oral", "Niveau de français à l’entrée (oral)", "Le niveau demandé : A1.1, A1, A2… Aucun s’il n’en "
        "faut pas.", "A1", values.LEVELS.one,
        ("niveau de français", "français oral", "niveau oral", "niveau d’entrée", "niveau requis", "niveau"),
        values.LEVELS,
    ),
    Column(
        "publics", "Publics", "Pour qui l’action est faite, à vérifier avec la personne. Plusieurs : séparez-les par ;",
        "Jeunes", values.PUBLICS.many, ("public", "public cible", "public visé", "publics accueillis"), values.PUBLICS,
    ),
    Column(
        "statuses", "Situation demandée", "Au moins une de celles-ci est obligatoire. Plusieurs : séparez-les par ;",
        "Demandeur d’emploi ; Bénéficiaire du RSA", values.STATUSES.many,
        ("situation", "statut", "statuts", "situation exigée", "conditions de statut"), values.STATUSES,
    ),
    Column(
        "qpv", "Habiter un quartier prioritaire (QPV)", "Oui, Non ou En priorité.", "En priorité", values.WISHES.one,
        ("qpv", "quartier prioritaire", "habitants qpv", "réservé aux qpv", "résident qpv"), values.WISHES,
    ),
    Column(
        "mobilisation_precisions", "Comment orienter", "Ce que doit faire la personne qui oriente.",
        "Envoyer une fiche, réponse sous huit jours.", values.text_of("mobilisation_precisions", 2000),
        ("orientation", "modalités d’orientation", "comment mobiliser", "modalités d’accès", "inscription"),
    ),
    Column(
        "programme", "Programme", "Le programme ou le financeur.", "Contrat de ville", values.one_line("programme"),
        ("financeur", "financement", "programme du financeur", "cadre"),
    ),
))  # fmt: skip
