"""The words of the field, as closed lists.

Labels are what a user reads; values are what is stored and exchanged. The sources are the territory's documents
(contrat de ville of Blois, ALIE, Confluences), the CECRL, the ANLCI's degrees and CléA.
"""

from django.db.models import IntegerChoices, TextChoices


class NeedTheme(TextChoices):
    """What a person needs, as the chips of the recording form show it."""

    FRENCH = "french", "Apprendre le français"
    BASIC_SKILLS = "basic_skills", "Savoirs de base"
    DIGITAL = "digital", "Numérique"
    MOBILITY = "mobility", "Mobilité"
    PROJECT = "project", "Projet professionnel"
    EMPLOYMENT = "employment", "Accès à l’emploi"
    TRAINING = "training", "Formation, diplôme"
    BUSINESS = "business", "Création d’activité"
    RIGHTS = "rights", "Accès aux droits"
    PAPERWORK = "paperwork", "Démarches administratives"
    HOUSING = "housing", "Logement"
    CHILDCARE = "childcare", "Garde d’enfants"
    CONFIDENCE = "confidence", "Confiance en soi"
    CITIZENSHIP = "citizenship", "Citoyenneté, lien social"
    SCHOOLING = "schooling", "Scolarité, accroche scolaire"


class Sex(TextChoices):
    """Sex as recorded for eligibility (actions reserved to women) and for the statistics."""

    WOMAN = "F", "Femme"
    MAN = "M", "Homme"
    OTHER = "X", "Autre"


class Cecrl(TextChoices):
    """Level in French, Common European Framework (CECRL), with the A1.1 of the first learners.

    The order of declaration is the order of the levels.
    """

    NONE = "none", "Aucun"
    A1_1 = "A1.1", "A1.1"
    A1 = "A1", "A1"
    A2 = "A2", "A2"
    B1 = "B1", "B1"
    B2 = "B2", "B2"
    C1 = "C1", "C1 ou langue maternelle"


class Schooling(TextChoices):
    """Where the person went to school: it tells FLE, alphabétisation and illettrisme apart."""

    NEVER = "never", "Jamais scolarisé(e)"
    ABROAD = "abroad", "Scolarisé(e) à l’étranger"
    FRANCE = "france", "Scolarisé(e) en France"


class LearnerPublic(TextChoices):
    """The three publics of basic training, which call for three different answers."""

    FLE = "fle", "FLE (scolarisé ailleurs, apprend le français)"
    LITERACY = "literacy", "Alphabétisation (jamais scolarisé)"
    ILLITERACY = "illiteracy", "Illettrisme, savoirs de base (scolarisé en France)"


class AnlciDegree(IntegerChoices):
    """ANLCI degrees of mastery of the basic skills; 1 is the first step, 4 the skills for the knowledge society."""

    ONE = 1, "Degré 1 : repères structurants"
    TWO = 2, "Degré 2 : compétences fonctionnelles de la vie courante"
    THREE = 3, "Degré 3 : compétences facilitant l’action"
    FOUR = 4, "Degré 4 : compétences renforçant l’autonomie"


class DigitalLevel(TextChoices):
    """Ease with a computer or a smartphone. The order of declaration is the order of the levels."""

    NONE = "none", "Très éloigné(e) du numérique"
    BEGINNER = "beginner", "Débutant(e)"
    AUTONOMOUS = "autonomous", "Autonome"


class Licence(TextChoices):
    """Driving licence (permis B)."""

    NONE = "none", "Ni code ni permis"
    CODE = "code", "Code obtenu"
    B = "b", "Permis B"


class Diploma(TextChoices):
    """Highest diploma, by the former French levels that the source documents use (V and VI)."""

    VI = "VI", "Sans diplôme (niveau VI)"
    V = "V", "CAP, BEP (niveau V)"
    IV = "IV", "Bac (niveau IV)"
    III = "III", "Bac + 2 et plus"


class Status(TextChoices):
    """Situations that open or close an action."""

    JOB_SEEKER = "job_seeker", "Demandeur d’emploi"
    RSA = "rsa", "Bénéficiaire du RSA"
    NEWCOMER = "newcomer", "Primo-arrivant"
    FOREIGNER = "foreigner", "De nationalité étrangère"
    PJJ = "pjj", "Suivi par la PJJ"
    PUPIL = "pupil", "Scolarisé (collège, lycée)"
    DROPOUT = "dropout", "Sorti du système scolaire"
    EMPLOYEE = "employee", "Salarié"
    DISABLED_WORKER = "disabled_worker", "Reconnu travailleur handicapé"
    TENANT_SOCIAL = "tenant_social", "Locataire du parc social"
    BASIC_TRAINEE = "basic_trainee", "Suit ou a suivi une formation de base"
    HARDSHIP = "hardship", "En grande difficulté sociale ou professionnelle"


class Language(TextChoices):
    """Languages spoken by the people accompanied, or in which a lesson is given (ISO 639-1 codes)."""

    FRENCH = "fr", "français"
    ENGLISH = "en", "anglais"
    ARABIC = "ar", "arabe"
    TURKISH = "tr", "turc"
    KURDISH = "ku", "kurde"
    PERSIAN = "fa", "dari, persan"
    PASHTO = "ps", "pachto"
    URDU = "ur", "ourdou"
    BENGALI = "bn", "bengali"
    TAMIL = "ta", "tamoul"
    UKRAINIAN = "uk", "ukrainien"
    RUSSIAN = "ru", "russe"
    GEORGIAN = "ka", "géorgien"
    ARMENIAN = "hy", "arménien"
    ALBANIAN = "sq", "albanais"
    ROMANIAN = "ro", "roumain"
    BULGARIAN = "bg", "bulgare"
    PORTUGUESE = "pt", "portugais"
    SPANISH = "es", "espagnol"
    ITALIAN = "it", "italien"
    SOMALI = "so", "somali"
    TIGRINYA = "ti", "tigrinya"
    AMHARIC = "am", "amharique"
    SONINKE = "snk", "soninké"
    FULAH = "ff", "peul"
    BAMBARA = "bm", "bambara, dioula"
    WOLOF = "wo", "wolof"
    LINGALA = "ln", "lingala"
    MALAGASY = "mg", "malgache"
    COMORIAN = "zdj", "comorien"
    CHINESE = "zh", "chinois"
    VIETNAMESE = "vi", "vietnamien"


