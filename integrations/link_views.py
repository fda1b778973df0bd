"""Linking an account, new credentials for it, another name, and unlinking."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from integrations import linking
from integrations.adapters import ADAPTERS
from integrations.forms import CredentialsForm, LabelForm, LinkForm
from integrations.providers import Provider
from integrations.rows import rows_of
from integrations.services import TestReading, linked_account_unlink
from integrations.views import back_to, linked_or_404

form_page = require_http_methods(["GET", "HEAD", "POST"])


def say(request: TenantRequest, done: str, reading: TestReading) -> None:
    level = messages.success if reading.ok else messages.warning
    level(request, f"{done}: {reading.title}")


@requires(Role.ADMIN)
@form_page
def link(request: TenantRequest, provider: str) -> HttpResponse:
    """Credentials in, tested at once; the reading stands in the new row."""
    adapter = ADAPTERS.get(provider)
    if adapter is None:
        raise Http404("no such provider")
    form = LinkForm(adapter, request.POST or None)
    if request.method == "POST" and form.is_valid():
        linked, reading = linking.link(
            request,
            provider=provider,
            label=form.cleaned_data["label"],
            environment=form.cleaned_data["environment"],
            credentials=form.credentials(),
        )
        say(request, f"{linked.label} is linked", reading)
        return back_to(request, linked)
    context = {
        "form": form,
        "provider": Provider.of(adapter),
        "is_sandbox": provider in settings.PROVIDER_URLS,
    }
    status = 422 if form.errors else 200
    return render(request, "integrations/link.html", context, status=status)


@requires(Role.ADMIN)
@form_page
def linked_account_reconnect(request: TenantRequest, pk: UUID) -> HttpResponse:
    """New credentials for the same account: every rule and mapping stays."""
    linked = linked_or_404(request, pk)
    form = CredentialsForm(linked.adapter_class, request.POST or None)
    if request.method == "POST" and form.is_valid():
        reading = linking.reconnect(request, linked, form.credentials())
        say(request, f"{linked.label} has new credentials", reading)
        return back_to(request, linked)
    context = {
        "form": form,
        "provider": Provider.of(linked.adapter_class),
        "row": rows_of(request.account, only=linked.pk)[0],
        "is_sandbox": linked.is_sandbox,
    }
    status = 422 if form.errors else 200
    return render(request, "integrations/reconnect.html", context, status=status)


@requires(Role.ADMIN)
@form_page
def linked_account_rename(request: TenantRequest, pk: UUID) -> HttpResponse:
    linked = linked_or_404(request, pk)
    form = LabelForm(request.POST or None, initial={"label": linked.label})
    if request.method == "POST" and form.is_valid():
        linking.rename(request, linked, form.cleaned_data["label"])
        messages.success(request, f"It is called {linked.label} now.")
        return back_to(request, linked)
    context = {"form": form, "linked": linked}
    status = 422 if form.errors else 200
    return render(request, "integrations/rename.html", context, status=status)


@requires(Role.ADMIN)
@form_page
def linked_account_unlink_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Asks first, naming the effect."""
    linked = linked_or_404(request, pk)
    if request.method == "POST":
        waiting = linked_account_unlink(linked)
        linking.note_down(request, linked, "unlink", waiting=waiting)
        messages.success(request, f"{linked.label} is unlinked. Nobody left a list.")
        return back_to(request)
    row = rows_of(request.account, only=linked.pk)[0]
    return render(request, "integrations/unlink.html", {"row": row})
