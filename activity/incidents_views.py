"""The Incidents page: what is not as promised, since when, and what helps."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from activity.incident_work import notice
from activity.incidents import incident_close, kind_of
from activity.models import Incident
from activity.people import as_uuid_text
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from contactsync.tenancy.services import audit

PAGE_SIZE = 25
MOST_OPEN = 100
MAX_NOTE = 2000


def shown(rows: Any, account: Account) -> list[dict[str, Any]]:
    """Each incident with the words of its kind and where to look."""
    return [
        {
            "incident": row,
            "kind": kind_of(row),
            "url": kind_of(row).url(account.slug, row.detail),
        }
        for row in rows
    ]


@require_safe
@requires(Role.VIEWER)
def page(request: TenantRequest) -> HttpResponse:
    account = request.account
    notice(account)
    mine = Incident.objects.for_account(account)
    opened = list(mine.filter(closed_at=None).order_by("-id")[: MOST_OPEN + 1])
    closed = mine.exclude(closed_at=None).select_related("closed_by")
    after = request.GET.get("after", "")
    if place := as_uuid_text(after):
        closed = closed.filter(pk__lt=place)
    ended = list(closed.order_by("-id")[: PAGE_SIZE + 1])
    rows = ended[:PAGE_SIZE]
    more = len(ended) > PAGE_SIZE
    return render(
        request,
        "activity/incidents.html",
        {
            "opened": shown(opened[:MOST_OPEN], account),
            "more_open": len(opened) > MOST_OPEN,
            "closed": shown(rows, account),
            "after": after,
            "first_url": "?",
            "next_url": f"?after={rows[-1].pk}#closed" if more else "",
        },
    )


@require_POST
@requires(Role.ADMIN)
def close(request: TenantRequest, pk: UUID) -> HttpResponse:
    """A person knows of it. It stays closed until it gets worse."""
    account = request.account
    incident = get_object_or_404(Incident.objects.for_account(account), pk=pk)
    note = request.POST.get("note", "").replace("\x00", "").strip()
    if not note or len(note) > MAX_NOTE:
        messages.error(
            request,
            f"Write a note of 1 to {MAX_NOTE:,} characters: what it was, and what you "
            "did. The incident is still open.",
        )
    elif incident_close(incident=incident, by=request.user, note=note):
        audit(
            request,
            account=account,
            action="incident.closed",
            subject=incident.title,
            kind=incident.kind,
            note=note,
        )
        messages.success(request, "Closed. It opens again only if it gets worse.")
    else:
        messages.info(request, "It was closed already.")
    return redirect("incidents", account=account.slug)
