"""Account > API keys: shown once, stored as a hash, revoked at will."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from contactsync.tenancy import shown_once
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.forms import ApiKeyForm, OriginsForm
from contactsync.tenancy.models import ApiKey, Role
from contactsync.tenancy.services import (
    IssuedKey,
    api_key_issue,
    api_key_revoke,
    audit,
)


def page(
    request: TenantRequest, form: ApiKeyForm, *, status: int = 200, **more: object
) -> HttpResponse:
    keys = ApiKey.objects.for_account(request.account).select_related("created_by")
    context = {
        "keys": keys.filter(revoked_at=None),
        "revoked": keys.exclude(revoked_at=None).order_by("-revoked_at")[:20],
        "form": form,
        "api_root": request.build_absolute_uri("/api/v1/"),
        **more,
    }
    return render(request, "tenancy/api_keys.html", context, status=status)


@never_cache
@require_safe
@requires(Role.VIEWER)
def api_keys(request: TenantRequest) -> HttpResponse:
    """The keys; right after one was made, its text, this once."""
    found = shown_once.take(request, name="api_key")
    if found is None:
        return page(request, ApiKeyForm())
    keys = ApiKey.objects.for_account(request.account)
    key = keys.filter(pk=found[0], revoked_at=None).first()
    return page(request, ApiKeyForm(), issued=key and IssuedKey(key, found[1]))


@require_POST
@requires(Role.ADMIN)
def api_key_new(request: TenantRequest) -> HttpResponse:
    """Make a key; the page that follows is the only one that shows its text."""
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return page(request, form, status=422, open_form=True)
    issued = api_key_issue(
        account=request.account, by=request.user, **form.cleaned_data
    )
    audit(
        request,
        account=request.account,
        action="api_key.created",
        subject=str(issued.key),
        origins=issued.key.origins,
    )
    shown_once.keep(request, name="api_key", pk=issued.key.pk, text=issued.text)
    return redirect("api_keys", request.account.slug)


def key_or_404(request: TenantRequest, pk: UUID) -> ApiKey:
    keys = ApiKey.objects.for_account(request.account)
    key: ApiKey = get_object_or_404(keys, pk=pk, revoked_at=None)
    return key


def origins_page(
    request: TenantRequest, key: ApiKey, form: OriginsForm, status: int = 200
) -> HttpResponse:
    context = {"key": key, "form": form}
    return render(request, "tenancy/api_key.html", context, status=status)


@requires(Role.ADMIN)
def api_key(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The origins of a publishable key."""
    key = key_or_404(request, pk)
    if request.method != "POST":
        start = {"origins": "\n".join(key.origins)}
        return origins_page(request, key, OriginsForm(initial=start))
    form = OriginsForm(request.POST)
    form.fields["origins"].required = key.kind == ApiKey.Kind.PUBLISHABLE
    if not form.is_valid():
        return origins_page(request, key, form, status=422)
    before, key.origins = key.origins, form.cleaned_data["origins"]
    key.save(update_fields=["origins"])
    audit(
        request,
        account=request.account,
        action="api_key.origins_changed",
        subject=str(key),
        before=before,
        after=key.origins,
    )
    messages.success(request, f"Origins of {key.name} saved.")
    return redirect("api_keys", request.account.slug)


@require_POST
@requires(Role.ADMIN)
def api_key_revoke_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    key = key_or_404(request, pk)
    api_key_revoke(key=key)
    audit(
        request,
        account=request.account,
        action="api_key.revoked",
        subject=str(key),
    )
    messages.success(request, f"{key.name} is revoked.")
    return redirect("api_keys", request.account.slug)
