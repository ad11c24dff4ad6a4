"""The type of what the test client answers: an ordinary answer, with the context and the request beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

# The client adds to the answer as it goes: only the type checker knows a class for the result.
if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
else:
    Answer = HttpResponse

__all__ = ["Answer"]
