"""Addresses about one's own account: allauth's views under French addresses, without those that open
accounts.
"""

from allauth.account import views
from allauth.mfa.base import views as factor
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.urls import path, re_path

urlpatterns = [
    path("connexion/", views.login, name="account_login"),
    path("deconnexion/", views.logout, name="account_logout"),
    path("inactif/", views.account_inactive, name="account_inactive"),
    path("inscription/", views.signup, name="account_signup"),
    path("confirmer-identite/", views.reauthenticate, name="account_reauthenticate"),
    path("adresse/", views.email, name="account_email"),
    path("adresse/envoyee/", views.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^adresse/confirmer/(?P<key>[-:\w]+)/$", views.confirm_email, name="account_confirm_email"),
    path("mot-de-passe/changer/", views.password_change, name="account_change_password"),
    path("mot-de-passe/choisir/", views.password_set, name="account_set_password"),
    path("mot-de-passe/oublie/", views.password_reset, name="account_reset_password"),
    path("mot-de-passe/oublie/envoye/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^mot-de-passe/nouveau/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "mot-de-passe/enregistre/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("securite/", factor.index, name="mfa_index"),
    path("securite/code/", factor.authenticate, name="mfa_authenticate"),
    path("securite/confirmer/", factor.reauthenticate, name="mfa_reauthenticate"),
    path("securite/application/activer/", totp.activate_totp, name="mfa_activate_totp"),
    path("securite/application/desactiver/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("securite/codes-de-secours/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "securite/codes-de-secours/nouveaux/",
        codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "securite/codes-de-secours/telecharger/",
        codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
]
