"""Letters by SMTP: one connection for many letters, and every failure told apart.

What must be known after a failure is whether the letter may have been taken. A server that answers by a refusal has
not taken it. A connection that breaks after the text was sent, before the answer, leaves a doubt.
"""

from __future__ import annotations

import smtplib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend

from worker.channels.channel import Refused, Unreachable, Written

FINAL_ANSWER_SECONDS = 60
"""How long the server may think after the text: giving up earlier would post the letter twice (RFC 5321, 4.5.3.2.6,
grants ten minutes). Every other exchange has `EMAIL_TIMEOUT`."""

LETTERS_PER_CONNECTION = 100
"""Many servers refuse more on one connection."""


class _Watched:
    """Tells whether the text of a letter has been sent and not yet answered."""

    doubtful = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send the text, with more patience for its answer."""
        sock = self.sock  # type: ignore[attr-defined] # of smtplib.SMTP, which this is mixed into
        self.doubtful = True
        sock.settimeout(FINAL_ANSWER_SECONDS)
        answer = super().data(msg)  # type: ignore[misc] # of smtplib.SMTP
        sock.settimeout(settings.EMAIL_TIMEOUT)
        self.doubtful = False
        return answer


class _WatchedSMTP(_Watched, smtplib.SMTP):
    pass


class _WatchedSMTPS(_Watched, smtplib.SMTP_SSL):
    pass


class _Backend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """The watched kind of connection."""
        return _WatchedSMTPS if self.use_ssl else _WatchedSMTP


class SmtpChannel:
    """Posts letters one after the other on one connection."""

    def __init__(self) -> None:
        self.per_minute: int = settings.EMAIL_PER_MINUTE
        self._backend = _Backend()
        self._posted = 0

    @property
    def is_ready(self) -> bool:
        """Whether a letter can be posted without connecting first."""
        return self._backend.connection is not None and self._posted < LETTERS_PER_CONNECTION

    def open(self) -> None:
        """Be connected. Raises `Unreachable`. To be called before a letter is claimed: an outage then costs none of
        them an attempt."""
        if self._posted >= LETTERS_PER_CONNECTION:
            self.close()
        try:
            self._backend.open()
        except OSError as error:
            raise Unreachable(_code(error)) from error

    def post(self, letter: Written) -> None:
        """Post one letter. Raises `Refused`."""
        mail = EmailMultiAlternatives(
            letter.subject,
            letter.body_text,
            settings.DEFAULT_FROM_EMAIL,
            [letter.to],
            # No answering machine answers a letter that says so (RFC 3834).
            headers={"Message-ID": letter.message_id, "Auto-Submitted": "auto-generated"},
        )
        if letter.body_html:
            mail.attach_alternative(letter.body_html, "text/html")
        if letter.calendar:
            _invite(mail, letter.calendar)
        try:
            self._backend.send_messages([mail])
        except OSError as error:
            refusal = self._refusal(error)
            if refusal.doubtful or not isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
                self.close()
            raise refusal from error
        except ValueError as error:
            # Django cannot write such a header: a malformed address, a line break in a subject.
            raise Refused("malformed", final=True) from error
        self._posted += 1

    def close(self) -> None:
        """Hang up; harmless twice."""
        self._posted = 0
        try:
            self._backend.close()
        except OSError:
            # A server that is gone does not answer our good-bye; the backend forgot the connection all the same.
            self._backend.connection = None

    def _refusal(self, error: OSError) -> Refused:
        match error:
            case smtplib.SMTPRecipientsRefused():
                codes = [code for code, _ in error.recipients.values()]
                return Refused(str(codes[0]), final=all(code >= 500 for code in codes))
            case smtplib.SMTPDataError():
                return Refused(str(error.smtp_code), final=error.smtp_code >= 500)
            case smtplib.SMTPNotSupportedError():
                return Refused("address not supported by the server", final=True)
            case smtplib.SMTPResponseException():
                # Our sender address, or our login: a fault to mend here, for which no letter is given up.
                return Refused(str(error.smtp_code))
        return Refused(_code(error), doubtful=getattr(self._backend.connection, "doubtful", False))


def _invite(mail: EmailMultiAlternatives, calendar: str) -> None:
    """Add an iCalendar text in the two ways that calendars look for: as an alternative, and as a file (RFC 6047)."""
    method = next(line for line in calendar.splitlines() if line.startswith("METHOD:")).removeprefix("METHOD:")
    mail.attach_alternative(calendar, f"text/calendar; method={method}")
    mail.attach("rendez-vous.ics", calendar, "application/ics")


def _code(error: OSError) -> str:
    return str(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else type(error).__name__
