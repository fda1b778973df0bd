"""The buttons: send again, look again. Each answers with where it was pressed."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from activity.bulk_views import plan_made
from activity.people import as_uuid_text
from activity.sync import REASONS
from activity.words import several
from contacts.models import Contact
from contactsync.lib.crypto import SealError
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from integrations import opt_ins, outbox
from integrations.adapters.errors import AdapterError
from integrations.bulk_source import rows_of
from integrations.models import Delivery, LinkedAccount
from integrations.waker import waker


@require_POST
@requires(Role.MARKETER)
def delivery_retry(request: TenantRequest, pk: UUID, delivery: int) -> HttpResponse:
    """Send one failed or waiting delivery now."""
    account = request.account
    row = get_object_or_404(
        Delivery.objects.for_account(account), pk=delivery, contact_id=pk
    )
    if outbox.retry(row.pk, account_id=account.pk):
        waker.wake([row.linked_account_id])
        messages.success(request, "It is being sent again. Reload to see the result.")
    else:
        messages.info(request, "Nothing to retry: it has moved on meanwhile.")
    return redirect("contact", account=account.slug, pk=pk)


@require_POST
@requires(Role.MARKETER)
def opt_in_check(request: TenantRequest, pk: UUID, linked: UUID) -> HttpResponse:
    """Ask the provider now whether the person has confirmed."""
    account = request.account
    contact = get_object_or_404(Contact.objects.for_account(account), pk=pk)
    place = get_object_or_404(
        LinkedAccount.objects.for_account(account), pk=linked, removed_at=None
    )
    provider = place.adapter_class.label
    try:
        ended = opt_ins.check(place.pk, contact_id=contact.pk)
    except (AdapterError, SealError) as error:
        detail = getattr(error, "detail", str(error))
        messages.error(request, f"{provider} could not be asked: {detail}")
        return redirect("contact", account=account.slug, pk=pk)
    place.refresh_from_db(fields=["status", "detail"])
    if place.status != LinkedAccount.Status.CONNECTED:
        messages.error(request, f"{provider} could not be asked: {place.detail}")
    elif ended:
        messages.success(request, f"{provider} has news: the page is up to date.")
    else:
        # Also when it did not answer: the check goes on by itself then.
        messages.info(request, f"No news from {provider}: the contact stays pending.")
    return redirect("contact", account=account.slug, pk=pk)


@require_POST
@requires(Role.MARKETER)
def failed_retry(request: TenantRequest, linked: UUID) -> HttpResponse:
    """Send what failed for one reason at one linked account again: one at once, more
    after a plan."""
    account = request.account
    place = get_object_or_404(LinkedAccount.objects.for_account(account), pk=linked)
    reason = request.POST.get("reason", "")
    reason = reason if reason in REASONS else ""
    what = {"linked_account": str(place.pk), "reason": reason}
    failed = list(rows_of(account.pk, "retry", what).values_list("pk", flat=True)[:2])
    if len(failed) > 1:
        return plan_made(request, "retry", what)
    sent = sum(outbox.retry(pk, account_id=account.pk) for pk in failed)
    waker.wake([place.pk])
    audit(
        request,
        account=account,
        action="deliveries.retried",
        subject=str(place),
        reason=reason,
        count=sent,
    )
    messages.success(
        request, f"{several(sent, 'contact is', 'contacts are')} being sent again."
    )
    return redirect("sync_activity", account=account.slug)


@require_POST
@requires(Role.MARKETER)
def held_send(request: TenantRequest) -> HttpResponse:
    """Plan to send what is held: everything, or one account's, or one reason's."""
    account, what = request.account, dict[str, str]()
    linked = as_uuid_text(request.POST.get("linked", ""))
    if linked:
        places = LinkedAccount.objects.for_account(account)
        what["linked_account"] = str(get_object_or_404(places, pk=linked).pk)
    reason = request.POST.get("reason", "")
    if reason in REASONS:
        what["reason"] = reason
    if not rows_of(account.pk, "resume", what).exists():
        messages.info(request, "Nothing is held any more.")
        return redirect("sync_activity", account=account.slug)
    return plan_made(request, "resume", what)
