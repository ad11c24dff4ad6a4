"""Text messages through an HTTP gateway: a JSON POST per message, with its Idempotency-Key.

An answer of 200 to 299 means taken. What the gateway says of one message for good (most of 400 to 499) gives it up;
what it says of itself (a limit, a fault, a wrong token, an address that has moved) is tried again later. A line that
breaks once the request was on its way leaves a doubt: the message is resent once, with the same key.
"""

from __future__ import annotations

import datetime as dt
import http.client
import json
import ssl
from email.utils import parsedate_to_datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from worker.channels.channel import Refused, Unreachable, Written

CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
MOST_READ = 65_536
"""Bytes of an answer that are read: nothing of it is used."""

OUR_FAULT = frozenset({401, 402, 403, 407})
"""Our token, or our credit: to be mended here, for which no message is given up."""

PASSING = frozenset({408, 409, 425, 429})
"""Refusals of 400 to 499 that a later attempt may not meet."""

LONGEST_REST = dt.timedelta(hours=1)


class SmsChannel:
    """Posts text messages one after the other on one connection, which follows no redirection."""

    def __init__(self) -> None:
        gateway = settings.SMS_GATEWAY
        self.per_minute: int = settings.SMS_PER_MINUTE
        self._gateway = gateway
        self._line: http.client.HTTPConnection | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a message can be posted without connecting first."""
        return self._line is not None and self._line.sock is not None

    def open(self) -> None:
        """Be connected. Raises `Unreachable`."""
        if self._gateway is None:
            raise Unreachable("no gateway")
        self.close()
        host, port = self._gateway.host, self._gateway.port
        if self._gateway.is_secure:
            context = ssl.create_default_context()
            line: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_SECONDS, context=context
            )
        else:
            line = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        try:
            line.connect()
        except OSError as error:
            line.close()
            raise Unreachable(type(error).__name__) from error
        line.sock.settimeout(ANSWER_SECONDS)
        self._line = line

    def post(self, letter: Written) -> None:
        """Post one text message. Raises `Refused`."""
        assert self._line is not None and self._gateway is not None
        body = json.dumps(_filled(self._gateway.body, {"{to}": letter.to, "{text}": letter.body_text}))
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Idempotency-Key": letter.message_id.strip("<>"),
        }
        if self._gateway.authorization:
            headers["Authorization"] = self._gateway.authorization
        try:
            self._line.request("POST", self._gateway.path, body.encode(), headers)
            answer = self._line.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Refused(type(error).__name__, doubtful=True, rest=True) from error
        status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        try:
            answer.read(MOST_READ)
        except (OSError, http.client.HTTPException):
            # The answer is known by its first line.
            self.close()
        if not answer.isclosed():
            self.close()
        if not 200 <= status <= 299:
            raise _refusal(status, retry_after)

    def close(self) -> None:
        """Hang up; harmless twice."""
        if self._line is not None:
            self._line.close()
            self._line = None


def _filled(template: Any, values: dict[str, str]) -> Any:
    """The body that the gateway expects: `{to}` and `{text}` where the settings put them."""
    match template:
        case dict():
            return {name: _filled(value, values) for name, value in template.items()}
        case list():
            return [_filled(value, values) for value in template]
        case str():
            return values.get(template, template)
    return template


def _refusal(status: int, retry_after: str) -> Refused:
    if 400 <= status <= 499 and status not in PASSING | OUR_FAULT:
        return Refused(str(status), final=True)
    return Refused(str(status), rest=_rest(retry_after, timezone.now()))


def _rest(retry_after: str, now: dt.datetime) -> bool | dt.timedelta:
    """How long the gateway asks to be left in peace: seconds, or a date (RFC 9110, 10.2.3); an hour at most."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(dt.timedelta(seconds=int(retry_after[:6])), LONGEST_REST)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return True
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(min(until - now, LONGEST_REST), dt.timedelta())
