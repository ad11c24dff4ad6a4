"""First and last names to combine: the mix of the quartiers, and nobody in particular."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Names that go together, the languages spoken with them, and whether one went to school in France."""

    weight: int
    languages: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[str, ...]
    from_france: bool = False


ORIGINS: tuple[Origin, ...] = (
    Origin(
        30,
        ("Français",),
        ("Aurélie", "Cindy", "Élodie", "Jessica", "Laetitia", "Maëva", "Océane", "Sabrina", "Véronique", "Zoé"),
        ("Alexis", "Cédric", "Dylan", "Enzo", "Hugo", "Jérôme", "Kévin", "Loïc", "Mathis", "Thierry"),
        ("Bardin", "Chesneau", "Doucet", "Épinat", "Fouquet", "Girault", "Hervet", "Lhomme", "Moreau", "Poirier"),
        from_france=True,
    ),
    Origin(
        16,
        ("Bambara", "Soninké", "Peul", "Wolof"),
        ("Aïssata", "Aminata", "Bintou", "Coumba", "Djeneba", "Fatoumata", "Hawa", "Mariam", "Oumou", "Ramata"),
        ("Abdoulaye", "Boubacar", "Cheick", "Demba", "Ibrahima", "Mamadou", "Moussa", "Oumar", "Sekou", "Tidiane"),
        ("Bathily", "Camara", "Diakité", "Fofana", "Gassama", "Kanouté", "Niakaté", "Sangaré", "Sissoko", "Touré"),
    ),
    Origin(
        18,
        ("Arabe", "Arabe (darija)", "Kabyle"),
        ("Amina", "Asma", "Fadila", "Houria", "Khadija", "Latifa", "Malika", "Nawel", "Samira", "Zineb"),
        ("Adel", "Bilal", "Farid", "Hicham", "Karim", "Mounir", "Nabil", "Rachid", "Sofiane", "Yassine"),
        ("Aouadi", "Belkacem", "Chaoui", "El Amrani", "Ferhat", "Haddad", "Khelifi", "Mansouri", "Rahmani", "Ziani"),
    ),
    Origin(
        10,
        ("Turc", "Kurde"),
        ("Ayşe", "Elif", "Emine", "Gülsüm", "Hatice", "Meryem", "Özlem", "Selin", "Yasemin", "Zeynep"),
        ("Ahmet", "Burak", "Emre", "Hasan", "İbrahim", "Kemal", "Mehmet", "Orhan", "Serkan", "Yusuf"),
        ("Aksoy", "Bulut", "Çelik", "Demir", "Erdoğmuş", "Güneş", "Karaca", "Öztürk", "Şahin", "Yıldırım"),
    ),
    Origin(
        6,
        ("Portugais",),
        ("Ana", "Beatriz", "Carla", "Dulce", "Fátima", "Helena", "Lúcia", "Rosa", "Sónia", "Teresa"),
        ("António", "Bruno", "Duarte", "Hélder", "João", "Luís", "Nuno", "Paulo", "Rui", "Tiago"),
        (
            "Almeida",
            "Barbosa",
            "Carvalho",
            "Esteves",
            "Figueira",
            "Lourenço",
            "Matos",
            "Pinheiro",
            "Ramalho",
            "Teixeira",
        ),
    ),
    Origin(
        8,
        ("Ukrainien", "Russe"),
        ("Alina", "Daryna", "Iryna", "Kateryna", "Liudmyla", "Nadiia", "Oksana", "Svitlana", "Tetiana", "Yuliia"),
        ("Andrii", "Bohdan", "Dmytro", "Ihor", "Maksym", "Oleh", "Roman", "Serhii", "Taras", "Vadym"),
        (
            "Bondar",
            "Dovzhenko",
            "Hrytsenko",
            "Kovalchuk",
            "Lysenko",
            "Moroz",
            "Petrenko",
            "Savchuk",
            "Tkach",
            "Zozulia",
        ),
    ),
    Origin(
        10,
        ("Dari", "Pachto"),
        ("Farida", "Gulalai", "Laila", "Maryam", "Nargis", "Parwana", "Roya", "Shabnam", "Soraya", "Zarghona"),
        ("Ahmad", "Farhad", "Habib", "Jawad", "Mustafa", "Najib", "Omid", "Rahim", "Sohrab", "Zalmai"),
        ("Ahmadi", "Barakzai", "Durrani", "Hakimi", "Karimi", "Mohseni", "Noori", "Popal", "Stanekzai", "Wardak"),
    ),
    Origin(
        5,
        ("Romani", "Roumain", "Bulgare"),
        ("Adriana", "Carmen", "Elena", "Florica", "Ionela", "Luminița", "Mirela", "Rada", "Sorina", "Violeta"),
        ("Aurel", "Costel", "Dănuț", "Florin", "Gheorghe", "Ionel", "Marin", "Nelu", "Traian", "Vasile"),
        ("Bălan", "Căldăraru", "Dumitrescu", "Ghiocel", "Iordache", "Lăcătuș", "Moldovan", "Rostaș", "Stoica", "Ursu"),
    ),
    Origin(
        7,
        ("Lingala", "Tigrigna", "Créole haïtien", "Albanais"),
        ("Arjeta", "Bénédicte", "Clémence", "Guerline", "Mimoza", "Nadège", "Roseline", "Selam", "Senait", "Yolande"),
        ("Besnik", "Christian", "Dieudonné", "Filmon", "Ilir", "Jean-Robert", "Merveil", "Samuel", "Trésor", "Yonas"),
        ("Berhane", "Désir", "Ilunga", "Kabongo", "Krasniqi", "Lumbala", "Mengistu", "Pierre-Louis", "Tekle", "Zogaj"),
    ),
)
"""Invented combinations; weights are a rough picture of the people met, no statistic."""
