"""Addresses of version 1 of the API."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from referrals.api.attachments import AttachmentViewSet
from referrals.api.bilans import BilanViewSet, FollowUpViewSet
from referrals.api.commissions import CommissionViewSet, TaskViewSet
from referrals.api.me import MeView
from referrals.api.merges import DuplicateViewSet, MergeViewSet
from referrals.api.notifications import LettersView, NotificationViewSet
from referrals.api.person_imports import PersonImportViewSet
from referrals.api.persons import NeedViewSet, PersonViewSet
from referrals.api.policies import PolicyViewSet
from referrals.api.referrals import ReferralViewSet
from structures.api import ActionViewSet, StructureViewSet

app_name = "api"

router = SimpleRouter(use_regex_path=True)
router.register("structures", StructureViewSet, "structure")
router.register("actions", ActionViewSet, "action")
router.register("persons", PersonViewSet, "person")
router.register("person-imports", PersonImportViewSet, "person-import")
router.register("duplicates", DuplicateViewSet, "duplicate")
router.register("merges", MergeViewSet, "merge")
router.register("needs", NeedViewSet, "need")
router.register("referrals", ReferralViewSet, "referral")
router.register("attachments", AttachmentViewSet, "attachment")
router.register("bilans", BilanViewSet, "bilan")
router.register("policies", PolicyViewSet, "policy")
router.register("followups", FollowUpViewSet, "followup")
router.register("commissions", CommissionViewSet, "commission")
router.register("tasks", TaskViewSet, "task")
router.register("notifications", NotificationViewSet, "notification")

urlpatterns = [
    path("me/", MeView.as_view(), name="me"),
    path("me/letters/", LettersView.as_view(), name="letters"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="referrals/api/docs.html"),
        name="docs",
    ),
    path("", include(router.urls)),
]
