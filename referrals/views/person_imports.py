"""The steps of an import of persons: upload, columns, preview with its choices, result, undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from referrals.forms.person_imports import ChoiceForm, PersonUploadForm
from referrals.middleware import CaseRequest
from referrals.models import PersonBatch
from referrals.models.person_batch import PersonPlan
from referrals.permissions import Door
from referrals.person_columns import OTHER_WRITINGS, PERSON_COLUMNS
from referrals.person_import import import_table, plan_of
from structures.imports.forms import ColumnsForm, RunForm
from structures.imports.views import download, steps
from structures.models import BatchState, CannotImport
from structures.pagination import page_of
from structures.spreadsheet import writing
from structures.spreadsheet.headings import Columns, unused
from structures.spreadsheet.reading import Unreadable

ROWS_SHOWN, BATCHES_SHOWN = 25, 20
PREFIX = "referrals:person_import"
OUTCOMES = {
    "refused": ("a-corriger", "À corriger"),
    "doubtful": ("a-decider", "À décider"),
    "added": ("nouvelles", "Nouvelles"),
    "completed": ("completees", "Complétées"),
    "left": ("laissees", "Laissées"),
}
"""Each outcome: its word in the address, and on the page."""
TOLD = {
    "added": ("à enregistrer", "enregistrée"),
    "completed": ("à compléter", "complétée"),
    "left": ("laissée de côté", "laissée de côté"),
}
"""What will become of a person, and what became of them."""


def _sum(counts: Mapping[str, int], *, done: bool) -> str:
    """« 3 personnes à enregistrer, 1 à compléter »; empty when there is nothing to say."""
    parts: list[str] = []
    for outcome, words in TOLD.items():
        if count := counts.get(outcome):
            noun = "" if parts else "personnes " if count > 1 else "personne "
            first, *rest = words[done].split(" ")
            word = " ".join([f"{first}s" if count > 1 and first.endswith("e") else first, *rest])
            parts.append(f"{count} {noun}{word}")
    return ", ".join(parts)


@require_http_methods(["GET", "HEAD", "POST"])
def person_import_list(request: CaseRequest) -> HttpResponse:
    """Upload a table, and see the former imports."""
    door = request.door
    door.require("import_persons")
    form = PersonUploadForm(request.POST, request.FILES) if request.method == "POST" else PersonUploadForm()
    if request.method == "POST" and form.is_valid() and door.structure is not None:
        table = form.cleaned_data["file"]
        try:
            batch = PersonBatch.objects.upload(door.structure, door.user, form.file_name, table, timezone.now())
        except Unreadable as error:
            form.add_error("file", str(error))
        else:
            known = all(batch.mapping.keys() & keys for keys, _ in batch.needed_columns)
            known = known and not unused(batch.headings, batch.mapping)
            return redirect(f"{PREFIX}_detail" if known else f"{PREFIX}_columns", pk=batch.pk)
    page = page_of(door.person_batches().listed(), ["-id"], request.GET.get("page", ""), BATCHES_SHOWN)
    address = reverse(f"{PREFIX}_list")
    context = {
        "form": form,
        "batches": [(batch, _sum(batch.counts or {}, done=True)) for batch in page.rows],
        "steps": steps(0, None, PREFIX),
        "days": PersonBatch.kept_for.days,
        "previous_url": f"{address}?page={page.previous}" if page.previous else "",
        "next_url": f"{address}?page={page.next}" if page.next else "",
    }
    return render(request, "referrals/person_imports/list.html", context, status=422 if form.errors else 200)


@require_safe
def person_import_model(request: CaseRequest, kind: str) -> FileResponse:
    """The table to fill in. Raises `Http404` for another format."""
    request.door.require("import_persons")
    if kind not in writing.TYPES:
        raise Http404
    columns = Columns(column for column in PERSON_COLUMNS if column.key not in OTHER_WRITINGS)
    return download(writing.model(kind, columns, "Personnes"), f"personnes-modele.{kind}", kind)


def _batch(request: CaseRequest, pk: int) -> PersonBatch:
    """The import, for who may import. Raises `Http404` and `PermissionDenied`."""
    batch = request.door.person_batch(pk)
    request.door.require("import_persons")
    return batch


def _settled(request: CaseRequest, batch: PersonBatch, refusal: CannotImport) -> HttpResponse:
    """Someone was quicker: lead to where the import is now."""
    messages.info(request, str(refusal))
    return redirect(f"{PREFIX}_detail", pk=batch.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def person_import_columns(request: CaseRequest, pk: int) -> HttpResponse:
    """Say what each column holds."""
    batch = _batch(request, pk)
    if batch.state != BatchState.UPLOADED:
        return _settled(request, batch, CannotImport("state"))
    form = ColumnsForm(request.POST if request.method == "POST" else None, batch=batch)
    if request.method == "POST" and form.is_valid():
        try:
            batch.map_columns(form.mapping)
        except CannotImport as refusal:
            return _settled(request, batch, refusal)
        return redirect(f"{PREFIX}_detail", pk=pk)
    context = {"batch": batch, "form": form, "steps": steps(1, batch, PREFIX), "list_url": reverse(f"{PREFIX}_list")}
    return render(request, "structures/imports/columns.html", context, status=422 if form.errors else 200)


@require_safe
def person_import_detail(request: CaseRequest, pk: int) -> HttpResponse:
    """The preview; once imported, the result."""
    batch = _batch(request, pk)
    if batch.state == BatchState.UPLOADED:
        return _preview(request, batch)
    return render(request, "referrals/person_imports/result.html", _result(request.door, batch))


def _result(door: Door, batch: PersonBatch) -> dict[str, Any]:
    """What the import did, and what its undoing left: names come from the files as they now stand."""
    told = batch.report.get("undo") or {}
    listed = told if told else {name: batch.report.get(name, []) for name in ("added", "completed")}
    keys = [pk for found in listed.values() for pk in found]
    persons = {str(one.pk): one for one in door.persons().filter(pk__in=keys).by_name()}
    counts = batch.report["counts"]
    return {
        "batch": batch,
        "steps": steps(3, batch, PREFIX),
        "sum": _sum(counts, done=True),
        "out": counts.get("refused", 0) + counts.get("doubtful", 0),
        "undo": told,
        "withdrawn": len(told.get("withdrawn", [])),
        "lists": [(name, [persons[pk] for pk in found if pk in persons]) for name, found in listed.items() if found],
    }


def _preview(request: CaseRequest, batch: PersonBatch, refusal: CannotImport | None = None) -> HttpResponse:
    plan = plan_of(request.door, batch, timezone.localdate())
    counts = plan.counts
    asked = request.GET.get("voir", "")
    named = next((outcome for outcome, (word, _) in OUTCOMES.items() if word == asked), "")
    chosen = named or next((outcome for outcome in OUTCOMES if counts.get(outcome)), "added")
    address = reverse(f"{PREFIX}_detail", kwargs={"pk": batch.pk})
    context = {
        "batch": batch,
        "steps": steps(2, batch, PREFIX),
        "sum": _sum({name: counts[name] for name in ("added", "completed")}, done=False),
        "tabs": [
            {"label": label, "url": f"{address}?voir={word}", "count": counts[name], "current": name == chosen}
            for name, (word, label) in OUTCOMES.items()
            if counts[name]
        ],
        "outcome": chosen,
        "tab": OUTCOMES[chosen][0],
        "written": counts["added"] + counts["completed"],
        "refused": counts["refused"],
        "doubtful": counts["doubtful"],
        "digest": plan.digest(),
        "unused": unused(batch.headings, batch.mapping),
        "refusal": str(refusal) if refusal else "",
        **_page_of_rows(request, f"{address}?voir={OUTCOMES[chosen][0]}", _rows(request.door, plan, chosen)),
    }
    return render(request, "referrals/person_imports/preview.html", context, status=409 if refusal else 200)


def _rows(door: Door, plan: PersonPlan, outcome: str) -> list[dict[str, Any]]:
    """The rows of one outcome; one that resembles somebody with the question to answer."""
    return [
        {"row": row, "form": ChoiceForm(row=row, door=door) if row.likely and not row.faults else None}
        for row in plan.of(outcome)
    ]


def _page_of_rows(request: CaseRequest, address: str, rows: Sequence[Any]) -> dict[str, Any]:
    page = Paginator(rows, ROWS_SHOWN).get_page(request.GET.get("page"))
    return {
        "rows": page.object_list,
        "summary": f"Page {page.number} sur {page.paginator.num_pages}",
        "previous_url": f"{address}&page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"{address}&page={page.next_page_number()}" if page.has_next() else "",
    }


@require_POST
def person_import_choose(request: CaseRequest, pk: int) -> HttpResponse:
    """Say whom the rows of a page are about."""
    door = request.door
    batch = _batch(request, pk)
    if batch.state != BatchState.UPLOADED:
        return _settled(request, batch, CannotImport("state"))
    forms = [
        ChoiceForm(request.POST, row=row, door=door)
        for row in plan_of(door, batch, timezone.localdate()).rows
        if row.likely and not row.faults and f"qui_{row.number}" in request.POST
    ]
    try:
        batch.choose({form.row.number: form.choice for form in forms if form.is_valid()})
    except CannotImport as refusal:
        return _settled(request, batch, refusal)
    return redirect(f"{PREFIX}_detail", pk=pk)


@require_POST
def person_import_run(request: CaseRequest, pk: int) -> HttpResponse:
    """Import what the preview said, then match the needs: this is how unmet needs are known without typing."""
    batch = _batch(request, pk)
    form = RunForm(request.POST)
    form.is_valid()
    seen, partly = form.cleaned_data.get("seen", ""), form.cleaned_data.get("partly", False)
    try:
        import_table(request.door, batch, timezone.now(), seen, partly=partly)
    except CannotImport as refusal:
        batch = _batch(request, pk)
        return _settled(request, batch, refusal) if refusal.code == "state" else _preview(request, batch, refusal)
    messages.success(request, "Import terminé. Vous pouvez l’annuler en entier depuis cette page.")
    return redirect(f"{PREFIX}_detail", pk=pk)


@require_POST
def person_import_undo(request: CaseRequest, pk: int) -> HttpResponse:
    """Take the whole import back."""
    batch = _batch(request, pk)
    try:
        batch.undo(request.door.actor, timezone.now())
    except CannotImport as refusal:
        return _settled(request, batch, refusal)
    messages.success(request, "Import annulé.")
    return redirect(f"{PREFIX}_detail", pk=pk)


@require_safe
def person_import_faults(request: CaseRequest, pk: int) -> FileResponse:
    """The rows to correct, in a table of their own, until it is imported. Raises `Http404` when there are none."""
    batch = _batch(request, pk)
    if batch.state != BatchState.UPLOADED:
        raise Http404
    rows = {row.number: row for row in batch.table_rows}
    refused = plan_of(request.door, batch, timezone.localdate()).of("refused")
    faulty = [(rows[row.number], row.faults) for row in refused]
    if not faulty:
        raise Http404
    return download(writing.to_correct(batch.headings, faulty), "personnes-a-corriger.xlsx", "xlsx")
