"""Clean your email list: upload, choose columns, watch, look at the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role, TenantQuerySet
from contactsync.tenancy.services import audit
from hygiene.cleaning import export, services, upload
from hygiene.cleaning.forms import ColumnsForm, ReadingForm, UploadForm
from hygiene.cleaning.shown import list_context, run_context
from hygiene.models import CleaningRun

FORM_BYTES = 64 * 1024
"""What a multipart form adds to the file, at most."""


def run_of(request: TenantRequest, pk: UUID) -> CleaningRun:
    runs: TenantQuerySet = CleaningRun.objects.for_account(request.account).defer(
        "policy"
    )
    found: CleaningRun = get_object_or_404(runs, pk=pk)
    return found


@require_safe
@requires(Role.VIEWER)
def cleaning_runs(request: TenantRequest) -> HttpResponse:
    """The account's lists, newest first."""
    return render(request, "hygiene_cleaning/runs.html", list_context(request))


# The token is checked inside: outside, everybody's file would be taken in to find it.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MARKETER)
def cleaning_new(request: TenantRequest) -> HttpResponse:
    """Upload a file, or paste addresses."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > upload.MAX_BYTES + FORM_BYTES:
        return _upload_page(request, _refused("file", str(upload.TooLarge())), 413)
    try:
        request.POST.get("text")  # read the form now, while it can be answered
    except RequestDataTooBig:
        sentence = "This is more than 2 MB. Save it as a file and upload that."
        return _upload_page(request, _refused("text", sentence), 413)
    return _take(request)


@csrf_protect
def _take(request: TenantRequest) -> HttpResponse:
    if request.method != "POST":
        return _upload_page(request, UploadForm(), 200)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _upload_page(request, form, 422)
    file = form.cleaned_data["file"]
    blocks = _blocks(file) if file else [form.cleaned_data["text"].encode()]
    try:
        taken = upload.receive(blocks)
    except upload.Refused as refused:
        form.add_error("file" if file else "text", str(refused))
        return _upload_page(request, form, 422)
    run = upload.store(
        taken,
        account=request.account,
        filename=file.name if file else "pasted.csv",
        by=request.user,
    )
    _audit(request, run, "uploaded", bytes=run.size)
    return _lead(request, reverse("cleaning_columns", args=_args(request, run)))


def _blocks(file: Any) -> Iterator[bytes]:
    yield from file.chunks(upload.PIECE)


def _refused(field: str, sentence: str) -> UploadForm:
    form = UploadForm({"text": "-"})
    form.is_valid()
    form.add_error(field, sentence)
    return form


def _upload_page(request: TenantRequest, form: UploadForm, status: int) -> HttpResponse:
    context = {
        "form": form,
        "max_bytes": upload.MAX_BYTES,
        "keep_days": services.KEEP_DAYS,
    }
    return render(request, "hygiene_cleaning/new.html", context, status=status)


def _args(request: TenantRequest, run: CleaningRun) -> list[Any]:
    return [request.account.slug, run.pk]


def _lead(request: TenantRequest, url: str) -> HttpResponse:
    """To another page, also from a request that htmx made."""
    if request.htmx:
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _audit(request: TenantRequest, run: CleaningRun, what: str, **more: Any) -> None:
    audit(
        request,
        account=request.account,
        action=f"cleaning.{what}",
        subject=run.filename,
        **more,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Role.MARKETER)
def cleaning_columns(request: TenantRequest, pk: UUID) -> HttpResponse:
    """How to read the file, and which column holds the addresses. Then start."""
    run = run_of(request, pk)
    if run.status not in services.STARTABLE:
        return redirect("cleaning_run", *_args(request, run))
    asked = ReadingForm(request.POST if request.method == "POST" else request.GET)
    shown = services.look(run, **asked.chosen())
    form = ColumnsForm(shown, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.start(run, form.choices())
        except services.NotNow as error:
            messages.error(request, str(error))
        else:
            _audit(request, run, "started")
        return redirect("cleaning_run", *_args(request, run))
    context = {
        "run": run,
        "form": form,
        "reading": ReadingForm.showing(shown),
        "preview": shown,
        "lines": services.lines_in(run),
    }
    status = 422 if form.errors else 200
    return render(request, "hygiene_cleaning/columns.html", context, status=status)


@require_safe
@requires(Role.VIEWER)
def cleaning_run(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Progress while it works, the result as soon as there is one."""
    run = run_of(request, pk)
    if run.status == CleaningRun.Status.UPLOADED and may_change(request):
        return redirect("cleaning_columns", *_args(request, run))
    if request.htmx and request.GET.get("was"):
        if request.GET["was"] != run.status:
            return HttpResponse(headers={"HX-Refresh": "true"})
        template = "hygiene_cleaning/run.html#progress"
    else:
        template = "hygiene_cleaning/run.html"
    return render(request, template, run_context(request, run))


def may_change(request: TenantRequest) -> bool:
    return request.membership.role >= Role.MARKETER


def _act(request: TenantRequest, pk: UUID, what: str, past: str) -> HttpResponse:
    run = run_of(request, pk)
    try:
        services.ACTIONS[what](run)
    except services.NotNow as error:
        messages.error(request, str(error))
    else:
        _audit(request, run, past)
    return redirect("cleaning_run", *_args(request, run))


@require_POST
@requires(Role.MARKETER)
def cleaning_pause(request: TenantRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, "pause", "paused")


@require_POST
@requires(Role.MARKETER)
def cleaning_resume(request: TenantRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, "resume", "resumed")


@require_POST
@requires(Role.MARKETER)
def cleaning_cancel(request: TenantRequest, pk: UUID) -> HttpResponse:
    return _act(request, pk, "cancel", "cancelled")


@require_POST
@requires(Role.MARKETER)
def cleaning_delete(request: TenantRequest, pk: UUID) -> HttpResponse:
    run = run_of(request, pk)
    services.delete(run)
    _audit(request, run, "deleted", rows=run.rows_done)
    messages.success(request, f"{run.filename} and its result are deleted.")
    return redirect("cleaning_runs", request.account.slug)


@require_safe
@requires(Role.VIEWER)
def cleaning_download(request: TenantRequest, pk: UUID) -> Any:
    """A file of the result. What leaves the house is written down."""
    run = run_of(request, pk)
    name = request.GET.get("file", "clean")
    which = export.Which(name) if name in set(export.Which) else export.Which.CLEAN
    plain = which is export.Which.CLEAN and request.GET.get("details") != "1"
    _audit(request, run, "downloaded", file=which.value)
    return export.response(
        run, which, bom=request.GET.get("bom") != "0", details=not plain
    )
