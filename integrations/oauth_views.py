"""Signing in at a provider: on the way there, and the way back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from contactsync.tenancy.access import TenantRequest
from contactsync.tenancy.models import User
from integrations import linking, oauth, oauth_state
from integrations.access import Access
from integrations.adapters.base import Adapter
from integrations.adapters.errors import AdapterError
from integrations.forms import PREFIX, CredentialsForm
from integrations.models import LinkAttempt, LinkedAccount
from integrations.oauth import App
from integrations.providers import Provider
from integrations.services import TestReading
from integrations.views import back_to

# RFC 6749 4.1.2.1. Also said by providers where the person closed the page.
SAID_NO = {"access_denied", "user_denied", "consent_required"}


def leave(
    request: TenantRequest, form: CredentialsForm, app: App, attempt: LinkAttempt
) -> HttpResponse | None:
    """Off to the provider, as the answer to a POST; None: the form says what is wrong.

    Not a redirect: a page may only post forms to itself (its Content-Security-Policy),
    and browsers hold that against a redirect that follows a form.
    """
    given, oauth2 = form.credentials(), oauth.oauth_of(form.adapter)
    try:
        oauth.address(form.adapter.slug, oauth2.authorize_url, given)
    except oauth.BadPlaceError as error:
        form.add_error(
            PREFIX + error.name, "Only letters, digits, dots and dashes: no address."
        )
        return None
    verifier = oauth.new_verifier()
    state = oauth_state.begin(attempt, {"given": given, "verifier": verifier})
    url = oauth.authorize_url(form.adapter, app, given, state, verifier)
    context = {"provider": Provider.of(form.adapter), "url": url}
    response = render(request, "integrations/oauth_leave.html", context)
    response["Refresh"] = f"0; url={url}"
    return private(response)


@require_GET
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Back from the provider, with a code or a refusal."""
    user = request.user if isinstance(request.user, User) else None
    try:
        attempt = oauth_state.take(
            request.GET.get("state", ""), user=user, provider=provider
        )
    except oauth_state.StateError as why:
        # The page's own forms lead back to where it was asked for: without the code.
        request.META["QUERY_STRING"] = ""
        context = {"why": str(why)}
        return private(
            render(request, "integrations/oauth_refused.html", context, status=400)
        )
    request.account = attempt.account  # type: ignore[attr-defined]
    return private(back_from(request, attempt))  # type: ignore[arg-type]


def back_from(request: TenantRequest, attempt: LinkAttempt) -> HttpResponse:
    """On to wherever the answer leads, without the code in the address."""
    adapter, code = attempt.adapter_class, request.GET.get("code", "")
    if not code:
        messages.warning(request, refusal_of(request, adapter))
        return begin_again(attempt)
    if attempt.linked and attempt.linked.removed_at:
        messages.warning(request, f"{attempt.linked.label} was unlinked meanwhile.")
        return back_to(request)
    try:
        result = linking.finish(request, attempt, access_for(attempt, code))
    except AdapterError as error:
        messages.error(request, linking.refusal(error, adapter))
        return begin_again(attempt)
    if isinstance(result, tuple):
        oauth_state.finish(attempt)
    return after(request, result)


def access_for(attempt: LinkAttempt, code: str) -> Access:
    """Tokens for the code, and what there is to discover. Raises AdapterError."""
    adapter, kept = attempt.adapter_class, attempt.contents()
    app = oauth.app_of(attempt.provider)
    assert app is not None, "it was there when the person left"
    tokens = oauth.exchanged(adapter, app, kept["given"], code, kept["verifier"])
    access = Access.of_tokens(tokens, kept["given"])
    found = access.adapter(attempt.provider).discover()
    return Access.of_tokens(tokens, {**kept["given"], **found})


def refusal_of(request: HttpRequest, adapter: type[Adapter]) -> str:
    """The provider's error answer as a sentence. Its text is the provider's."""
    error = request.GET.get("error", "")
    if error in SAID_NO:
        return f"You said no at {adapter.label}, so nothing was linked or changed."
    words = request.GET.get("error_description", "") or error or "no code"
    line = " ".join(words.split())[:200]
    return (
        f"{adapter.label} did not give access ({line}). Nothing was linked or changed."
    )


def begin_again(attempt: LinkAttempt) -> HttpResponse:
    slug = attempt.account.slug
    oauth_state.finish(attempt)
    if attempt.linked:
        return redirect("linked_account_reconnect", slug, attempt.linked.pk)
    return redirect("link", slug, attempt.provider)


def after(
    request: TenantRequest, result: tuple[LinkedAccount, TestReading] | LinkAttempt
) -> HttpResponse:
    """To the new row with its reading, or to the question that is left."""
    if isinstance(result, LinkAttempt):
        return redirect("link_question", request.account.slug, result.pk)
    linked, reading = result
    level = messages.success if reading.ok else messages.warning
    level(request, f"{linked.label}: {reading.title}")
    return back_to(request, linked)


def private(response: HttpResponse) -> HttpResponse:
    """State and code stand in the address: nobody is told where one comes from."""
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response
