"""Text messages: one segment of GSM-7, nothing that says who or where; and the persons whose safe channel they are."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as site
from hypothesis import given
from hypothesis import strategies as st

from backend.environment import LONGEST_SITE_URL, SmsGateway
from referrals import gsm7, sms
from referrals.models import Appointment, ContactChannel, Event, EventKind, Message, MessageChannel, Notice, Referral
from referrals.models.message import MessageState
from referrals.notifications import given_up
from referrals.states import AppointmentState
from tests.referrals.test_appointment_letters import AT, DAY, HOUR, PARIS, PERSON, RECEIVER, SECRETS, SENDER, Told
from tests.territory import NOW

NUMBER = "+33799000007"


@pytest.fixture
def gateway(settings: Any) -> None:
    """Settings that name a gateway; nothing is posted here."""
    settings.SMS_GATEWAY = SmsGateway("127.0.0.1", 9, "/", False, "", {})


@pytest.fixture
def told(gateway: None, db: None) -> Told:
    return Told(ContactChannel.SMS, phone_of_the_person=NUMBER)


# The alphabet


@given(st.text(alphabet=sorted(gsm7.BASIC | gsm7.EXTENDED)))
def test_a_text_of_the_alphabet_is_left_as_it_is(text: str) -> None:
    assert gsm7.fitted(text) == text
    assert len(text) <= gsm7.septets(text) <= 2 * len(text)


@given(st.text())
def test_any_text_can_be_made_to_fit_the_alphabet(text: str) -> None:
    assert gsm7.septets(gsm7.fitted(text)) >= len(text)


def test_a_character_outside_the_alphabet_is_refused_by_its_number() -> None:
    with pytest.raises(gsm7.NotGsm7, match=r"U\+00EA U\+2019"):
        gsm7.septets("c’est prêt")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("août", "aout"),
        ("14\u00a0h\u00a030", "14 h 30"),
        ("l’été «à Noël»", 'l\'été "à Noel"'),
        ("œuf 🙂", "oeuf ?"),
    ],
)
def test_what_the_alphabet_has_not_becomes_what_is_closest(text: str, found: str) -> None:
    assert gsm7.fitted(text) == found


def test_the_characters_that_need_an_escape_count_twice() -> None:
    assert gsm7.septets("é€") == 3


# The texts


def texts_at(moment: dt.datetime) -> list[sms.Text]:
    row = Appointment(referral=Referral(), at=moment, place="3 rue Verte")
    told = [sms.appointment_told(row, change) for change in ("set", "moved", "cancelled")]
    return [*told, sms.appointment_reminder(row)]


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2030, 1, 1)))
def test_every_text_about_a_rendez_vous_takes_one_segment_and_names_no_place(moment: dt.datetime) -> None:
    for text in texts_at(moment.replace(tzinfo=PARIS)):
        assert gsm7.septets(text.body) <= gsm7.SEGMENT
        assert "Verte" not in text.body
        assert f"{moment.hour} h {moment.minute:02d}" in text.body


def test_the_text_with_the_longest_legal_link_takes_one_segment(settings: Any) -> None:
    settings.SITE_URL = "https://" + "r" * (LONGEST_SITE_URL - len("https://"))
    text = sms.six_months(secrets.token_urlsafe(32))
    assert text.septets <= gsm7.SEGMENT
    assert text.holds_link


def test_a_text_that_would_leave_in_two_segments_is_not_written(settings: Any) -> None:
    settings.SITE_URL = "https://" + "r" * 100
    with pytest.raises(sms.TooLong):
        sms.six_months(secrets.token_urlsafe(32))


# Who gets them


def to_person(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.to not in (SENDER, RECEIVER)]


def test_without_a_gateway_nobody_is_texted_and_a_colleague_calls(db: None) -> None:
    told = Told(ContactChannel.SMS, phone_of_the_person=NUMBER).announced()
    assert not Message.objects.filter(channel=MessageChannel.SMS).exists()
    told.pass_time(AT - DAY)
    assert told.row.notice == Notice.TO_TELL


@pytest.mark.parametrize("number", ["", "+33254000001"])
def test_a_telephone_that_takes_no_text_is_called(gateway: None, db: None, number: str) -> None:
    told = Told(ContactChannel.SMS, phone_of_the_person=number).announced()
    told.pass_time(AT - DAY)
    assert not Message.objects.filter(channel=MessageChannel.SMS).exists()
    assert told.row.notice == Notice.TO_TELL


def moved(told: Told) -> None:
    told.referral.meet(told.into.actor, NOW + DAY, at=AT + DAY, minutes=60)


def called_off(told: Told) -> None:
    told.row.close(AppointmentState.CANCELLED, told.into.actor, NOW + DAY)


@pytest.mark.parametrize(
    ("act", "words"),
    [(moved, "a changé : vendredi 27 novembre à 11 h 00"), (called_off, "(jeudi 26 novembre à 11 h 00) n'a plus lieu")],
)
def test_a_change_is_told_by_text_without_a_name_or_a_place(
    told: Told, act: Callable[[Told], None], words: str
) -> None:
    told.announced()
    act(told)
    [text] = to_person(told.pass_time(NOW + DAY + HOUR))
    assert (text.letter, text.channel, text.to) == ("appointment_told", MessageChannel.SMS, NUMBER)
    assert words in text.body_text
    assert not [one for one in (*SECRETS, "Alire", "Mission", "Verte") if one in text.body_text]


def test_the_date_is_told_by_text_and_the_prescripteur_reads_that_it_was(told: Told) -> None:
    messages = told.accept().pass_time(NOW + HOUR)
    [text] = to_person(messages)
    assert "vous avez un rendez-vous jeudi 26 novembre à 11 h 00." in text.body_text
    letter = next(message for message in messages if message.to == SENDER)
    assert "La personne en est prévenue par SMS" in letter.body_text


def test_the_reminder_leaves_by_text_two_days_before_and_is_journalled(told: Told) -> None:
    told.announced()
    [text] = told.pass_time(dt.datetime(2026, 11, 24, 8, tzinfo=PARIS))
    assert (text.letter, text.channel, text.to) == ("appointment_reminder", MessageChannel.SMS, NUMBER)
    assert told.row.notice == Notice.WRITTEN
    assert Event.objects.filter(kind=EventKind.APPOINTMENT_REMINDED, user=None).count() == 1


def test_a_text_that_is_given_up_puts_the_person_among_those_to_tell(told: Told) -> None:
    told.announced()
    [text] = told.pass_time(dt.datetime(2026, 11, 24, 8, tzinfo=PARIS))
    text.state = MessageState.FAILED
    given_up(text)
    assert told.row.notice == Notice.TO_TELL


def test_a_person_who_reads_letters_is_still_written_to_by_letter(gateway: None, db: None) -> None:
    messages = Told(phone_of_the_person=NUMBER).accept().pass_time(NOW + HOUR)
    assert [(one.channel, one.to) for one in to_person(messages)] == [(MessageChannel.EMAIL, PERSON)]
    assert site.SMS_GATEWAY is not None
