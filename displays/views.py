"""Convert > All Displays, and the builder's steps: Design, Settings, Publish."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from contactsync.tenancy.access import TenantRequest, View, requires
from contactsync.tenancy.models import ApiKey, Role
from contactsync.tenancy.services import audit
from displays.figures import displays_of, sync_of, week_count
from displays.forms import DesignForm, NewDisplayForm, StatusForm
from displays.models import Display
from displays.rule_editor import accounts_of
from displays.services import display_create, display_save, display_set_status
from hygiene.services import settings_of

PER_PAGE = 50
MAX_JUMP = 8
STEPS = ("design", "settings", "publish")

form_page = require_http_methods(["GET", "HEAD", "POST"])


def changes_by(role: Role) -> Callable[[View], View]:
    """Below ``@requires``: everybody let in may look, ``role`` and more may post."""

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: TenantRequest, **kwargs: Any) -> HttpResponse:
            if request.method == "POST" and request.membership.role < role:
                return render(request, "403.html", {"needed": role}, status=403)
            return view(request, **kwargs)

        return inner

    return decorate


def display_or_404(request: TenantRequest, pk: UUID) -> Display:
    found = Display.objects.for_account(request.account).select_related("account")
    display: Display = get_object_or_404(found, pk=pk)
    return display


def builder(display: Display, step: str, **more: Any) -> dict[str, Any]:
    """What every step of the builder shows."""
    return {
        "display": display,
        "step": step,
        "passed": STEPS[: STEPS.index(step)],
        "week": week_count(display),
        "hosted_url": hosted_url(display),
        "filter_line": filter_line(display) if step == "settings" else "",
        **more,
    }


def filter_line(display: Display) -> str:
    """What the display's card says of its filter."""
    own = settings_of(display.account, display.pk).plain()
    if not own:
        return "As the account's filter policy"
    names = len(own)
    return f"{names} choice{'s' if names > 1 else ''} of its own, else as the account"


def hosted_url(display: Display) -> str:
    return f"{settings.BASE_URL}{reverse('hosted_page', args=[display.pk])}"


def note_down(
    request: TenantRequest, display: Display, action: str, **detail: Any
) -> None:
    audit(
        request,
        account=request.account,
        action=f"display.{action}",
        subject=display.name,
        display=str(display.pk),
        **detail,
    )


@requires(Role.VIEWER)
@require_safe
def displays(request: TenantRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\x00", "")[:80]
    archived = request.GET.get("status") == Display.Status.ARCHIVED
    found = displays_of(request.account, query)
    keep = found.filter if archived else found.exclude
    page = Paginator(keep(status=Display.Status.ARCHIVED), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"page": page, "query": query, "archived": archived}
    return render(request, "displays/displays.html", context)


@require_safe
@requires(Role.VIEWER)
def display_names(request: TenantRequest) -> JsonResponse:
    """``?q=``: up to MAX_JUMP displays for the jump box, as ``{"displays": [...]}``."""
    query = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    found = Display.objects.for_account(request.account).filter(name__icontains=query)
    rows = found.exclude(status=Display.Status.ARCHIVED).order_by("name")[:MAX_JUMP]
    slug = request.account.slug
    return JsonResponse(
        {
            "displays": [
                {
                    "name": row.name,
                    "url": reverse("display_settings", args=[slug, row.pk]),
                }
                for row in rows
            ]
        }
    )


@requires(Role.MARKETER)
@form_page
def display_new(request: TenantRequest) -> HttpResponse:
    form = NewDisplayForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        display = display_create(
            account=request.account,
            name=form.cleaned_data["name"],
            kind=form.cleaned_data["kind"],
            status=Display.Status.DRAFT,
        )
        note_down(request, display, "create", kind=display.kind)
        messages.success(request, f"{display.name} is created. Design its form.")
        return redirect("display_design", request.account.slug, display.pk)
    status = 422 if form.errors else 200
    return render(request, "displays/new.html", {"form": form}, status=status)


@requires(Role.VIEWER)
@changes_by(Role.MARKETER)
@form_page
def display_design(request: TenantRequest, pk: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    name = display.name
    form = DesignForm(request.POST or None, instance=display)
    valid = form.is_valid() if request.method == "POST" else False
    if request.POST.get("do") == "preview":
        return preview(request, form)
    if valid:
        display_save(display=form.save(commit=False), fields=list(form.fields))
        note_down(request, display, "design", changed=form.changed_data)
        messages.success(request, "The design is saved.")
        return redirect("display_design", request.account.slug, display.pk)
    # An invalid form has written into the instance: the page's title keeps the old.
    context = builder(display, "design", form=form, title=name)
    status = 422 if form.errors else 200
    return render(request, "displays/design.html", context, status=status)


def preview(request: TenantRequest, form: DesignForm) -> HttpResponse:
    """The form as visitors would see it, of what is typed so far; saves nothing."""
    name = str(form["name"].value() or form.instance.name)
    context = builder(form.instance, "design", form=form, title=name)
    template = "displays/preview.html" if request.htmx else "displays/design.html"
    return render(request, template, context)


@requires(Role.VIEWER)
@require_safe
def display_settings(request: TenantRequest, pk: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    context = builder(
        display,
        "settings",
        sync=sync_of(display),
        accounts=accounts_of(request.account),
        advanced="advanced" in request.GET,
    )
    return render(request, "displays/settings.html", context)


@requires(Role.VIEWER)
@changes_by(Role.MARKETER)
@form_page
def display_publish(request: TenantRequest, pk: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    form = StatusForm(request.POST or None, initial={"status": display.status})
    if request.method == "POST" and form.is_valid():
        return publish(request, display, form.cleaned_data["status"])
    context = builder(
        display, "publish", form=form, sync=sync_of(display), curl=curl_line(display)
    )
    status = 422 if form.errors else 200
    return render(request, "displays/publish.html", context, status=status)


def publish(request: TenantRequest, display: Display, status: str) -> HttpResponse:
    before = display.status
    if status != before:
        display_set_status(display=display, status=status)
        note_down(request, display, "status", before=before, after=status)
    messages.success(request, f"{display.name} is {display.get_status_display()}.")
    return redirect("display_publish", request.account.slug, display.pk)


def curl_line(display: Display) -> str:
    """A command that posts a signup; the key stands there as its hint only."""
    key = (
        ApiKey.objects.for_account(display.account_id)
        .filter(revoked_at=None, environment=ApiKey.Environment.LIVE)
        .order_by("-kind", "-created_at")
        .first()
    )
    body = {
        "display": str(display.pk),
        "email": "ada@example.com",
        "fields": {"first_name": "Ada"},
        "consent": {"given": True, "text": display.consent_text},
    }
    bearer = f"Authorization: Bearer {key.hint if key else 'YOUR_KEY'}"
    parts = [
        f"curl -X POST {settings.BASE_URL}/api/v1/signups",
        f"-H {shlex.quote(bearer)}",
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(parts)
