"""Asking for a provider that is missing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from integrations.votes import VoteError, provider_vote


@requires(Role.MARKETER)
@require_POST
def vote(request: TenantRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    try:
        count = provider_vote(request.account, name)
    except VoteError as error:
        messages.error(request, str(error))
    else:
        audit(
            request, account=request.account, action="provider.vote", subject=name[:80]
        )
        others = f" You and {count - 1} more ask for it." if count > 1 else ""
        messages.success(request, f"Your vote is counted.{others}")
    return redirect(
        reverse("linked_accounts", args=[request.account.slug]) + "#missing"
    )
