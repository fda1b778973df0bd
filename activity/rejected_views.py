"""The Rejected page: whom the filter turned away, why, and the way in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from activity import rejected as turned_away
from activity.people import displays
from activity.rejected import Filters
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit


@require_safe
@requires(Role.VIEWER)
def rejected(request: TenantRequest) -> HttpResponse:
    """Everybody the filter turned away, newest first."""
    account = request.account
    filters = Filters.read(request.GET)
    after = request.GET.get("after", "")
    names = displays(account)
    rows, following = turned_away.page(account, filters, after, dict(names))
    tabs, rules = turned_away.tabs(account, filters)
    return render(
        request,
        "activity/rejected.html",
        {
            "rows": rows,
            "filters": filters,
            "tabs": tabs,
            "rules": rules,
            "displays": names,
            "after": after,
            "first_url": filters.url() or "?",
            "next_url": filters.url(after=following) if following else "",
        },
    )


@require_safe
@requires(Role.VIEWER)
def rejected_export(request: TenantRequest) -> Any:
    """The same list as a streamed CSV. What leaves the house is written down."""
    account = request.account
    filters = Filters.read(request.GET)
    audit(
        request,
        account=account,
        action="rejected.exported",
        subject=filters.url() or "all rejected signups",
    )
    name = f"rejected-{slugify(account.slug)}-{now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        turned_away.lines(account, filters),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
