"""The page of shadow mode: had this been so for the last 30 days."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from activity import shadow, words
from activity.people import as_uuid_text, displays
from activity.shadow import Tally
from activity.shadow_change import CATEGORIES, Change
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from hygiene.facts import wide_loaded
from hygiene.policies import policy_for
from hygiene.policy import Mode

MODES = (("", "As it is"), ("on", "Reject"), ("flag", "Only flag"), ("off", "Off"))
NOW = {Mode.ON: "reject", Mode.FLAG: "only flag", Mode.OFF: "off"}


@require_safe
@requires(Role.VIEWER)
def hygiene_shadow(request: TenantRequest) -> HttpResponse:
    """Choose a change, see what it would have done. Looks for some seconds, then says
    how far it came and goes on from there."""
    account = request.account
    change = Change.read(request.GET)
    names = displays(account)
    context = {**form(account, change), "displays": names, "change": change}
    if change.any:
        state = request.GET.get("state", "")
        tally = Tally.unseal(state, account, change) if state else None
        context |= result(request, account, change, tally)
        context["names"] = dict(names)
    template = "activity/shadow.html"
    if request.headers.get("HX-Target") == "found":
        template += "#found"
    return render(request, template, context)


def result(
    request: TenantRequest, account: Account, change: Change, tally: Tally | None
) -> dict[str, Any]:
    """What was found so far, or a further page of it."""
    after = as_uuid_text(request.GET.get("after", ""))
    if tally is None or not after:
        tally = shadow.go_on(account, change, tally or shadow.begin(account, change))
    sealed = tally.seal(account, change)
    if after:
        page = shadow.older(account, change, UUID(after))
    else:
        hits = shadow.hits_of(account, change, tally.first)
        page = shadow.Page(hits, tally.first[-1] if tally.more else "")
    return {
        "tally": tally,
        "page": page,
        "after": after,
        "go_on_url": "" if tally.done else change.query(state=sealed),
        "first_url": change.query(),
        "next_url": change.query(state=sealed, after=page.after) if page.after else "",
        "days": shadow.DAYS,
        "most": shadow.MOST,
    }


def form(account: Account, change: Change) -> dict[str, Any]:
    """The controls: each category with what it is now and what is asked."""
    policy = policy_for(account.pk, change.display)
    return {
        "categories": [
            (
                each.value,
                words.category(each).capitalize(),
                NOW[policy.mode(each)],
                change.modes.get(each, ""),
            )
            for each in CATEGORIES
        ],
        "modes": MODES,
        "strict_now": policy.strict_masks,
        "strict": {None: "", True: "on", False: "off"}[change.strict_masks],
        "wide_now": NOW[policy.wide_disposable] if wide_loaded() else "",
    }
