"""Errors as problem documents (RFC 9457), in French, without personal data."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.forms import BaseForm
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from referrals.models import CannotMerge, CannotReopen, NoPlaceLeft, StaleReferral
from referrals.permissions import MergedAway
from structures.models import CannotImport

TITLES = {
    status.HTTP_400_BAD_REQUEST: "Demande incorrecte",
    status.HTTP_401_UNAUTHORIZED: "Connexion nécessaire",
    status.HTTP_403_FORBIDDEN: "Ce rôle ne permet pas cette action",
    status.HTTP_404_NOT_FOUND: "Introuvable",
    status.HTTP_405_METHOD_NOT_ALLOWED: "Méthode non permise",
    status.HTTP_406_NOT_ACCEPTABLE: "Format non disponible",
    status.HTTP_409_CONFLICT: "La fiche a changé entre-temps",
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: "Format non accepté",
    status.HTTP_429_TOO_MANY_REQUESTS: "Trop de demandes",
}


def _flatten(errors: Any, pointer: str = "") -> list[dict[str, str]]:
    """Every message with a JSON pointer to the field it is about."""
    if isinstance(errors, dict):
        return [row for key, value in errors.items() for row in _flatten(value, f"{pointer}/{key}")]
    if isinstance(errors, list):
        rows: list[dict[str, str]] = []
        for index, value in enumerate(errors):
            rows += _flatten(value, f"{pointer}/{index}" if isinstance(value, dict | list) else pointer)
        return rows
    return [{"pointer": pointer or "/", "detail": str(errors), "code": getattr(errors, "code", "invalid")}]


def faults_of(form: BaseForm) -> exceptions.ValidationError:
    """What a form of the pages refuses, as the API says it."""
    faults = {name: [str(one) for one in found] for name, found in form.errors.items()}
    whole = faults.pop(NON_FIELD_ERRORS, [])
    return exceptions.ValidationError(faults | ({"non_field_errors": whole} if whole else {}))


def problem(code: int, detail: str = "", **more: Any) -> dict[str, Any]:
    """The body of a problem document."""
    body: dict[str, Any] = {"type": "about:blank", "title": TITLES.get(code, "Erreur"), "status": code}
    if detail:
        body["detail"] = detail
    return body | more


def _refusal(error: StaleReferral) -> tuple[str, str]:
    """Why a verb could not be done: a code, and a sentence."""
    if isinstance(error, NoPlaceLeft):
        return "no_place_left", "La dernière place vient d’être prise."
    if isinstance(error, CannotReopen):
        return f"closed_{error.hindrance}", error.hindrance.label
    return "stale", "Cette fiche n’est plus dans l’état où elle était affichée."


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into a problem document; `None` leaves an unforeseen one to the 500 page."""
    if isinstance(error, StaleReferral):
        last = error.last_event
        cause, why = _refusal(error)
        body = problem(
            status.HTTP_409_CONFLICT,
            f"{why} Rien n’a été modifié.",
            cause=cause,
            state=error.referral.state,
            version=error.referral.version,
            last_event=None if last is None else {"kind": last.kind, "at": last.at.isoformat()},
        )
        return Response(body, status.HTTP_409_CONFLICT, content_type="application/problem+json")
    if isinstance(error, CannotMerge | CannotImport):
        body = problem(status.HTTP_409_CONFLICT, str(error), cause=error.code)
        return Response(body, status.HTTP_409_CONFLICT, content_type="application/problem+json")
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        body = problem(response.status_code, "Certains champs sont à corriger.", errors=_flatten(error.detail))
    elif isinstance(error, MergedAway):
        body = problem(
            response.status_code, "Cette fiche a été réunie à une autre.", cause="merged", kept=str(error.kept)
        )
    elif isinstance(error, Http404 | exceptions.NotFound):
        body = problem(response.status_code, "Cet élément n’existe pas, ou ne vous est pas ouvert.")
    elif isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        body = problem(response.status_code)
    else:
        body = problem(response.status_code, str(getattr(error, "detail", "")))
    response.data = body
    response.content_type = "application/problem+json"
    return response
