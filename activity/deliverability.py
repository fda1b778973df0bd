"""Deliverability: the score, what it is made of, what helps, and the appeal."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from activity.deliverability_figures import GRACE, standing
from activity.deliverability_todo import todo
from activity.score import DAYS, ENOUGH
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from contactsync.tenancy.suspension import (
    APPEAL_MAX,
    history,
    is_waiting,
    open_suspension,
    suspension_appeal,
)
from integrations.models import Delivery, State

WAITING = (State.HELD, State.PENDING, State.SENDING)
SHOWN = 20


class AppealForm(forms.Form):
    text = forms.CharField(
        label="What have you done, or what did we get wrong?",
        help_text="A reviewer reads it together with the figures.",
        max_length=APPEAL_MAX,
        widget=forms.Textarea(attrs={"rows": 5}),
    )


def waiting_people(account: Account) -> int:
    """How many people are not through to every place they should be."""
    waiting = Delivery.objects.for_account(account).filter(state__in=WAITING)
    return waiting.values("contact_id").distinct().count()


def render_page(
    request: TenantRequest, form: AppealForm, *, status: int = 200
) -> HttpResponse:
    account = request.account
    now_and_before = standing(account)
    suspension = open_suspension(account)
    context: dict[str, Any] = {
        "standing": now_and_before,
        "score": now_and_before.now,
        "todo": todo(account, now_and_before.now),
        "suspension": suspension,
        "suspended": account.suspended_at is not None,
        "appeal_waits": suspension is not None and is_waiting(suspension),
        "held": waiting_people(account) if account.suspended_at else 0,
        "history": history(account)[:SHOWN],
        "form": form,
        "days": DAYS,
        "grace": GRACE.days,
        "enough": ENOUGH,
    }
    return render(request, "activity/deliverability.html", context, status=status)


@require_safe
@requires(Role.VIEWER)
def page(request: TenantRequest) -> HttpResponse:
    return render_page(request, AppealForm())


@require_POST
@requires(Role.ADMIN)
def appeal(request: TenantRequest) -> HttpResponse:
    form = AppealForm(request.POST)
    if not form.is_valid():
        return render_page(request, form, status=422)
    asked = suspension_appeal(
        account=request.account, text=form.cleaned_data["text"], by=request.user
    )
    if asked is None:
        messages.error(
            request, "There is nothing to appeal, or an appeal waits for its answer."
        )
    else:
        messages.success(request, "Your appeal is with the reviewers.")
    return redirect("deliverability", request.account.slug)
