"""Account > Settings and Account > Audit log."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.forms import AccountForm, ProfileForm
from contactsync.tenancy.models import AuditEntry, Role
from contactsync.tenancy.services import audit

AUDIT_PAGE = 50


def settings_page(
    request: TenantRequest, form: AccountForm, status: int = 200
) -> HttpResponse:
    context = {"form": form, "you": ProfileForm(instance=request.user)}
    return render(request, "tenancy/settings.html", context, status=status)


@require_safe
@requires(Role.VIEWER)
def account_settings(request: TenantRequest) -> HttpResponse:
    return settings_page(request, AccountForm(instance=request.account))


@require_POST
@requires(Role.ADMIN)
def account_rename(request: TenantRequest) -> HttpResponse:
    before = request.account.name
    form = AccountForm(request.POST, instance=request.account)
    if not form.is_valid():
        request.account.name = before
        return settings_page(request, form, status=422)
    form.save()
    audit(
        request,
        account=request.account,
        action="account.renamed",
        subject=request.account.name,
        before=before,
    )
    messages.success(request, "Account name saved.")
    return redirect("account_settings", request.account.slug)


@require_safe
@requires(Role.VIEWER)
def audit_log(request: TenantRequest) -> HttpResponse:
    """Newest first; ``?before=<id>`` is the next page (keyset)."""
    entries = AuditEntry.objects.for_account(request.account).select_related("actor")
    try:
        before = UUID(request.GET["before"]) if "before" in request.GET else None
    except ValueError:
        return redirect("audit", request.account.slug)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    found = list(entries.order_by("-id")[: AUDIT_PAGE + 1])
    shown = found[:AUDIT_PAGE]
    context = {
        "entries": shown,
        "older": shown[-1].pk if len(found) > AUDIT_PAGE else None,
        "newest": before is None,
    }
    return render(request, "tenancy/audit.html", context)
