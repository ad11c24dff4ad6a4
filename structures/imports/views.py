"""The steps of an import: upload, columns, preview, result, undo."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from structures.door import DoorRequest
from structures.imports.forms import ColumnsForm, RunForm, UploadForm
from structures.models import Action, BatchState, CannotImport, ImportBatch
from structures.models.table_batch import TableBatch
from structures.pagination import page_of
from structures.spreadsheet import writing
from structures.spreadsheet.columns import COLUMNS
from structures.spreadsheet.headings import unused
from structures.spreadsheet.plan import Fault, Plan
from structures.spreadsheet.reading import Unreadable

ROWS_SHOWN, BATCHES_SHOWN = 25, 20
OUTCOMES = {
    "refused": ("a-corriger", "À corriger"),
    "added": ("ajoutees", "Ajoutées"),
    "changed": ("modifiees", "Modifiées"),
    "unchanged": ("inchangees", "Inchangées"),
}
"""Each outcome: its word in the address, and on the page."""
TOLD = {
    "added": ("à ajouter", "ajoutée"),
    "changed": ("à modifier", "modifiée"),
    "unchanged": ("inchangée", "inchangée"),
}
"""What will become of an action, and what became of it."""


def steps(
    current: int, batch: TableBatch | None = None, addresses_of: str = "structures:import"
) -> list[dict[str, str]]:
    """The way through an import; what is behind can be gone back to until it is imported.

    `addresses_of` begins the names of its addresses.
    """
    opens = batch is not None and batch.state == BatchState.UPLOADED
    addresses = ["", "", ""]
    if batch is not None and opens:
        own = {"pk": batch.pk}
        addresses = [
            reverse(f"{addresses_of}_list"),
            reverse(f"{addresses_of}_columns", kwargs=own),
            reverse(f"{addresses_of}_detail", kwargs=own),
        ]
    found = []
    for number, (label, url) in enumerate(zip(("Fichier", "Colonnes", "Aperçu"), addresses, strict=True)):
        state = "current" if number == current else "done" if number < current else "todo"
        found.append({"label": label, "url": url if state == "done" else "", "state": state})
    return [*found, {"label": "Résultat", "url": "", "state": "current" if current == 3 else "todo"}]


@require_http_methods(["GET", "HEAD", "POST"])
def import_list(request: DoorRequest) -> HttpResponse:
    """Upload a table, and see the former imports."""
    door = request.door
    door.require("import_actions")
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid() and door.structure is not None:
        table = form.cleaned_data["file"]
        try:
            batch = ImportBatch.objects.upload(door.structure, door.user, form.file_name, table, timezone.now())
        except Unreadable as error:
            form.add_error("file", str(error))
        else:
            known = "name" in batch.mapping and not unused(batch.headings, batch.mapping)
            return redirect("structures:import_detail" if known else "structures:import_columns", pk=batch.pk)
    page = page_of(door.imports().listed(), ["-id"], request.GET.get("page", ""), BATCHES_SHOWN)
    address = reverse("structures:import_list")
    context = {
        "form": form,
        "batches": [(batch, _sum(batch.counts or {}, done=True)) for batch in page.rows],
        "steps": steps(0),
        "previous_url": f"{address}?page={page.previous}" if page.previous else "",
        "next_url": f"{address}?page={page.next}" if page.next else "",
    }
    return render(request, "structures/imports/list.html", context, status=422 if form.errors else 200)


@require_safe
def import_model(request: DoorRequest, kind: str) -> FileResponse:
    """The table to fill in."""
    request.door.require("import_actions")
    if kind not in writing.TYPES:
        raise Http404
    return download(writing.model(kind, COLUMNS, "Actions"), f"actions-modele.{kind}", kind)


def _batch(request: DoorRequest, pk: int) -> ImportBatch:
    """The import, for who may import. Raises `Http404` and `PermissionDenied`."""
    batch = request.door.batch(pk)
    request.door.require("import_actions", batch)
    return batch


@require_http_methods(["GET", "HEAD", "POST"])
def import_columns(request: DoorRequest, pk: int) -> HttpResponse:
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
        return redirect("structures:import_detail", pk=pk)
    context = {"batch": batch, "form": form, "steps": steps(1, batch), "list_url": reverse("structures:import_list")}
    return render(request, "structures/imports/columns.html", context, status=422 if form.errors else 200)


@require_safe
def import_detail(request: DoorRequest, pk: int) -> HttpResponse:
    """The preview; once imported, the result."""
    batch = _batch(request, pk)
    if batch.state == BatchState.UPLOADED:
        return _preview(request, batch)
    counts = batch.report["counts"]
    chosen = _chosen(request, counts)
    lines = batch.report.get(chosen, [])
    shown = _page_of_rows(request, batch, chosen, lines)
    slugs = [line["slug"] for line in shown["rows"]]
    context = {
        "batch": batch,
        "steps": steps(3, batch),
        "sum": _sum(counts, done=True),
        "refused": counts.get("refused", 0),
        "tabs": _tabs(batch, counts, chosen, without=("unchanged",)),
        "outcome": chosen,
        "undo": batch.report.get("undo"),
        "found": set(Action.objects.published().filter(slug__in=slugs).values_list("slug", flat=True)),
        **shown,
    }
    return render(request, "structures/imports/result.html", context)


def _preview(request: DoorRequest, batch: ImportBatch, refusal: CannotImport | None = None) -> HttpResponse:
    plan = batch.plan()
    counts = plan.counts
    chosen = _chosen(request, counts)
    written = counts["added"] + counts["changed"]
    context = {
        "batch": batch,
        "steps": steps(2, batch),
        "sum": _sum(counts, done=False),
        "tabs": _tabs(batch, counts, chosen),
        "outcome": chosen,
        "written": written,
        "refused": counts["refused"],
        "digest": plan.digest(),
        "unused": unused(batch.headings, batch.mapping),
        "refusal": str(refusal) if refusal else "",
        "found": set(),
        **_page_of_rows(request, batch, chosen, plan.of(chosen)),
    }
    return render(request, "structures/imports/preview.html", context, status=409 if refusal else 200)


def _sum(counts: Mapping[str, int], *, done: bool) -> str:
    """« 3 actions à ajouter, 1 à modifier » or « 3 actions ajoutées, 1 modifiée »; empty when all is refused."""
    parts: list[str] = []
    for outcome, words in TOLD.items():
        if count := counts.get(outcome):
            word = words[done]
            noun = "" if parts else "actions " if count > 1 else "action "
            parts.append(f"{count} {noun}{word}{'s' if count > 1 and word.endswith('e') else ''}")
    return ", ".join(parts)


def _chosen(request: DoorRequest, counts: Mapping[str, int]) -> str:
    """The outcome asked for in the address; else the first that has rows, what is to be corrected before all."""
    asked = request.GET.get("voir", "")
    named = next((outcome for outcome, (word, _) in OUTCOMES.items() if word == asked), "")
    return named or next((outcome for outcome in OUTCOMES if counts.get(outcome)), "unchanged")


def _tabs(batch: ImportBatch, counts: Mapping[str, int], chosen: str, without: Sequence[str] = ()) -> list[dict]:
    address = reverse("structures:import_detail", kwargs={"pk": batch.pk})
    return [
        {"label": label, "url": f"{address}?voir={word}", "count": counts[outcome], "current": outcome == chosen}
        for outcome, (word, label) in OUTCOMES.items()
        if counts.get(outcome) and outcome not in without
    ]


def _page_of_rows(request: DoorRequest, batch: ImportBatch, chosen: str, rows: Sequence[Any]) -> dict[str, Any]:
    """Some rows, and the links to those before and after. A page that does not exist is the nearest one."""
    page = Paginator(rows, ROWS_SHOWN).get_page(request.GET.get("page"))
    address = f"{reverse('structures:import_detail', kwargs={'pk': batch.pk})}?voir={OUTCOMES[chosen][0]}"
    return {
        "rows": page.object_list,
        "summary": f"Page {page.number} sur {page.paginator.num_pages}",
        "previous_url": f"{address}&page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"{address}&page={page.next_page_number()}" if page.has_next() else "",
    }


@require_POST
def import_run(request: DoorRequest, pk: int) -> HttpResponse:
    """Import what the preview said."""
    batch = _batch(request, pk)
    form = RunForm(request.POST)
    form.is_valid()
    try:
        batch.import_rows(
            timezone.now(),
            form.cleaned_data.get("seen", ""),
            partly=form.cleaned_data.get("partly", False),
            user=request.door.user,
        )
    except CannotImport as refusal:
        batch = _batch(request, pk)
        return _settled(request, batch, refusal) if refusal.code == "state" else _preview(request, batch, refusal)
    messages.success(request, "Import terminé. Vous pouvez l’annuler en entier depuis cette page.")
    return redirect("structures:import_detail", pk=pk)


@require_POST
def import_undo(request: DoorRequest, pk: int) -> HttpResponse:
    """Take the whole import back."""
    batch = _batch(request, pk)
    try:
        batch.undo(timezone.now(), user=request.door.user)
    except CannotImport as refusal:
        return _settled(request, batch, refusal)
    messages.success(request, "Import annulé.")
    return redirect("structures:import_detail", pk=pk)


def _settled(request: DoorRequest, batch: ImportBatch, refusal: CannotImport) -> HttpResponse:
    """Someone was quicker: lead to where the import is now."""
    messages.info(request, str(refusal))
    return redirect("structures:import_detail", pk=batch.pk)


@require_safe
def import_faults(request: DoorRequest, pk: int) -> FileResponse:
    """The rows to correct, in a table of their own. Raises `Http404` when there are none, or no longer."""
    batch = _batch(request, pk)
    found = _faults(batch.plan()) if batch.state == BatchState.UPLOADED else _told_faults(batch)
    rows = {row.number: row for row in batch.table_rows}
    faulty = [(rows[number], faults) for number, faults in found.items() if number in rows]
    if not faulty:
        raise Http404
    return download(writing.to_correct(batch.headings, faulty), "actions-a-corriger.xlsx", "xlsx")


def _faults(plan: Plan) -> dict[int, list[Fault]]:
    return {row.number: row.faults for row in plan.of("refused")}


def _told_faults(batch: ImportBatch) -> dict[int, list[Fault]]:
    return {line["number"]: [Fault(**fault) for fault in line["faults"]] for line in batch.report.get("refused", [])}


def download(content: bytes, name: str, kind: str) -> FileResponse:
    """A table as a file that the browser saves."""
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type=writing.TYPES[kind])
