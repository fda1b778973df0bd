"""The Sync Integrations card: add, edit, switch and remove a display's rules."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Role
from contactsync.tenancy.services import audit
from displays.backfill import backfill_create
from displays.figures import live_rules, sync_of
from displays.models import Display, SyncRule
from displays.rule_editor import Editor, audit_detail, last_change, open_editor
from displays.rule_form import (
    Draft,
    apply_action,
    draft_of_post,
    draft_of_rule,
    validate,
)
from displays.services import (
    SAVED,
    RuleSettings,
    StaleRuleError,
    rule_create,
    rule_remove,
    rule_set_enabled,
    rule_update,
)
from displays.views import builder, display_or_404, form_page

SAVING = ("save", "overwrite")


def rule_or_404(display: Display, pk: UUID) -> SyncRule:
    return get_object_or_404(live_rules(display), pk=pk)


def note_down(request: TenantRequest, rule: SyncRule, action: str) -> None:
    audit(
        request,
        account=request.account,
        action=f"sync_rule.{action}",
        subject=str(rule),
        **audit_detail(rule),
    )


def to_card(request: TenantRequest, display: Display) -> HttpResponse:
    """Back to the open Sync Integrations card."""
    url = reverse("display_settings", args=[request.account.slug, display.pk])
    return redirect(f"{url}?advanced=1#sync")


@requires(Role.MARKETER)
@form_page
def rule_new(request: TenantRequest, pk: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    linked_id = request.GET.get("linked_account", "")[:36]
    return edit(request, display, None, Draft(linked_id=linked_id))


@requires(Role.MARKETER)
@form_page
def rule_edit(request: TenantRequest, pk: UUID, rule: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    found = rule_or_404(display, rule)
    return edit(request, display, found, draft_of_rule(found))


def edit(
    request: TenantRequest, display: Display, rule: SyncRule | None, draft: Draft
) -> HttpResponse:
    """Show the editor; its buttons say in ``do`` what is wanted, Save is one."""
    if request.method != "POST":
        return show(request, open_editor(display, rule, draft))
    action = request.POST.get("do", "save")
    draft = draft_of_post(request.POST, draft)
    apply_action(draft, action)
    editor = open_editor(display, rule, draft, fresh=action == "refresh")
    if action not in SAVING:
        return show(request, editor)
    wanted = validate(editor, editor.rule)
    if wanted is None:
        return show(request, editor, status=422)
    try:
        save(request, editor, wanted, newest=action == "overwrite")
    except StaleRuleError:
        return show(request, editor, status=409)
    messages.success(request, SAVED)
    return to_card(request, display)


def save(
    request: TenantRequest, editor: Editor, wanted: RuleSettings, *, newest: bool
) -> None:
    """Raises StaleRuleError. ``newest``: the person has seen that another saved."""
    rule, version = editor.rule, editor.draft.version
    if rule is None:
        made = rule_create(display=editor.display, settings=wanted)
        note_down(request, made, "create")
        return
    if newest and request.POST.get("newer", "").isdecimal():
        version = int(request.POST["newer"][:9])
    saved = rule_update(rule=rule, settings=wanted, version=version)
    note_down(request, SyncRule.objects.get(pk=saved.pk), "update")


def show(request: TenantRequest, editor: Editor, status: int = 200) -> HttpResponse:
    """The settings page with the editor open in its card, or for htmx the editor."""
    context = {"editor": editor, "draft": editor.draft, "display": editor.display}
    if status == 409 and editor.rule is not None:
        context |= {"stale": last_change(editor.rule), "is_stale": True}
    if request.htmx:
        return render(request, "displays/rule_editor.html", context, status=status)
    page = builder(
        editor.display, "settings", sync=sync_of(editor.display), advanced=True
    )
    return render(request, "displays/settings.html", page | context, status=status)


@requires(Role.MARKETER)
@require_POST
def rule_toggle(request: TenantRequest, pk: UUID, rule: UUID) -> HttpResponse:
    """On or off. Off: new signups are not sent there; nobody is unsubscribed."""
    display = display_or_404(request, pk)
    found = rule_or_404(display, rule)
    enabled = request.POST.get("enabled") == "on"
    rule_set_enabled(rule=found, enabled=enabled)
    note_down(request, found, "enable" if enabled else "disable")
    word = "on" if enabled else "off"
    messages.success(request, f"The rule to {found.target} is {word}.")
    return to_card(request, display)


@requires(Role.MARKETER)
@require_POST
def rule_delete(request: TenantRequest, pk: UUID, rule: UUID) -> HttpResponse:
    display = display_or_404(request, pk)
    found = rule_or_404(display, rule)
    rule_remove(rule=found)
    note_down(request, found, "remove")
    messages.success(
        request,
        "The rule is removed. Nobody is unsubscribed, and what waits is still sent.",
    )
    return to_card(request, display)


@requires(Role.MARKETER)
@require_POST
def rule_backfill(request: TenantRequest, pk: UUID, rule: UUID) -> HttpResponse:
    """Plan to send a rule the people who signed up before it was made."""
    display = display_or_404(request, pk)
    found = rule_or_404(display, rule)
    run = backfill_create(rule=found, by=request.user)
    audit(
        request,
        account=request.account,
        action="bulk_run.plan",
        subject=str(run),
        bulk_run=str(run.pk),
        kind=run.kind,
        what=run.what,
    )
    return redirect("bulk_run", request.account.slug, run.pk)
