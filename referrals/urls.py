"""The addresses of the case. References and random identifiers only: nothing in them tells of a person."""

from django.urls import path

from referrals.views import home, matching, needs, persons, referrals

app_name = "referrals"
urlpatterns = [
    path("", home.home, name="home"),
    path("structure/", home.switch_structure, name="switch_structure"),
    # Persons and their needs
    path("personnes/", persons.person_list, name="person_list"),
    path("personnes/nouvelle/", persons.person_create, name="person_create"),
    path("personnes/nouvelle/doublons/", persons.person_duplicates, name="person_duplicates"),
    path("personnes/<uuid:pk>/modifier/", persons.person_update, name="person_update"),
    path("personnes/<uuid:pk>/besoins/", needs.need_create, name="need_create"),
    path("personnes/<uuid:pk>/besoins/<uuid:need>/clore/", needs.need_close, name="need_close"),
    # From the suggestions to the sending
    path("personnes/<uuid:pk>/suggestions/", matching.suggestions, name="suggestions"),
    path("personnes/<uuid:pk>/fiches/", referrals.referral_create, name="referral_create"),
    path("fiches/", referrals.referral_list, name="referral_list"),
    path("fiches/<str:reference>/envoyer/", referrals.referral_send, name="referral_send"),
    path("fiches/<str:reference>/enregistrer/", referrals.referral_autosave, name="referral_autosave"),
    path("fiches/<str:reference>/annuler-envoi/", referrals.referral_recall, name="referral_recall"),
    path("fiches/<str:reference>/annuler/", referrals.referral_cancel, name="referral_cancel"),
    path("fiches/<str:reference>/imprimer/", referrals.referral_print, name="referral_print"),
]
