"""What the drift watch found, and the two buttons that answer it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from contactsync.lib.crypto import SealError
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from integrations import linking, watch
from integrations.adapters.errors import AdapterError
from integrations.entries import MAX_VALUE, EntryError
from integrations.models import LinkedAccount, Target
from integrations.views import back_to, linked_or_404


@requires(Role.MARKETER)
@require_POST
def fields_refresh(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Refresh fields: read everything anew, and take it as it is now."""
    linked = linked_or_404(request, pk)
    try:
        left = watch.refresh(linked)
    except (AdapterError, SealError) as error:
        return not_read(request, linked, error)
    linking.note_down(request, linked, "refresh", findings=left)
    if left:
        messages.warning(request, f"Read anew. {left} still to be mended, see below.")
    else:
        messages.success(request, "Fields and audiences are read anew. All fits.")
    return back_to(request, linked)


@requires(Role.MARKETER)
@require_POST
def target_send_always(request: TenantRequest, pk: UUID) -> HttpResponse:
    """One value for a newly required field, in every signup."""
    target = get_object_or_404(
        Target.objects.for_account(request.account).select_related("linked_account"),
        pk=pk,
        linked_account__removed_at=None,
    )
    linked = target.linked_account
    field, value = request.POST.get("field", ""), request.POST.get("value", "").strip()
    if not value or len(value) > MAX_VALUE:
        messages.error(request, f"Enter what to send: 1 to {MAX_VALUE} characters.")
        return back_to(request, linked)
    try:
        watch.send_always(target, field, value)
    except EntryError as error:
        messages.error(request, str(error))
        return back_to(request, linked)
    except (AdapterError, SealError) as error:
        return not_read(request, linked, error)
    linking.note_down(request, linked, "send_always", field=field)
    messages.success(request, "Saved. What waited for it is being sent.")
    return back_to(request, linked)


def not_read(
    request: TenantRequest, linked: LinkedAccount, error: AdapterError | SealError
) -> HttpResponse:
    said = error.detail if isinstance(error, AdapterError) else "Reconnect it first."
    messages.error(request, f"{linked} could not be read, nothing was changed. {said}")
    return back_to(request, linked)
