"""Account > Integrations > what comes back: how, and what follows from it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from integrations import changes, reconcile
from integrations.flow_back import policy_save
from integrations.flow_back_form import BackForm
from integrations.flow_back_page import back_of, books_of
from integrations.linking import note_down
from integrations.views import linked_or_404
from integrations.waker import comparer, looker


@requires(Role.VIEWER)
@require_http_methods(["GET", "HEAD"])
def linked_account_back(request: TenantRequest, pk: UUID) -> HttpResponse:
    linked = linked_or_404(request, pk)
    return page(request, pk, BackForm.of(linked))


@requires(Role.ADMIN)
@require_POST
def linked_account_back_save(request: TenantRequest, pk: UUID) -> HttpResponse:
    linked = linked_or_404(request, pk)
    form = BackForm(request.POST)
    if not form.is_valid():
        return page(request, pk, form, status=422)
    if changed := policy_save(linked=linked, **form.cleaned_data):
        note_down(request, linked, "flow_back", **changed)
    messages.success(request, "Saved.")
    return redirect("linked_account_back", request.account.slug, pk)


@requires(Role.ADMIN)
@require_POST
def linked_account_look(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Look for changes now, and not when it is time for it."""
    linked = linked_or_404(request, pk)
    changes.soon(linked)
    looker.wake([linked.pk])
    messages.success(request, "We are looking. Reload this page in a minute.")
    return redirect("linked_account_back", request.account.slug, pk)


@requires(Role.ADMIN)
@require_POST
def linked_account_compare(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Compare the books with the provider now."""
    linked = linked_or_404(request, pk)
    targets = reconcile.start(linked)
    comparer.wake(targets)
    if targets:
        note_down(request, linked, "reconcile")
        messages.success(request, "We are comparing. Reload this page in a minute.")
    else:
        messages.info(request, "No rule sends to this account, so there is no book.")
    return redirect("linked_account_back", request.account.slug, pk)


def page(
    request: TenantRequest, pk: UUID, form: BackForm, status: int = 200
) -> HttpResponse:
    linked = linked_or_404(request, pk)
    context = {
        "linked": linked,
        "back": back_of(linked),
        "books": books_of(linked),
        "form": form,
    }
    return render(request, "integrations/back.html", context, status=status)
