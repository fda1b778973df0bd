"""Account > Integrations: the linked accounts and what can be linked."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from integrations import linking
from integrations.adapters import ADAPTERS
from integrations.models import LinkedAccount
from integrations.providers import directory
from integrations.rows import rows_of
from integrations.services import linked_account_pause, linked_account_resume
from integrations.votes import voted


def linked_or_404(request: TenantRequest, pk: UUID) -> LinkedAccount:
    """The tenant's linked account; 404 for a stranger's or an unlinked one."""
    known = LinkedAccount.objects.for_account(request.account)
    linked: LinkedAccount = get_object_or_404(
        known, pk=pk, provider__in=ADAPTERS, removed_at=None
    )
    return linked


def back_to(
    request: TenantRequest, linked: LinkedAccount | None = None
) -> HttpResponse:
    """To the list, at the row of ``linked``."""
    url = reverse("linked_accounts", args=[request.account.slug])
    return redirect(f"{url}#account-{linked.pk}" if linked else url)


@requires(Role.VIEWER)
@require_safe
def linked_accounts(request: TenantRequest) -> HttpResponse:
    rows = rows_of(request.account)
    query = request.GET.get("q", "")[:80]
    return render(
        request,
        "integrations/linked_accounts.html",
        {
            "rows": rows,
            "broken": sum(row.tone == "bad" for row in rows),
            "query": query,
            "groups": directory(query),
            "votes": voted(request.account),
        },
    )


@requires(Role.ADMIN)
@require_POST
def linked_account_test(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Test Account: the reading stays in the row."""
    linked = linked_or_404(request, pk)
    reading = linking.run_test(request, linked)
    if request.htmx:
        row = rows_of(request.account, only=linked.pk)[0]
        return render(
            request, "integrations/linked_accounts.html#row", {"row": row, "now": True}
        )
    say = messages.success if reading.ok else messages.error
    say(request, f"{linked.label} tested: {reading.title}")
    return back_to(request, linked)


@requires(Role.ADMIN)
@require_POST
def linked_accounts_test(request: TenantRequest) -> HttpResponse:
    readings, left = linking.run_all_tests(request)
    good = sum(reading.ok for reading in readings)
    text = f"{good} of {len(readings)} tested accounts are connected."
    if left:
        text += f" A provider was slow, so {left} not tested yet: press Test all again."
    say = messages.success if good == len(readings) and not left else messages.warning
    say(request, text)
    return back_to(request)


@requires(Role.ADMIN)
@require_POST
def linked_account_pause_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    linked = linked_or_404(request, pk)
    if linked_account_pause(linked):
        linking.note_down(request, linked, "pause")
        messages.success(request, f"{linked.label} is paused. New signups wait here.")
    return back_to(request, linked)


@requires(Role.ADMIN)
@require_POST
def linked_account_resume_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    linked = linked_or_404(request, pk)
    if linked_account_resume(linked):
        linking.note_down(request, linked, "resume")
        messages.success(request, f"{linked.label} sends again, and what waited too.")
    return back_to(request, linked)
