"""What only a real browser can say: that forms pass, and that nothing on the pages breaks their own policy."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from tests.accounts.conftest import PASSWORD, code_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def complaints(page: Any) -> list[str]:
    """What the browser's console says against the page."""
    heard: list[str] = []

    def hear(message: Any) -> None:
        # A browser asks for this picture by itself on pages that name none.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            heard.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def log_in(page: Any, email: str) -> None:
    page.goto(reverse("account_login"))
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]:not(.button-quiet)")


def test_login_enrolment_and_second_login_pass_in_a_browser(
    page: Any, user: User, complaints: list[str], settings: Any
) -> None:
    settings.SECOND_FACTOR_REQUIRED = True
    log_in(page, user.email)
    page.wait_for_url("**" + reverse("mfa_activate_totp") + "**")
    key = page.inner_text("code")
    assert page.eval_on_selector("main img", "image => image.naturalWidth > 0")
    page.fill("input[name=code]", code_of(key))
    page.click("main button[type=submit]:not(.button-quiet)")
    expect(page.locator("ul.codes li")).to_have_count(10)
    rescue = page.locator("ul.codes li").first.inner_text()
    page.goto(reverse("account_logout"))
    page.click("main button[type=submit]:not(.button-quiet)")
    page.wait_for_url("**" + reverse("account_login") + "**")
    log_in(page, user.email)
    page.wait_for_url("**" + reverse("mfa_authenticate") + "**")
    page.fill("input[name=code]", rescue)
    page.click("main button[type=submit]:not(.button-quiet)")
    page.wait_for_url(lambda address: urlsplit(address).path == reverse("referrals:home"))
    page.goto(reverse("mfa_index"))
    assert "Il en reste 9" in page.inner_text("main")
    assert complaints == []


def test_the_staff_site_works_under_the_content_security_policy(page: Any, user: User, complaints: list[str]) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    log_in(page, user.email)
    page.wait_for_url(lambda address: urlsplit(address).path != reverse("account_login"))
    for address in (
        reverse("admin:index"),
        reverse("admin:accounts_user_changelist"),
        reverse("admin:accounts_accountletter_changelist"),
    ):
        page.goto(address)
    page.goto(reverse("admin:accounts_user_change", args=[user.pk]))
    page.wait_for_selector(".selector-available")
    page.fill("input[name=job_title]", "Formatrice")
    page.click("input[name=_save]")
    page.wait_for_selector(".messagelist .success")
    user.refresh_from_db()
    assert user.job_title == "Formatrice"
    assert complaints == []
