"""Pages that say what happened. They change nothing; ``activity.actions`` does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from activity import people, sync
from activity.causes import causes
from activity.confirmation import confirmation_of
from activity.explain import explain, summaries
from activity.export import lines
from activity.ledger import ledger
from activity.paging import by_last_seen
from activity.profile import profile
from activity.rejected import Appeal, appeal
from activity.story import Explanation
from activity.timeline import SHOWS, timeline
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from integrations.models import State


@require_safe
@requires(Role.VIEWER)
def contacts(request: TenantRequest) -> HttpResponse:
    """Everybody who signed up, newest first."""
    account = request.account
    filters = people.Filters.read(request.GET)
    after = request.GET.get("after", "")
    found = by_last_seen(people.contacts(account, filters), after, people.PAGE_SIZE)
    told = summaries(found.rows, account)
    return render(
        request,
        "activity/contacts.html",
        {
            "rows": [(contact, told[contact.pk]) for contact in found.rows],
            "filters": filters,
            "statuses": [(key, label) for key, (label, _) in people.STATUSES.items()],
            "displays": people.displays(account),
            "after": after,
            "first_url": filters.url() or "?",
            "next_url": filters.url(after=found.after) if found.after else "",
        },
    )


@require_safe
@requires(Role.VIEWER)
def contacts_export(request: TenantRequest) -> Any:
    """The same list as a streamed CSV. What leaves the house is written down."""
    filters = people.Filters.read(request.GET)
    name = f"contacts-{slugify(request.account.slug)}-{now():%Y-%m-%d}.csv"
    audit(
        request,
        account=request.account,
        action="contacts.exported",
        subject=filters.url() or "all contacts",
    )
    return StreamingHttpResponse(
        lines(request.account, filters),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_safe
@requires(Role.VIEWER)
def contact(request: TenantRequest, pk: UUID) -> HttpResponse:
    """One person: where they are, why, and all that happened."""
    account = request.account
    person = get_object_or_404(Contact.objects.for_account(account), pk=pk)
    told = explain(person, account)
    return render(
        request,
        "activity/contact.html",
        {
            "contact": person,
            "told": told,
            "appeal": appeal_of(person, told),
            "shows": SHOWS.items(),
            "profile": profile(person, told, account),
            "confirmation": confirmation_of(person, account),
            "timeline": timeline(
                person,
                account,
                show=request.GET.get("show", ""),
                after=request.GET.get("after", ""),
            ),
        },
    )


def appeal_of(person: Contact, told: Explanation) -> Appeal | None:
    """The way in for somebody whom the filter turned away."""
    if person.status != Contact.Status.FILTERED or told.verdict is None:
        return None
    verdict = told.verdict
    return appeal(verdict.signup_id, person.email, verdict.category, verdict.rule)


@require_safe
@requires(Role.VIEWER)
def sync_activity(request: TenantRequest) -> HttpResponse:
    """What is on its way, what is stuck and why, and whether the books balance."""
    account = request.account
    filters = sync.Filters.read(request.GET)
    after = request.GET.get("after", "")
    rows, following = sync.newest(account, filters, after)
    found = causes(account)
    return render(
        request,
        "activity/sync.html",
        {
            "rows": rows,
            "filters": filters,
            "states": [(key, label) for key, (label, _) in sync.STATES.items()],
            "standings": sync.standings(account),
            "causes": found,
            "holds": any(cause.state == State.HELD for cause in found),
            "books": ledger(account, since=now().date() - timedelta(days=29)),
            "after": after,
            "first_url": filters.url() or "?",
            "next_url": filters.url(after=following) if following else "",
        },
    )
