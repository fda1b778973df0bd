"""The page "My contact didn't get my email"."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from activity.finder import find
from contactsync.lib.email import MAX_EMAIL
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role


@require_safe
@requires(Role.VIEWER)
def missing_mail(request: TenantRequest) -> HttpResponse:
    """One address, the likely reason, and what was looked at."""
    email = request.GET.get("email", "").strip().replace("\x00", "")[:MAX_EMAIL]
    found = find(email, request.account) if email else None
    return render(
        request,
        "activity/missing_mail.html",
        {"email": email, "found": found, "contact": found.contact if found else None},
    )