class HalfDay(TextChoices):
    """Half-days of the week, for availability and timetables."""

    MON_AM = "mon_am", "lundi matin"
    MON_PM = "mon_pm", "lundi après-midi"
    TUE_AM = "tue_am", "mardi matin"
    TUE_PM = "tue_pm", "mardi après-midi"
    WED_AM = "wed_am", "mercredi matin"
    WED_PM = "wed_pm", "mercredi après-midi"
    THU_AM = "thu_am", "jeudi matin"
    THU_PM = "thu_pm", "jeudi après-midi"
    FRI_AM = "fri_am", "vendredi matin"
    FRI_PM = "fri_pm", "vendredi après-midi"


class StructureKind(TextChoices):
    """Kinds of organisation; an action may admit fiches from some kinds only."""

    MISSION_LOCALE = "mission_locale", "Mission locale"
    PIMMS = "pimms", "PIMMS, France Services"
    CIDFF = "cidff", "CIDFF"
    CRIA = "cria", "CRIA"
    FRANCE_TRAVAIL = "france_travail", "France Travail"
    PLIE = "plie", "PLIE"
    MDCS = "mdcs", "Maison départementale de la cohésion sociale"
    CCAS = "ccas", "CIAS ou CCAS"
    MDSI = "mdsi", "Maison départementale de la solidarité et de l’insertion"
    TOWN_HALL = "town_hall", "Mairie"
    INSERTION_SERVICE = "insertion_service", "Service insertion"
    PJJ = "pjj", "Protection judiciaire de la jeunesse"
    SCHOOL = "school", "Établissement scolaire"
    SIAE = "siae", "Structure d’insertion par l’activité économique"
    TRAINING = "training", "Organisme de formation"
    ASSOCIATION = "association", "Association"
    CHAMBER = "chamber", "Chambre consulaire"
    COORDINATION = "coordination", "Coordination (Ville, État, Agglomération)"


class Pace(TextChoices):
    """How often one wants letters. What only a letter can do (a link, an invitation) leaves at once all the same."""

    IMMEDIATE = "immediate", "Tout de suite, une lettre à la fois"
    DAILY = "daily", "Une fois par jour, à 8 h, dans un récapitulatif"
    NONE = "none", "Jamais"


class Programme(TextChoices):
    """The funders' programmes under which an action runs. Figures keep them by their place: new ones go at the end."""

    CONTRAT_DE_VILLE = "contrat_ville", "Contrat de ville"
    PLIE = "plie", "PLIE"
    FSE = "fse", "FSE+"
    DDETS = "ddets", "DDETS (insertion par l’activité économique)"
    REGION = "region", "Région"
    DEPARTMENT = "departement", "Département"
    CPF = "cpf", "CPF"
    CITIZENSHIP = "bop104", "Intégration des primo-arrivants (BOP 104)"


class Role(TextChoices):
    """What a member does in a structure; one member may hold several roles."""

    PRESCRIBER = "prescriber", "Prescripteur"
    RECEIVER = "receiver", "Accueil et réponse aux fiches"
    MANAGER = "manager", "Responsable"
    COORDINATOR = "coordinator", "Coordination"


class ActionShape(TextChoices):
    """The shape of an action's path, which decides the steps that Relais proposes."""

    POSITIONING = "positioning", "Positionnement ou diagnostic"
    COURSE = "course", "Formation ou ateliers en session"
    SUPPORT = "support", "Accompagnement individuel"
    WORKSITE = "worksite", "Chantier d’insertion"
    DROP_IN = "drop_in", "Permanence ou accueil sans inscription"
    EVENT = "event", "Événement ponctuel"

    @property
    def expects_bilan(self) -> bool:
        """Whether a bilan is due after the entry (a permanence or a one-off event returns none)."""
        return self in {
            ActionShape.POSITIONING,
            ActionShape.COURSE,
            ActionShape.SUPPORT,
            ActionShape.WORKSITE,
        }

    @property
    def expects_exit(self) -> bool:
        """Whether a typed exit, and so the six-month check, follows the end."""
        return self in {ActionShape.COURSE, ActionShape.SUPPORT, ActionShape.WORKSITE}


class Quartier(TextChoices):
    """The quartiers of the Blois contrat de ville; the first is the quartier prioritaire (QPV)."""

    NORD = "nord", "Quartiers Nord (QPV)"
    QUINIERE = "quiniere", "Quinière (veille active)"
    CORNILLETTES = "cornillettes", "Cornillettes (veille active)"
    VIENNE = "vienne", "Blois-Vienne"
    CENTRE = "centre", "Centre-ville"
    OTHER = "other", "Autre quartier"


CECRL_ORDER = tuple(Cecrl.values)
"""CECRL values from the lowest to the highest."""

DIGITAL_ORDER = tuple(DigitalLevel.values)
"""Digital levels from the lowest to the highest."""
