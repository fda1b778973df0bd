"""Pages of bulk actions: make a plan, read it, start it, watch it, undo it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from activity.bulk_forms import BulkForm
from activity.bulk_page import TONES, item_lines, percent_of, shown, title_of
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from integrations.bulk import (
    BulkStateError,
    ConfirmError,
    bulk_cancel,
    bulk_pause,
    bulk_plan_create,
    bulk_resume,
    bulk_start,
    bulk_undo,
)
from integrations.models import BulkRun, Target

PAGE_SIZE = 25


def run_or_404(request: TenantRequest, pk: UUID) -> BulkRun:
    runs = BulkRun.objects.for_account(request.account).select_related(
        "target__linked_account", "created_by", "account"
    )
    found: BulkRun = get_object_or_404(runs, pk=pk)
    return found


def note_down(request: TenantRequest, run: BulkRun, action: str, **more: Any) -> None:
    audit(
        request,
        account=request.account,
        action=f"bulk_run.{action}",
        subject=title_of(run),
        bulk_run=str(run.pk),
        contacts=run.plan.get("acts"),
        **more,
    )


def plan_made(request: TenantRequest, kind: str, what: dict[str, Any]) -> HttpResponse:
    """Have a plan made and go to its page."""
    return plan_of(request, kind, what, None)


def plan_of(
    request: TenantRequest, kind: str, what: dict[str, Any], most: int | None
) -> HttpResponse:
    target = None
    if what.get("target"):
        targets = Target.objects.for_account(request.account)
        target = targets.filter(pk=what["target"]).first()
    run = bulk_plan_create(
        account=request.account,
        kind=kind,
        what=what,
        target=target,
        most=most,
        by=request.user,
    )
    note_down(request, run, "plan", kind=kind, what=what, most=most)
    return redirect("bulk_run", request.account.slug, run.pk)


@require_safe
@requires(Role.VIEWER)
def bulk_runs(request: TenantRequest) -> HttpResponse:
    """All bulk actions, the newest first."""
    runs = BulkRun.objects.for_account(request.account)
    after = request.GET.get("after", "")
    try:
        found = runs.filter(pk__lt=UUID(after)) if after else runs
    except ValueError:
        found = runs
    page = list(
        found.select_related("target", "created_by").order_by("-id")[: PAGE_SIZE + 1]
    )
    rows = [
        (run, title_of(run), TONES.get(BulkRun.State(run.state), ""), percent_of(run))
        for run in page[:PAGE_SIZE]
    ]
    older = page[PAGE_SIZE - 1].pk if len(page) > PAGE_SIZE else ""
    context = {"rows": rows, "newest": not after, "older": older}
    return render(request, "activity/bulk_runs.html", context)


@requires(Role.MARKETER)
def bulk_new(request: TenantRequest) -> HttpResponse:
    """Choose what a bulk action is about; nothing is sent before its plan was seen."""
    if request.method != "POST":
        form = BulkForm(account=request.account, initial=request.GET.dict())
        return render(request, "activity/bulk_new.html", {"form": form})
    form = BulkForm(request.POST, account=request.account)
    if form.is_valid() and form.count():
        given = form.cleaned_data
        return plan_of(request, given["kind"], form.what(), given["most"])
    if form.is_valid():
        form.add_error(None, "No delivery fits these filters: there is nothing to do.")
    return render(request, "activity/bulk_new.html", {"form": form}, status=422)


@require_safe
@requires(Role.VIEWER)
def bulk_run(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The plan, the progress, the result; and the buttons that fit."""
    return page_of(request, run_or_404(request, pk))


def page_of(
    request: TenantRequest, run: BulkRun, *, error: str = "", status: int = 200
) -> HttpResponse:
    context = {"shown": shown(run), "run": run, "error": error}
    name = "activity/bulk_state.html" if request.htmx else "activity/bulk_run.html"
    return render(request, name, context, status=status)


@require_safe
@requires(Role.VIEWER)
def bulk_items(request: TenantRequest, pk: UUID) -> Any:
    """The run's contacts as CSV; with ?undone=not those that could not be undone."""
    run = run_or_404(request, pk)
    only = request.GET.get("undone") == "not"
    note_down(request, run, "exported", only_not_undone=only)
    name = f"bulk-{run.kind}-{run.created_at:%Y-%m-%d}{'-not-undone' if only else ''}"
    return StreamingHttpResponse(
        item_lines(run, only_not_undone=only),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def typed(request: TenantRequest) -> int | None:
    """The number of contacts that the person typed, as people write it."""
    text = request.POST.get("confirm", "").replace(",", "").replace(" ", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def confirmed(
    request: TenantRequest, pk: UUID, action: str, change: Callable[..., None]
) -> HttpResponse:
    """Start or undo: what the guard stops is asked for once more."""
    run, number = run_or_404(request, pk), typed(request)
    try:
        change(run=run, confirm=number)
    except ConfirmError as error:
        said = f"Type {error.count:,} to confirm: the number of contacts."
        return page_of(request, run, error=said, status=422)
    except BulkStateError as error:
        messages.error(request, str(error))
    else:
        if number is not None:
            note_down(request, run, "confirm", what=action, confirmed=number)
        note_down(request, run, action)
    return redirect("bulk_run", request.account.slug, pk)


@require_POST
@requires(Role.MARKETER)
def bulk_start_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    def start(*, run: BulkRun, confirm: int | None) -> None:
        bulk_start(run=run, confirm=confirm, by=str(request.user))

    return confirmed(request, pk, "start", start)


@require_POST
@requires(Role.MARKETER)
def bulk_undo_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    return confirmed(request, pk, "undo", bulk_undo)


def changed(
    request: TenantRequest, pk: UUID, action: str, change: Callable[..., Any], said: str
) -> HttpResponse:
    run = run_or_404(request, pk)
    try:
        change(run=run)
    except BulkStateError as error:
        messages.error(request, str(error))
    else:
        note_down(request, run, action)
        messages.success(request, said)
    return redirect("bulk_run", request.account.slug, pk)


@require_POST
@requires(Role.MARKETER)
def bulk_pause_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    return changed(
        request, pk, "pause", bulk_pause, "Paused. What is queued already is sent."
    )


@require_POST
@requires(Role.MARKETER)
def bulk_resume_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    return changed(request, pk, "resume", bulk_resume, "It goes on.")


@require_POST
@requires(Role.MARKETER)
def bulk_cancel_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    said = "Cancelled. What waited is as it was before, and what was sent stays sent."
    return changed(request, pk, "cancel", bulk_cancel, said)
