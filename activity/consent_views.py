"""The contact page's buttons about consent: ask again, and prove what was agreed to."""

from __future__ import annotations

import json
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from contacts.certificates import certificate_of
from contacts.models import Contact
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from displays.confirm_again import NotSent
from displays.confirm_again import confirmation_resend as resend


@require_POST
@requires(Role.MARKETER)
def confirmation_resend(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Send our confirmation mail again, within its limits."""
    contact = get_object_or_404(Contact.objects.for_account(request.account), pk=pk)
    try:
        resend(account_id=request.account.pk, contact_id=contact.pk)
    except NotSent as refused:
        messages.warning(request, f"No mail was sent. {refused}")
    else:
        audit(
            request,
            account=request.account,
            action="confirmation.resend",
            subject=contact.email,
        )
        messages.success(request, "The mail goes out again within a minute.")
    return redirect("contact", account=request.account.slug, pk=pk)


@require_safe
@requires(Role.MARKETER)
def consent_certificate(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The certificate as a file. What leaves the house is written down."""
    contact = get_object_or_404(Contact.objects.for_account(request.account), pk=pk)
    document = certificate_of(contact, request.account)
    audit(
        request,
        account=request.account,
        action="consent.certificate",
        subject=contact.email,
    )
    name = f"consent-{contact.pk}.json"
    return HttpResponse(
        json.dumps(document, indent=2, ensure_ascii=False),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
