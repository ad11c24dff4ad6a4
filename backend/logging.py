"""What is written in the logs: never a person.

Addresses of pages are written without their query and without signed links; e-mail addresses, telephone
numbers and social security numbers are masked; a traceback shows files and lines, never a value, and the
sentence of an exception only when its kind cannot hold anything typed by a user (PostgreSQL repeats the
faulty row in its own).
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import ItemsView
from types import TracebackType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

MASK = "[…]"
_EMAIL = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*")
_PHONE = re.compile(r"(?<![\w.])(?:\+|00)?\d(?:[ .\-\u00a0\u202f]?\d){8,14}(?![\w])")
_QUERY = re.compile(r"\?[^\s\"']*")
# A signed value, a reset key, a random token: long, or with the colons of django.core.signing.
_TOKEN = re.compile(r"(?<=/)(?:[\w=-]*:[\w=:-]+|[\w=:.-]{24,})(?=/|\s|\"|'|$)")
_NAMED_ARGUMENTS_THAT_REPEAT_DATA = {"exc", "traceback", "args", "kwargs", "return_value", "data"}
# Written by programmers about code, not about what was typed.
_SPEAKING_KINDS = (AttributeError, NameError, ImportError, ImproperlyConfigured, OperationalError)

Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def mask(text: str) -> str:
    """Return `text` without e-mail addresses, telephone or long numbers, queries of addresses and signed
    links.
    """
    text = _EMAIL.sub(MASK, text)
    text = _QUERY.sub("?" + MASK, text)
    text = _TOKEN.sub(MASK, text)
    return _PHONE.sub(MASK, text)


class NoPersonalData(logging.Filter):
    """Rewrites each record before any handler sees it. Put on every handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, masked."""
        if isinstance(record.args, dict):
            # Celery describes a failed task with its arguments and the sentence of its exception.
            record.args = {
                key: MASK if key in _NAMED_ARGUMENTS_THAT_REPEAT_DATA else value for key, value in record.args.items()
            }
        elif record.args:
            record.args = tuple(type(arg).__name__ if isinstance(arg, BaseException) else arg for arg in record.args)
        record.msg, record.args = mask(record.getMessage()), ()
        record.exc_text = None
        for heavy in ("request", "data"):
            record.__dict__.pop(heavy, None)
        return True


class QuietFormatter(logging.Formatter):
    """Formats a traceback as files and lines, with the kinds of the exceptions."""

    def formatException(self, ei: Caught) -> str:
        """Return the traceback, from the first cause to the last."""
        chain: list[BaseException] = []
        error = ei[1]
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        lines: list[str] = []
        for caught in reversed(chain):
            lines += traceback.format_tb(caught.__traceback__)
            kind = f"{type(caught).__module__}.{type(caught).__qualname__}"
            lines.append(f"{kind}: {mask(str(caught))}\n" if isinstance(caught, _SPEAKING_KINDS) else f"{kind}\n")
        return "".join(lines).rstrip()


class SilentReporterFilter(SafeExceptionReporterFilter):
    """Error reports without anything of the request: no form, no cookie, no setting, no local variable."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Hide, whatever `DEBUG` says."""
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        """Hide every setting."""
        return {}

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Keep the method and the kind of content only."""
        return {key: request.META[key] for key in ("REQUEST_METHOD", "CONTENT_TYPE") if key in request.META}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Hide every cookie."""
        return {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Hide every typed value."""
        return {}

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> ItemsView[str, Any]:
        """Hide every variable."""
        return {}.items()


class SilentReporter(ExceptionReporter):
    """Reports an error as the logs do: files, lines, kinds."""

    def get_traceback_text(self) -> SafeString:
        """Return the traceback without any value."""
        # Django only puts it in plain text: an e-mail's body, an answer of type text/plain.
        return SafeString(self._traceback())  # nosec B703

    def get_traceback_html(self) -> SafeString:
        """Return the same, readable in a browser."""
        return format_html("<pre>{}</pre>", self._traceback())

    def _traceback(self) -> str:
        if self.exc_type is None or self.exc_value is None:
            return ""
        return QuietFormatter().formatException((self.exc_type, self.exc_value, self.tb))


def logging_settings(level: str) -> dict[str, Any]:
    """Return Django's LOGGING: everything to the standard error stream, masked; `level` is INFO, WARNING…"""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"no_personal_data": {"()": "backend.logging.NoPersonalData"}},
        "formatters": {
            "quiet": {
                "()": "backend.logging.QuietFormatter",
                "format": "{asctime} {levelname} {name} {message}",
                "style": "{",
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["no_personal_data"],
                "formatter": "quiet",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Without these, Django would also mail errors and write its own development lines.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }
