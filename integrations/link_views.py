"""Linking an account, new credentials for it, another name, and unlinking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from contactsync.lib.crypto import SealError
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from integrations import linking, oauth, oauth_state
from integrations.access import Access
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter
from integrations.adapters.declare import SubAccount
from integrations.adapters.errors import AdapterError
from integrations.forms import CredentialsForm, LabelForm, LinkForm, QuestionForm
from integrations.models import LinkAttempt, LinkedAccount
from integrations.oauth_views import after, leave
from integrations.providers import Provider
from integrations.rows import rows_of
from integrations.services import linked_account_unlink
from integrations.sub_accounts import choices_of, noun_of
from integrations.views import back_to, linked_or_404

form_page = require_http_methods(["GET", "HEAD", "POST"])
SIGN_IN = "sign-in"


class Ways:
    """The ways to link at a provider, as forms: signing in there, entering a key.

    ``sent`` is the one that was posted, if any.
    """

    def __init__(
        self,
        request: TenantRequest,
        adapter: type[Adapter],
        form: type[CredentialsForm],
        known: dict[str, str] | None = None,
    ) -> None:
        self.app = oauth.app_of(adapter.slug)
        posted = request.POST if request.method == "POST" else None
        signing_in = posted is not None and posted.get("way") == SIGN_IN
        self.sign_in = self.key = None
        if adapter.oauth and self.app:
            data = posted if signing_in else None
            self.sign_in = form(adapter, data, sign_in=True, known=known)
        if oauth.has_key(adapter):
            data = None if signing_in else posted
            self.key = form(adapter, data, known=known)
        self.sent = self.sign_in if signing_in else self.key if posted else None
        self.unset = adapter.oauth is not None and self.app is None

    def go(self, request: TenantRequest, attempt: LinkAttempt) -> HttpResponse | None:
        """What follows from the form that was sent; None: it says what is wrong."""
        form = self.sent
        if form is None or not form.is_valid():
            return None
        attempt.label = form.cleaned_data.get("label", "")
        attempt.environment = form.cleaned_data.get("environment", attempt.environment)
        if form is self.sign_in and self.app:
            return leave(request, form, self.app, attempt)
        try:
            access = Access(secrets=form.credentials())
            return after(request, linking.finish(request, attempt, access))
        except AdapterError as error:
            form.refuse(linking.refusal(error, form.adapter))
            return None

    def context(self, adapter: type[Adapter]) -> dict[str, Any]:
        return {
            "ways": self,
            "sign_in": SIGN_IN,
            "callback_url": oauth.callback_url(adapter.slug),
            "provider": Provider.of(adapter),
            "is_sandbox": adapter.slug in settings.PROVIDER_URLS,
        }


@requires(Role.ADMIN)
@form_page
def link(request: TenantRequest, provider: str) -> HttpResponse:
    """Credentials in, or off to the provider; tested at once, the reading stands in the
    new row."""
    adapter = ADAPTERS.get(provider)
    if adapter is None:
        raise Http404("no such provider")
    ways = Ways(request, adapter, LinkForm)
    if done := ways.go(request, linking.attempt_at(request, provider)):
        return done
    status = 422 if request.method == "POST" else 200
    context = ways.context(adapter)
    return render(request, "integrations/link.html", context, status=status)


@requires(Role.ADMIN)
@form_page
def linked_account_reconnect(request: TenantRequest, pk: UUID) -> HttpResponse:
    """New credentials for the same account: every rule and mapping stays."""
    linked = linked_or_404(request, pk)
    ways = Ways(request, linked.adapter_class, CredentialsForm, known_of(linked))
    attempt = linking.attempt_at(request, linked.provider, linked=linked)
    if done := ways.go(request, attempt):
        return done
    context = {
        **ways.context(linked.adapter_class),
        "row": rows_of(request.account, only=linked.pk)[0],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "integrations/reconnect.html", context, status=status)


def known_of(linked: LinkedAccount) -> dict[str, str]:
    """The present credentials, {} when they cannot be opened any more."""
    try:
        return linked.get_credentials()
    except SealError:
        return {}


@requires(Role.ADMIN)
@form_page
def link_question(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Which client, folder or site; and what to do when another account came back."""
    known = LinkAttempt.objects.for_account(request.account).select_related("linked")
    attempt: LinkAttempt = get_object_or_404(known, pk=pk, provider__in=ADAPTERS)
    if not oauth_state.waiting(attempt, request.user):
        return ended(request)
    asked, noun = attempt.contents(), noun_of(attempt.adapter_class)
    form = QuestionForm(
        request.POST if request.method == "POST" else None,
        noun=noun,
        parts=asked["choices"],
        uses=uses_of(attempt, asked) if "other" in asked else (),
    )
    if request.method == "POST" and form.is_valid():
        done = linking.answer(
            request,
            attempt,
            part_id=form.cleaned_data.get("part", ""),
            as_new=form.cleaned_data.get("use") == "new",
        )
        return after(request, done) if done else ended(request)
    context = {
        "form": form,
        "attempt": attempt,
        "asked": asked,
        "noun": noun,
        "provider": Provider.of(attempt.adapter_class),
    }
    status = 422 if form.errors else 200
    return render(request, "integrations/link_question.html", context, status=status)


def ended(request: TenantRequest) -> HttpResponse:
    messages.warning(
        request, "That has ended, or was begun by somebody else. Link it once more."
    )
    return back_to(request)


def uses_of(attempt: LinkAttempt, asked: dict[str, Any]) -> list[tuple[str, str]]:
    name = asked["other"]
    before = attempt.linked.label if attempt.linked else ""
    return [
        ("new", f"Keep {before} as it is, and link {name} as one more account"),
        ("same", f"Use {name} from now on: every rule of {before} sends there"),
    ]


@requires(Role.ADMIN)
@form_page
def linked_account_part(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Another client, folder or site of the same account."""
    linked = linked_or_404(request, pk)
    if "sub_accounts" not in linked.adapter_class.supports:
        label = linked.adapter_class.label
        messages.info(request, f"{label} accounts have no parts to choose from.")
        return back_to(request, linked)
    parts, failure = parts_of(linked)
    noun = noun_of(linked.adapter_class)
    form = QuestionForm(
        request.POST if request.method == "POST" else None,
        noun=noun,
        parts=[(part.id, part.label) for part in parts],
        initial={"part": (linked.sub_account or {}).get("id")},
    )
    if request.method == "POST" and parts and form.is_valid():
        part = next(p for p in parts if p.id == form.cleaned_data["part"])
        reading = linking.change_part(request, linked, part)
        return after(request, (linked, reading))
    context = {"form": form, "linked": linked, "noun": noun, "failure": failure}
    status = 422 if form.errors else 200
    return render(request, "integrations/link_part.html", context, status=status)


def parts_of(linked: LinkedAccount) -> tuple[list[SubAccount], str]:
    """What there is to choose from, and why it could not be read."""
    try:
        return choices_of(linked), ""
    except AdapterError as error:
        return [], linking.refusal(error, linked.adapter_class)
    except SealError:
        return [], "The stored credentials cannot be opened. Reconnect the account."


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
