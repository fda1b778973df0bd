"""Pages of an import: choose where a cleaned list goes, and watch it go."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from connections.forms import Draft, Editor, checked, draft_of, open_editor
from connections.models import ListImport
from connections.services import (
    ImportStateError,
    import_cancel,
    import_create,
    import_pause,
    import_resume,
)
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.jobs import OPEN
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from hygiene.cleaning import words
from hygiene.models import CleaningRun
from hygiene.verdict import Category
from integrations.adapters.errors import Reason
from integrations.models import Delivery, State

TONES = {
    State.SYNCED: "ok",
    State.REJECTED: "bad",
    State.FAILED: "bad",
    State.HELD: "warn",
    State.AWAITING_OPT_IN: "warn",
}


WHY = {
    Reason.SUPPRESSED.value: "on your suppression list",
    Reason.NO_CONSENT.value: "refused when they were asked",
    **{
        f"filter.{category}": f"{words.TALLIES[category][0]}, as the filter judges now"
        for category in Category
    },
}


def import_or_404(request: TenantRequest, pk: UUID) -> ListImport:
    imports = ListImport.objects.for_account(request.account)
    found: ListImport = get_object_or_404(
        imports.select_related("target__linked_account", "run", "created_by").defer(
            "run__policy"
        ),
        pk=pk,
    )
    return found


@requires(Role.MARKETER)
def list_import_new(request: TenantRequest, run: UUID) -> HttpResponse:
    """Choose account, audience, mapping; ``do`` says which button was pressed."""
    runs = CleaningRun.objects.for_account(request.account).defer("policy")
    found = get_object_or_404(runs, pk=run)
    draft = draft_of(request.POST) if request.method == "POST" else Draft()
    action = request.POST.get("do", "")
    editor = open_editor(request.account, found, draft, fresh=action == "refresh")
    if action != "start":
        return show(request, editor)
    settings = checked(editor)
    if settings is None:
        return show(request, editor, status=422)
    try:
        job = import_create(run=found, settings=settings, by=request.user)
    except ImportStateError as error:
        draft.errors["list"] = str(error)
        return show(request, editor, status=409)
    note_down(request, job, "start")
    messages.success(request, "The import has started. You can leave this page.")
    return redirect("list_import", request.account.slug, job.pk)


def show(request: TenantRequest, editor: Editor, status: int = 200) -> HttpResponse:
    earlier = ListImport.objects.for_account(request.account).filter(run=editor.run)
    context = {
        "editor": editor,
        "draft": editor.draft,
        "run": editor.run,
        "earlier": earlier.select_related("target__linked_account").order_by("-id"),
    }
    name = "connections/import_form.html" if request.htmx else "connections/new.html"
    return render(request, name, context, status=status)


def left_out(job: ListImport) -> list[tuple[str, int]]:
    """Why people of the list get nothing, in words, and how many."""
    return [(WHY.get(code, code), count) for code, count in sorted(job.skipped.items())]


@requires(Role.VIEWER)
def list_import(request: TenantRequest, pk: UUID) -> HttpResponse:
    """How far it is, and what became of the people."""
    job = import_or_404(request, pk)
    counted = dict(
        Delivery.objects.for_account(request.account)
        .filter(target_id=job.target_id)
        .order_by()
        .values_list("state")
        .annotate(n=Count("*"))
    )
    states = [
        (State(state).label, TONES.get(State(state), ""), state, counted[state])
        for state in State.values
        if counted.get(state)
    ]
    waits = sum(counted.get(each, 0) for each in (State.PENDING, State.SENDING))
    context = {
        "job": job,
        "states": states,
        "left_out": left_out(job),
        "waits": waits,
        "live": job.status in OPEN or (waits and job.status != "paused"),
        "can_stop": job.status in (*OPEN, ListImport.Status.PAUSED),
    }
    name = "connections/progress.html" if request.htmx else "connections/import.html"
    return render(request, name, context)


@requires(Role.MARKETER)
@require_POST
def list_import_pause(request: TenantRequest, pk: UUID) -> HttpResponse:
    job = import_or_404(request, pk)
    return change(
        request, job, "pause", "Paused. What is queued already is still sent."
    )


@requires(Role.MARKETER)
@require_POST
def list_import_resume(request: TenantRequest, pk: UUID) -> HttpResponse:
    return change(request, import_or_404(request, pk), "resume", "The import goes on.")


@requires(Role.MARKETER)
@require_POST
def list_import_cancel(request: TenantRequest, pk: UUID) -> HttpResponse:
    said = "Cancelled. Who was sent already stays in the audience."
    return change(request, import_or_404(request, pk), "cancel", said)


CHANGES = {"pause": import_pause, "resume": import_resume, "cancel": import_cancel}


def change(
    request: TenantRequest, job: ListImport, what: str, said: str
) -> HttpResponse:
    try:
        CHANGES[what](job=job)
    except ImportStateError as error:
        messages.error(request, str(error))
    else:
        note_down(request, job, what)
        messages.success(request, said)
    return redirect("list_import", request.account.slug, job.pk)


def note_down(request: TenantRequest, job: ListImport, action: str) -> None:
    audit(
        request,
        account=request.account,
        action=f"list_import.{action}",
        subject=str(job),
        list_import=str(job.pk),
        linked_account=str(job.target.linked_account_id),
        audience=job.target.audience_id,
        consent=job.consent if action == "start" else "",
    )
