"""List Hygiene > Filter policy: the categories, and the account's own lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from hygiene.entries import (
    MOST_BYTES,
    MOST_ENTRIES,
    EntryError,
    FullError,
    ImportRefused,
    Kind,
    RowError,
    entries_export,
    entries_found,
    entries_import,
    entry_add,
    entry_remove,
    export_note,
    shown,
    warning,
)
from hygiene.facts import wide_loaded
from hygiene.forms import (
    EntryForm,
    ImportForm,
    PolicyForm,
    initial_of,
    preselected,
)
from hygiene.models import ListEntry
from hygiene.services import Author, policy_save, settings_of

PER_PAGE = 50
FULL = f"The lists are full: together they hold at most {MOST_ENTRIES:,} entries."


@requires(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def hygiene_policy(request: TenantRequest) -> HttpResponse:
    if request.method == "POST" and request.membership.role < Role.ADMIN:
        return render(request, "403.html", {"needed": Role.ADMIN}, status=403)
    asked = preselected(request.GET.dict())
    stored = initial_of(settings_of(request.account), inherits=False)
    form = PolicyForm(request.POST or None, initial=stored | asked)
    if request.method == "POST" and form.is_valid():
        settings = form.settings()
        by = Author.of(request)
        if policy_save(account=request.account, settings=settings, by=by):
            messages.success(request, "The filter policy is saved.")
        else:
            messages.info(request, "Nothing was changed.")
        return redirect("hygiene_policy", request.account.slug)
    if display := display_asked(request):
        return redirect(display)
    differs = any(stored[name] != value for name, value in asked.items())
    context = {"form": form, "asked": differs, "wide": wide_loaded()}
    status = 422 if form.errors else 200
    return render(request, "hygiene/policy.html", context, status=status)


def display_asked(request: TenantRequest) -> str:
    """Where a link that names a display leads: its own policy is another page."""
    asked = request.GET.dict()
    try:
        pk = UUID(asked.pop("display", ""))
    except ValueError:
        return ""
    url = reverse("display_hygiene", args=[request.account.slug, pk])
    return f"{url}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the lists; ``before`` is the id that the next one starts below."""

    rows: list[ListEntry]
    kind: str
    q: str
    newest: bool
    before: str = ""
    total: int = 0

    @property
    def query(self) -> str:
        chosen = {"kind": self.kind, "q": self.q}
        return urlencode({name: value for name, value in chosen.items() if value})


def asked_for(request: TenantRequest) -> tuple[str, str]:
    """Which list, and what its entries have to hold."""
    kind = request.GET.get("kind", "")
    q = request.GET.get("q", "").replace("\x00", "").strip()[:320]
    return kind if kind in Kind.values else "", q


def page_of(request: TenantRequest) -> Page:
    kind, q = asked_for(request)
    found = entries_found(request.account, kind, q)
    total = found.count()
    newest = True
    try:
        found = found.filter(pk__lt=UUID(request.GET.get("before", "")))
        newest = False
    except ValueError:
        pass
    rows = list(found.select_related("added_by").order_by("-id")[: PER_PAGE + 1])
    for row in rows:
        row.shown = shown(row.scope, row.value)
        row.tone = "ok" if row.kind == Kind.ALLOW else "bad"
    more = len(rows) > PER_PAGE
    before = str(rows[PER_PAGE - 1].pk) if more else ""
    return Page(rows[:PER_PAGE], kind, q, newest, before, total)


def entries_page(
    request: TenantRequest, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "page": page_of(request),
        "add": EntryForm(),
        "upload": ImportForm(),
        "kinds": (
            ("", "All"),
            (Kind.ALLOW, "Always accept"),
            (Kind.DENY, "Never accept"),
        ),
    }
    return render(request, "hygiene/entries.html", context | more, status=status)


def to_entries(request: TenantRequest) -> HttpResponse:
    return redirect("hygiene_entries", request.account.slug)


@requires(Role.VIEWER)
@require_safe
def hygiene_entries(request: TenantRequest) -> HttpResponse:
    return entries_page(request)


@requires(Role.MARKETER)
@require_POST
def hygiene_entry_add(request: TenantRequest) -> HttpResponse:
    form = EntryForm(request.POST)
    if not form.is_valid():
        return entries_page(request, 422, add=form)
    try:
        entry, _ = entry_add(
            account=request.account, by=Author.of(request), **form.cleaned_data
        )
    except EntryError as error:
        form.add_error("value", str(error))
        return entries_page(request, 422, add=form)
    except FullError:
        form.add_error(None, FULL)
        return entries_page(request, 422, add=form)
    does = (
        "accepted from now on" if entry.kind == Kind.ALLOW else "rejected from now on"
    )
    messages.success(request, f"{shown(entry.scope, entry.value)} is {does}.")
    if text := warning(entry.kind, entry.scope, entry.value):
        messages.warning(request, text)
    return to_entries(request)


@requires(Role.MARKETER)
@require_POST
def hygiene_entry_remove(request: TenantRequest, pk: UUID) -> HttpResponse:
    mine = ListEntry.objects.for_account(request.account)
    entry = get_object_or_404(mine, pk=pk)
    entry_remove(account=request.account, entry=entry, by=Author.of(request))
    name = shown(entry.scope, entry.value)
    messages.success(request, f"{name} is off the list and judged like any other.")
    return to_entries(request)


@requires(Role.MARKETER)
@require_POST
def hygiene_entries_import(request: TenantRequest) -> HttpResponse:
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return entries_page(request, 422, upload=form)
    file = form.cleaned_data["file"]
    try:
        done = entries_import(
            account=request.account,
            data=file.read(MOST_BYTES + 1),
            kind=form.cleaned_data["kind"],
            by=Author.of(request),
            name=file.name,
        )
    except ImportRefused as refused:
        return entries_page(request, 422, upload=form, refused=refused)
    except FullError:
        full = ImportRefused([RowError(0, FULL)])
        return entries_page(request, 422, upload=form, refused=full)
    said = [f"{done.added:,} added"]
    said += [f"{done.moved:,} moved from the other list"] if done.moved else []
    said += [f"{done.unchanged:,} there already"] if done.unchanged else []
    messages.success(request, f"Imported: {', '.join(said)}.")
    for text in done.warnings:
        messages.warning(request, text)
    return to_entries(request)


@requires(Role.VIEWER)
@require_safe
def hygiene_entries_export(request: TenantRequest) -> Any:
    kind, q = asked_for(request)
    export_note(request.account, Author.of(request), kind, q)
    return csv_answer(entries_export(request.account, kind, q))


def csv_answer(lines: Any) -> StreamingHttpResponse:
    headers = {
        "Content-Disposition": 'attachment; filename="filter-lists.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(
        lines, content_type="text/csv; charset=utf-8", headers=headers
    )
