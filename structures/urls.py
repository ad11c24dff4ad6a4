"""Addresses of the catalogue, and of those who keep it.

The pages without an action stand under two words, so that no action's short address can hide them.
"""

from django.urls import URLPattern, URLResolver, include, path

from structures.views import absences, actions, catalogue, communes, criteria, hours, letters, sessions

app_name = "structures"
urlpatterns: list[URLPattern | URLResolver] = [
    path("actions/", catalogue.action_list, name="action_list"),
    path("actions/gestion/nos-actions/", actions.own_actions, name="own_actions"),
    path("actions/gestion/nouvelle/", actions.action_create, name="action_create"),
    path("actions/<slug:slug>/", catalogue.action_detail, name="action_detail"),
    path("actions/<slug:slug>/imprimer/", catalogue.action_sheet, name="action_sheet"),
    path("actions/<slug:slug>/modifier/", actions.action_edit, name="action_edit"),
    path("actions/<slug:slug>/conditions/", criteria.action_criteria, name="action_criteria"),
    path("actions/<slug:slug>/pause/", actions.action_pause, name="action_pause"),
    path("actions/<slug:slug>/reprise/", actions.action_resume, name="action_resume"),
    path("actions/<slug:slug>/confirmer/", actions.action_confirm, name="action_confirm"),
    path("actions/<slug:slug>/annuler/<int:pk>/", actions.action_undo, name="action_undo"),
    path("actions/<slug:slug>/sessions/nouvelle/", sessions.session_create, name="session_create"),
    path("actions/<slug:slug>/sessions/<int:pk>/", sessions.session_edit, name="session_edit"),
    path("actions/<slug:slug>/sessions/<int:pk>/supprimer/", sessions.session_remove, name="session_remove"),
    path("communes/", communes.commune_options, name="commune_options"),
    path("structure/horaires/", hours.hours_edit, name="hours_edit"),
    path("reglages/lettres/", letters.letter_choices, name="letter_choices"),
    path("absences/", absences.absence_list, name="absence_list"),
    path("absences/<int:pk>/", absences.absence_edit, name="absence_edit"),
    path("absences/<int:pk>/retour/", absences.absence_end, name="absence_end"),
    path("", include("structures.imports.urls")),
]
