"""Letters about accounts are rows, and tell a stranger nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.emails import invitation
from accounts.models import AccountLetter, User
from tests.accounts.conftest import PASSWORD

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def written() -> AccountLetter:
    return AccountLetter.objects.create(
        to="awa@example.org", subject="Relais", body_text="lien", created_at=NOW, not_before=NOW
    )


def link(letter: AccountLetter, settings: Any) -> str:
    found = re.search(r"https?://\S+/nouveau/\S+", letter.body_text)
    assert found
    return found.group(0).removeprefix(settings.SITE_URL)


def ask(client: Any, email: str) -> Any:
    return client.post(reverse("account_reset_password"), {"email": email}, follow=True)


def test_asking_for_a_password_answers_the_same_whether_or_not_the_account_exists(user: User) -> None:
    known, unknown = ask(Client(), user.email), ask(Client(), "personne@example.org")
    token = re.compile(rb'value="[A-Za-z0-9]{64}"')
    assert known.redirect_chain == unknown.redirect_chain
    assert token.sub(b"", known.content) == token.sub(b"", unknown.content)


def test_the_reset_letter_is_a_row_whose_subject_holds_nobody(client: Any, user: User) -> None:
    ask(client, user.email)
    letter = AccountLetter.objects.get()
    assert (letter.to, letter.state) == (user.email, AccountLetter.State.PENDING)
    assert "Diallo" not in letter.subject
    assert "@" not in letter.subject


def test_a_forged_host_does_not_get_into_the_letter(client: Any, user: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client.post(reverse("account_reset_password"), {"email": user.email}, headers={"host": "piege.example.net"})
    assert "piege" not in AccountLetter.objects.get().body_text


def test_the_link_of_the_letter_changes_the_password_once(client: Any, user: User, settings: Any) -> None:
    ask(client, user.email)
    address = link(AccountLetter.objects.get(), settings)
    form = client.get(address, follow=True)
    action = form.redirect_chain[-1][0]
    new = {"password1": "une autre phrase bien longue", "password2": "une autre phrase bien longue"}
    done = client.post(action, new)
    assert done.url == reverse("account_reset_password_from_key_done")
    assert "Mot de passe enregistré" in client.get(done.url).content.decode()
    user.refresh_from_db()
    assert user.check_password(new["password1"])
    assert "plus valable" in Client().get(address).content.decode()
    assert AccountLetter.objects.filter(subject__contains="mot de passe changé").exists()


def test_an_invitation_lets_a_new_colleague_choose_a_first_password(client: Any, db: None, settings: Any) -> None:
    colleague = User.objects.create_user("nouveau@example.org")
    assert not colleague.has_usable_password()
    address = link(invitation(colleague, now=NOW), settings)
    action = client.get(address, follow=True).redirect_chain[-1][0]
    client.post(action, {"password1": PASSWORD, "password2": PASSWORD})
    colleague.refresh_from_db()
    assert colleague.check_password(PASSWORD)


def test_support_opens_an_account_and_the_invitation_is_written(client: Any, db: None) -> None:
    client.force_login(User.objects.create_superuser("aide@example.org", PASSWORD))
    client.post(reverse("admin:accounts_user_add"), {"email": "Nouvelle@example.org", "is_active": "on"})
    assert AccountLetter.objects.get().to == "nouvelle@example.org"
    assert not User.objects.get(email="nouvelle@example.org").has_usable_password()


def test_staff_without_every_right_cannot_give_themselves_more(client: Any, user: User) -> None:
    url = reverse("admin:accounts_user_change", args=[user.pk])
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(url).status_code == 403


def test_the_new_address_counts_only_once_its_link_was_followed(client: Any, user: User) -> None:
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    asked = client.post(reverse("account_email"), {"email": "awa@nouvelle.example.org", "action_add": ""})
    assert asked.url.startswith(reverse("account_reauthenticate"))
    assert not AccountLetter.objects.exists()
    assert "Confirmez que" in client.get(asked.url).content.decode()
    client.post(asked.url, {"password": PASSWORD})
    assert "En attente de confirmation" in client.get(reverse("account_email")).content.decode()
    user.refresh_from_db()
    assert user.email == "awa.diallo@alire.example.org"
    letter = AccountLetter.objects.get(to="awa@nouvelle.example.org")
    found = re.search(r"/compte/adresse/confirmer/\S+", letter.body_text)
    assert found
    assert client.get(found.group(0)).status_code == 200
    user.refresh_from_db()
    assert user.email == "awa.diallo@alire.example.org"
    client.post(found.group(0))
    user.refresh_from_db()
    assert user.email == "awa@nouvelle.example.org"


# --- Posting ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_letter_is_claimed_by_one_worker_only() -> None:
    letter = written()
    assert AccountLetter.objects.claim(NOW, claimed_by=1) == letter
    assert AccountLetter.objects.claim(NOW, claimed_by=2) is None


@pytest.mark.django_db
def test_a_sent_letter_forgets_its_text_and_keeps_its_message_id() -> None:
    letter = written()
    claimed = AccountLetter.objects.claim(NOW, claimed_by=1)
    assert claimed
    assert claimed.message_id == letter.message_id
    assert claimed.mark_sent(NOW)
    assert (claimed.state, claimed.body_text, claimed.sent_at) == (AccountLetter.State.SENT, "", NOW)
    assert AccountLetter.objects.claim(NOW, claimed_by=2) is None


@pytest.mark.django_db
def test_a_failed_letter_waits_longer_each_time_and_is_given_up_in_the_end() -> None:
    letter = written()
    now = NOW
    for attempt in range(1, 9):
        claimed = AccountLetter.objects.claim(now, claimed_by=1)
        assert claimed
        claimed.mark_failed(now, "SMTPServerDisconnected")
        if attempt < 8:
            wait = timedelta(minutes=2 ** (attempt - 1))
            assert AccountLetter.objects.claim(now + wait - timedelta(seconds=1), claimed_by=1) is None
            now += wait
    letter.refresh_from_db()
    assert (letter.state, letter.body_text) == (AccountLetter.State.FAILED, "")


@pytest.mark.django_db
def test_the_letter_of_a_dead_worker_is_given_back_and_the_dead_cannot_close_it() -> None:
    written()
    ghost = AccountLetter.objects.claim(NOW, claimed_by=1)
    assert ghost
    assert AccountLetter.objects.release([1]) == 1
    living = AccountLetter.objects.claim(NOW, claimed_by=2)
    assert living
    assert not ghost.mark_sent(NOW)
    assert living.mark_sent(NOW)


@pytest.mark.django_db
def test_the_database_refuses_a_posted_letter_that_keeps_its_text() -> None:
    letter = written()
    with pytest.raises(IntegrityError), transaction.atomic():
        AccountLetter.objects.filter(pk=letter.pk).update(state="sent")
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from accounts_accountletter")
        assert cursor.fetchone() == (1,)
