"""Places by their official codes (INSEE, SIREN): names to show, and which place lies in which.

The communes of an intercommunalité are listed where the catalogue needs them; elsewhere the answer is
unknown.
"""

from __future__ import annotations

from structures.text import commune_key

DEPARTMENTS = {
    "01": "Ain", "02": "Aisne", "03": "Allier", "04": "Alpes-de-Haute-Provence", "05": "Hautes-Alpes",
    "06": "Alpes-Maritimes", "07": "Ardèche", "08": "Ardennes", "09": "Ariège", "10": "Aube", "11": "Aude",
    "12": "Aveyron", "13": "Bouches-du-Rhône", "14": "Calvados", "15": "Cantal", "16": "Charente",
    "17": "Charente-Maritime", "18": "Cher", "19": "Corrèze", "2A": "Corse-du-Sud", "2B": "Haute-Corse",
    "21": "Côte-d’Or", "22": "Côtes-d’Armor", "23": "Creuse", "24": "Dordogne", "25": "Doubs", "26": "Drôme",
    "27": "Eure", "28": "Eure-et-Loir", "29": "Finistère", "30": "Gard", "31": "Haute-Garonne", "32": "Gers",
    "33": "Gironde", "34": "Hérault", "35": "Ille-et-Vilaine", "36": "Indre", "37": "Indre-et-Loire",
    "38": "Isère", "39": "Jura", "40": "Landes", "41": "Loir-et-Cher", "42": "Loire", "43": "Haute-Loire",
    "44": "Loire-Atlantique", "45": "Loiret", "46": "Lot", "47": "Lot-et-Garonne", "48": "Lozère",
    "49": "Maine-et-Loire", "50": "Manche", "51": "Marne", "52": "Haute-Marne", "53": "Mayenne",
    "54": "Meurthe-et-Moselle", "55": "Meuse", "56": "Morbihan", "57": "Moselle", "58": "Nièvre",
    "59": "Nord",
    "60": "Oise", "61": "Orne", "62": "Pas-de-Calais", "63": "Puy-de-Dôme", "64": "Pyrénées-Atlantiques",
    "65": "Hautes-Pyrénées", "66": "Pyrénées-Orientales", "67": "Bas-Rhin", "68": "Haut-Rhin", "69": "Rhône",
    "70": "Haute-Saône", "71": "Saône-et-Loire", "72": "Sarthe", "73": "Savoie", "74": "Haute-Savoie",
    "75": "Paris", "76": "Seine-Maritime", "77": "Seine-et-Marne", "78": "Yvelines", "79": "Deux-Sèvres",
    "80": "Somme", "81": "Tarn", "82": "Tarn-et-Garonne", "83": "Var", "84": "Vaucluse", "85": "Vendée",
    "86": "Vienne", "87": "Haute-Vienne", "88": "Vosges", "89": "Yonne", "90": "Territoire de Belfort",
    "91": "Essonne", "92": "Hauts-de-Seine", "93": "Seine-Saint-Denis", "94": "Val-de-Marne",
    "95": "Val-d’Oise",
    "971": "Guadeloupe", "972": "Martinique", "973": "Guyane", "974": "La Réunion", "976": "Mayotte",
}  # fmt: skip
"""Departments of the Code officiel géographique."""

EPCI_NAMES = {"200030385": "Agglopolys"}
"""Intercommunalités by SIREN."""

EPCI_COMMUNES = {
    "200030385": {
        "41009": "Averdon", "41018": "Blois", "41029": "Candé-sur-Beuvron", "41031": "Cellettes",
        "41032": "Chailles", "41035": "Champigny-en-Beauce", "41040": "La Chapelle-Vendômoise",
        "41045": "Chaumont-sur-Loire", "41047": "La Chaussée-Saint-Victor", "41050": "Cheverny",
        "41052": "Chitenay", "41055": "Valloire-sur-Cisse", "41061": "Cormeray", "41067": "Cour-Cheverny",
        "41091": "Fossé", "41093": "Françay", "41101": "Herbault", "41108": "Lancôme",
        "41109": "Landes-le-Gaulois", "41128": "Marolles", "41134": "Menars", "41137": "Mesland",
        "41142": "Valencisse", "41144": "Monteaux", "41145": "Monthou-sur-Bièvre", "41147": "Les Montils",
        "41167": "Veuzain-sur-Loire", "41189": "Rilly-sur-Loire", "41203": "Saint-Bohaire",
        "41205": "Saint-Cyr-du-Gault", "41206": "Saint-Denis-sur-Loire", "41208": "Saint-Étienne-des-Guérets",
        "41212": "Saint-Gervais-la-Forêt", "41223": "Saint-Lubin-en-Vergonnois",
        "41230": "Saint-Sulpice-de-Pommeray", "41233": "Sambin", "41234": "Santenay", "41246": "Seur",
        "41266": "Valaire", "41276": "Villebarou", "41281": "Villefrancœur", "41288": "Villerbon",
        "41295": "Vineuil",
    },
}  # fmt: skip
"""Communes (INSEE code and name) of each intercommunalité known here."""

COMMUNES = {commune_key(name): (code, name) for towns in EPCI_COMMUNES.values() for code, name in towns.items()}
"""The same communes, by what their writings have in common."""
TOWNS = sorted(name for _, name in COMMUNES.values())
"""Their names: what is offered before anything is typed."""


def department_of(commune_code: str) -> str:
    """The department's code of a commune; empty for an empty code."""
    overseas = commune_code.startswith(("97", "98"))
    return commune_code[: 3 if overseas else 2]


def epci_of(commune_code: str) -> str:
    """The intercommunalité (SIREN) of a commune; empty when it is not known here."""
    return next((siren for siren, communes in EPCI_COMMUNES.items() if commune_code in communes), "")


def place_name(code: str) -> str:
    """A commune's, department's or intercommunalité's name; the code itself when it is not known here."""
    if code in DEPARTMENTS:
        return DEPARTMENTS[code]
    if code in EPCI_NAMES:
        return EPCI_NAMES[code]
    return next((communes[code] for communes in EPCI_COMMUNES.values() if code in communes), code)
