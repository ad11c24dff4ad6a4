"""The results of a bilan: a row for each certificate that the action prepares for, then rows for any other."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms

from referrals.forms.inputs import ShortText
from referrals.models import Bilan
from structures.certificates import CERTIFICATES, LONGEST_NAME, CertificateResult, certificates_named
from structures.forms.fields import DayField
from structures.text import plain

MORE = 2
"""Empty rows for other certificates."""


@dataclass(frozen=True)
class CertificateRow:
    """One row: the names of its fields in the form. `code` is empty where the certificate is chosen."""

    key: str
    code: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Its fields, in the order of the page."""
        chosen = () if self.code else (f"certificate_{self.key}",)
        return (*chosen, f"result_{self.key}", f"on_{self.key}", f"name_{self.key}")


class CertificateRows:
    """The rows of one form. They add their fields to it, check them, and say what is stored."""

    def __init__(self, form: forms.Form, bilan: Bilan, today: dt.date) -> None:
        self.form, self.today = form, today
        entries = list(bilan.certificates)
        self.offered: list[CertificateRow] = []
        for certificate in certificates_named(bilan.referral.action.certificates):
            entry: dict[str, str] = next((one for one in entries if one["certificate"] == certificate.code), {})
            if entry:
                entries.remove(entry)
            row = CertificateRow(certificate.code, certificate.code)
            self.offered.append(row)
            self._add(row, entry)
        self.more: list[CertificateRow] = []
        for number in range(len(entries) + MORE):
            row = CertificateRow(str(number))
            self.more.append(row)
            self._add(row, entries[number] if number < len(entries) else {})
        self.has_more = bool(entries)

    def _add(self, row: CertificateRow, entry: dict[str, str]) -> None:
        fields = self.form.fields
        named = not row.code or CERTIFICATES[row.code].named
        results = list(CertificateResult.choices)
        if row.code:
            label = CERTIFICATES[row.code].label
            fields[f"result_{row.key}"] = forms.ChoiceField(
                label=label,
                choices=[("", "Sans objet"), *results],
                required=False,
                widget=forms.RadioSelect,
                initial=entry.get("result", ""),
            )
        else:
            label = "Autre certification"
            fields[f"certificate_{row.key}"] = forms.ChoiceField(
                label=label,
                choices=[("", "Aucune"), *((one.code, one.label) for one in CERTIFICATES.values())],
                required=False,
                initial=entry.get("certificate", ""),
            )
            fields[f"result_{row.key}"] = forms.ChoiceField(
                label="Résultat",
                choices=results,
                required=False,
                widget=forms.RadioSelect,
                initial=entry.get("result", CertificateResult.OBTAINED.value),
            )
        day = entry.get("on")
        fields[f"on_{row.key}"] = DayField(
            label="Date", required=False, initial=dt.date.fromisoformat(day) if day else None
        )
        if named:
            fields[f"name_{row.key}"] = ShortText(
                label="Intitulé", max_length=LONGEST_NAME, required=False, initial=entry.get("name", "")
            )

    def lines(self, rows: list[CertificateRow]) -> list[list[forms.BoundField]]:
        """The fields of some rows, for the page."""
        return [[self.form[name] for name in row.names if name in self.form.fields] for row in rows]

    @property
    def offered_lines(self) -> list[list[forms.BoundField]]:
        """The rows of what the action prepares for."""
        return self.lines(self.offered)

    @property
    def more_lines(self) -> list[list[forms.BoundField]]:
        """The rows of any other certificate."""
        return self.lines(self.more)

    @property
    def is_open(self) -> bool:
        """Whether the other certificates stand open: one was noted, or something there is to be corrected."""
        return self.has_more or any(name in self.form.errors for row in self.more for name in row.names)

    def _said(self, row: CertificateRow, data: dict[str, Any]) -> dict[str, Any] | None:
        code = row.code or data.get(f"certificate_{row.key}", "")
        result = data.get(f"result_{row.key}", "")
        if not code or (row.code and not result):
            return None
        named = CERTIFICATES[code].named
        return {
            "certificate": code,
            "result": result or CertificateResult.OBTAINED.value,
            "on": data.get(f"on_{row.key}"),
            "name": data.get(f"name_{row.key}", "") if named else "",
        }

    def clean(self, data: dict[str, Any]) -> None:
        """A certificate of one name has one result; only what is planned lies ahead."""
        seen: set[tuple[str, str]] = set()
        for row in (*self.offered, *self.more):
            said = self._said(row, data)
            if said is None:
                continue
            key = (said["certificate"], plain(said["name"]))
            if key in seen:
                self.form.add_error(row.names[0], f"{CERTIFICATES[said['certificate']].label} est déjà noté plus haut.")
            seen.add(key)
            if said["on"] and said["on"] > self.today and said["result"] != CertificateResult.PLANNED:
                self.form.add_error(f"on_{row.key}", "Cette date est à venir.")

    def entries(self, data: dict[str, Any]) -> list[dict[str, str]]:
        """What the bilan stores of the rows, once the form is valid."""
        found = []
        for row in (*self.offered, *self.more):
            said = self._said(row, data)
            if said is not None:
                said["on"] = said["on"].isoformat() if said["on"] else ""
                found.append({name: str(value) for name, value in said.items() if value})
        return found
