"""The reviewers' desk: who is suspended, why, and the decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, Q
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from activity.deliverability import waiting_people
from activity.deliverability_figures import score_now, standing
from activity.deliverability_todo import evidence
from activity.score import DAYS
from activity.staff.access import StaffRequest, staff_only
from activity.staff.forms import DecisionForm, SearchForm, SuspendForm
from activity.staff.samples import samples
from contactsync.lib.clock import now
from contactsync.lib.wake import Waker, publisher
from contactsync.tenancy.models import Account, Suspension
from contactsync.tenancy.suspension import (
    ReviewerError,
    history,
    is_waiting,
    may_review,
    open_suspension,
    suspension_decide,
    suspension_open,
)
from integrations.votes import wishes

PAGE = 25
releaser = Waker(publisher("activity.release_held"))
CHANGED = "It was decided meanwhile, or appealed. This is how it stands now."


def queue() -> list[Suspension]:
    """Open suspensions: appeals that wait for an answer first, then the oldest."""
    rows = list(
        Suspension.objects.filter(closed_at=None)
        .select_related("account")
        .order_by("opened_at")
    )
    return sorted(
        rows,
        key=lambda row: (
            (0, row.appealed_at)
            if is_waiting(row)
            else (1 if not row.decided_at else 2, row.opened_at)
        ),
    )


@require_safe
@staff_only
def staff_queue(request: StaffRequest) -> HttpResponse:
    rows = [
        {
            "suspension": row,
            "waits": is_waiting(row),
            "score": row.evidence.get("score"),
            "refusal": may_review(request.user, row.account),
        }
        for row in queue()
    ]
    context = {"rows": rows, "waiting": sum(row["waits"] for row in rows)}
    return render(request, "staff/queue.html", context)


@require_safe
@staff_only
def staff_accounts(request: StaffRequest) -> HttpResponse:
    form = SearchForm(request.GET)
    wanted = form.cleaned_data["q"].strip() if form.is_valid() else ""
    found = Account.objects.order_by(F("suspended_at").asc(nulls_last=True), "name")
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(slug__icontains=wanted))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "q": wanted,
        "rows": [(account, score_now(account)) for account in page],
        "days": DAYS,
    }
    return render(request, "staff/accounts.html", context)


@require_safe
@staff_only
def staff_wishes(request: StaffRequest) -> HttpResponse:
    """Providers that tenants ask for."""
    return render(request, "staff/wishes.html", {"wishes": wishes()})


def account_page(
    request: StaffRequest, account: Account, form: Form | None, status: int = 200
) -> HttpResponse:
    at = now()  # before the appeal is read
    suspension = open_suspension(account)
    blank: Form = DecisionForm() if suspension else SuspendForm()
    found = standing(account)
    context: dict[str, Any] = {
        "subject": account,
        "suspension": suspension,
        "appeal_waits": suspension is not None and is_waiting(suspension),
        "standing": found,
        "score": found.now,
        "samples": samples(account),
        "held": waiting_people(account),
        "history": history(account),
        "refusal": may_review(request.user, account),
        "form": form or blank,
        "read": at.isoformat(),
        "days": DAYS,
    }
    return render(request, "staff/account.html", context, status=status)


@require_safe
@staff_only
def staff_account(request: StaffRequest, slug: str) -> HttpResponse:
    return account_page(request, get_object_or_404(Account, slug=slug), None)


def moment(text: str) -> datetime | None:
    """A time as the page wrote it; None for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def refused(request: StaffRequest, account: Account, why: str) -> HttpResponse:
    context = {"subject": account, "why": why}
    return render(request, "staff/refused.html", context, status=403)


def meanwhile(request: StaffRequest, account: Account) -> HttpResponse:
    messages.error(request, CHANGED)
    return redirect("staff_account", account.slug)


@require_POST
@staff_only
def staff_suspend(request: StaffRequest, slug: str) -> HttpResponse:
    """Suspend by hand, with a reason."""
    account = get_object_or_404(Account, slug=slug)
    if why := may_review(request.user, account):
        return refused(request, account, why)
    if open_suspension(account) is not None:
        return meanwhile(request, account)
    form = SuspendForm(request.POST)
    if not form.is_valid():
        return account_page(request, account, form, status=422)
    opened = suspension_open(
        account=account,
        reason=form.cleaned_data["reason"],
        evidence=evidence(account, score_now(account)),
        by=request.user,
    )
    if opened is None:
        return meanwhile(request, account)
    messages.success(request, f"Sending is suspended for {account}.")
    return redirect("staff_account", account.slug)


@require_POST
@staff_only
def staff_decide(request: StaffRequest, pk: UUID) -> HttpResponse:
    """Clear or keep; clearing lets go what waits at once."""
    suspension = get_object_or_404(Suspension.objects.select_related("account"), pk=pk)
    account = suspension.account
    if why := may_review(request.user, account):
        return refused(request, account, why)
    if suspension.closed_at:
        return meanwhile(request, account)
    form = DecisionForm(request.POST)
    if not form.is_valid():
        return account_page(request, account, form, status=422)
    try:
        won = suspension_decide(
            suspension=suspension,
            by=request.user,
            read_at=moment(request.POST.get("read", "")),
            **form.cleaned_data,
        )
    except ReviewerError as error:  # made a member this moment
        return refused(request, account, str(error))
    if not won:
        return meanwhile(request, account)
    if suspension.closed_at:
        releaser.wake([account.pk])
        messages.success(request, f"{account} is cleared. What waited is being sent.")
    else:
        messages.success(request, f"{account} stays suspended.")
    return redirect("staff_account", account.slug)
