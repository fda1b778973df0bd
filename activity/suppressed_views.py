"""The suppression list: who gets nothing any more, who saw to that, and the way off."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from contacts import suppressions
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.lib.email import MAX_EMAIL, email_key
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from contactsync.tenancy.services import audit

PAGE_SIZE = 50
Actor = Suppression.Actor
ACTORS = (
    ("", "Everybody"),
    (Actor.PERSON.value, "Unsubscribed"),
    (Actor.BOUNCE.value, "Bounced"),
    (Actor.COMPLAINT.value, "Complained"),
    (Actor.ADMIN.value, "By your team"),
)
WORDS = {**dict(ACTORS), Actor.MERGE.value: "Merged with another contact"}


class SuppressForm(forms.Form):
    email = forms.EmailField(
        label="Email address",
        max_length=MAX_EMAIL,
        error_messages={
            "required": "Enter the address.",
            "invalid": "This is not an email address. It looks like mira@example.com.",
        },
    )
    reason = forms.CharField(
        max_length=200,
        required=False,
        help_text="Your team sees it here and on the contact's page.",
    )


def found_by(account: Account, q: str, actor: str) -> QuerySet[Suppression]:
    found: QuerySet[Suppression] = Suppression.objects.for_account(account)
    if q:
        found = found.filter(email_key__contains=email_key(q))
    return found.filter(actor=actor) if actor else found


def page(
    request: TenantRequest, form: SuppressForm, *, status: int = 200
) -> HttpResponse:
    """Newest first; ``?before=<id>`` is the next page (keyset)."""
    account = request.account
    q = request.GET.get("q", "").replace("\x00", "").strip()[:MAX_EMAIL]
    actor = request.GET.get("who", "")
    actor = actor if actor in dict(ACTORS) else ""
    found = found_by(account, q, actor)
    try:
        before = UUID(request.GET.get("before", ""))
        found = found.filter(pk__lt=before)
    except ValueError:
        before = None
    rows = list(found.order_by("-id")[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    contacts = Contact.objects.for_account(account).filter(
        email_key__in=[row.email_key for row in shown]
    )
    people = dict(contacts.values_list("email_key", "pk"))
    context = {
        "rows": [
            (
                row,
                people.get(row.email_key),
                WORDS[row.actor],
                row.actor in suppressions.OURS,
            )
            for row in shown
        ],
        "form": form,
        "actors": ACTORS,
        "who": actor,
        "q": q,
        "newest": before is None,
        "query": urlencode({k: v for k, v in (("who", actor), ("q", q)) if v}),
        "older": shown[-1].pk if len(rows) > PAGE_SIZE else None,
    }
    return render(request, "activity/suppressed.html", context, status=status)


@require_safe
@requires(Role.VIEWER)
def suppressed(request: TenantRequest) -> HttpResponse:
    return page(request, SuppressForm())


@require_POST
@requires(Role.MARKETER)
def suppression_add(request: TenantRequest) -> HttpResponse:
    form = SuppressForm(request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    email = form.cleaned_data["email"]
    new = suppressions.suppress(
        account_id=request.account.pk,
        email=email,
        actor=Actor.ADMIN,
        left_at=now(),
        reason=form.cleaned_data["reason"],
    )
    if new:
        audit(
            request,
            account=request.account,
            action="suppression.create",
            subject=email_key(email),
        )
        messages.success(request, f"Nothing is sent to {email} any more.")
    else:
        messages.info(request, f"{email} is on the list already.")
    return redirect("suppressed", request.account.slug)


@require_POST
@requires(Role.MARKETER)
def suppression_remove(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Only what the team put there: what a person did stands until they opt in."""
    row = get_object_or_404(Suppression.objects.for_account(request.account), pk=pk)
    if suppressions.take_back(row):
        audit(
            request,
            account=request.account,
            action="suppression.remove",
            subject=row.email_key,
        )
        messages.success(
            request, f"{row.email_key} is off the list. Their next signup is sent."
        )
    else:
        messages.error(
            request,
            f"{row.email_key} stays on the list: only the person's own confirmed "
            "opt-in takes them off.",
        )
    return redirect("suppressed", request.account.slug)
