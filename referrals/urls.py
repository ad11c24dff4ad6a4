"""The addresses of the case. References and random identifiers only: nothing in them tells of a person."""

from django.urls import path

from referrals.views import (
    bilans,
    exits,
    followups,
    home,
    matching,
    mobility,
    needs,
    pathway,
    persons,
    plan,
    positionings,
    previews,
    questions,
    referrals,
    responses,
)

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
    path("personnes/<uuid:pk>/mobilite/", mobility.mobility_record, name="mobility_record"),
    path("personnes/<uuid:pk>/mobilite/imprimer/", mobility.mobility_print, name="mobility_print"),
    # From the suggestions to the sending
    path("personnes/<uuid:pk>/suggestions/", matching.suggestions, name="suggestions"),
    path("personnes/<uuid:pk>/question/", questions.question_answer, name="question_answer"),
    path("personnes/<uuid:pk>/question/annuler/", questions.question_undo, name="question_undo"),
    path("personnes/<uuid:pk>/plan/", plan.plan_send, name="plan_send"),
    path("personnes/<uuid:pk>/plan/preparer/", plan.plan_create, name="plan_create"),
    path("personnes/<uuid:pk>/plan/annuler-envoi/", plan.plan_recall, name="plan_recall"),
    path("personnes/<uuid:pk>/fiches/", referrals.referral_create, name="referral_create"),
    path("fiches/", referrals.referral_list, name="referral_list"),
    path("fiches/<str:reference>/envoyer/", referrals.referral_send, name="referral_send"),
    path("fiches/<str:reference>/enregistrer/", referrals.referral_autosave, name="referral_autosave"),
    path("fiches/<str:reference>/annuler-envoi/", referrals.referral_recall, name="referral_recall"),
    path("fiches/<str:reference>/annuler/", referrals.referral_cancel, name="referral_cancel"),
    path("fiches/<str:reference>/imprimer/", referrals.referral_print, name="referral_print"),
    # The fiche's page, its answers, and what follows
    path("fiches/<str:reference>/", responses.referral_detail, name="referral_detail"),
    path("fiches/<str:reference>/accepter/", responses.response_accept, name="response_accept"),
    path("fiches/<str:reference>/attente/", responses.response_waitlist, name="response_waitlist"),
    path("fiches/<str:reference>/decliner/", responses.response_decline, name="response_decline"),
    path("fiches/<str:reference>/reorienter/", responses.response_redirect, name="response_redirect"),
    path("fiches/<str:reference>/venue/", responses.response_enter, name="response_enter"),
    path("fiches/<str:reference>/absence/", responses.response_miss, name="response_miss"),
    path("fiches/<str:reference>/terminer/", responses.referral_end, name="referral_end"),
    path("fiches/<str:reference>/positionnement/", positionings.positioning_record, name="positioning_record"),
    path("fiches/<str:reference>/positionnement/imprimer/", positionings.positioning_print, name="positioning_print"),
    path("fiches/<str:reference>/bilans/<str:kind>/", bilans.bilan_create, name="bilan_create"),
    path("fiches/<str:reference>/sortie/", exits.exit_record, name="exit_record"),
    path("bilans/<uuid:pk>/", bilans.bilan_detail, name="bilan_detail"),
    path("bilans/<uuid:pk>/modifier/", bilans.bilan_edit, name="bilan_edit"),
    path("bilans/<uuid:pk>/brouillon/", bilans.bilan_autosave, name="bilan_autosave"),
    path("bilans/<uuid:pk>/rendre/", bilans.bilan_return, name="bilan_return"),
    path("bilans/<uuid:pk>/imprimer/", bilans.bilan_print, name="bilan_print"),
    path("bilans/<uuid:pk>/fiche/", bilans.bilan_next, name="bilan_next"),
    # Six months after
    path("suivis/", followups.followup_list, name="followup_list"),
    path("suivis/<uuid:pk>/", followups.followup_record, name="followup_record"),
    path("s/<str:token>/", followups.followup_answer, name="followup_answer"),
    # What a change of an action's criteria would do
    path("actions/<slug:slug>/conditions/apercu/", previews.criteria_preview, name="criteria_preview"),
    # The person's pathway
    path("personnes/<uuid:pk>/", pathway.person_detail, name="person_detail"),
]
