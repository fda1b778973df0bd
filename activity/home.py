"""Home: what to do next, what needs attention, and the figures of two weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from activity.causes import causes
from activity.explain import summaries
from activity.story import Summary
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest, requires
from contactsync.tenancy.models import Account, Role
from displays.models import Display, Signup, SyncRule
from integrations.models import Delivery, LinkedAccount, State

DAYS = 14
MAX_CARDS = 3
LATEST = 6
WAITING = (State.PENDING, State.SENDING, State.SUBMITTED, State.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the way from nothing to a synced signup."""

    title: str
    text: str
    done: bool
    label: str
    url: str


def url(name: str, *args: Any) -> str:
    """The page called ``name``; "" where it is not installed."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def steps(account: Account) -> list[Step]:
    """The five steps in order, done or not, from what is in the data base."""
    slug = account.slug
    displays = Display.objects.for_account(account).exclude(
        status=Display.Status.ARCHIVED
    )
    display = displays.filter(status=Display.Status.LIVE).first() or displays.first()
    to = (slug, display.pk) if display else (slug,)
    rules = SyncRule.objects.for_account(account).filter(removed_at=None)
    synced = Delivery.objects.for_account(account).filter(state=State.SYNCED)
    accounts = LinkedAccount.objects.for_account(account).filter(removed_at=None)
    live = display is not None and display.status == Display.Status.LIVE
    displays_url = url("displays", slug)
    return [
        Step(
            title="Link an account",
            text="Connect the email service your contacts go to, and test it.",
            done=accounts.exists(),
            label="Link an account",
            url=url("linked_accounts", slug),
        ),
        Step(
            title="Publish a display",
            text="A popup, bar or form that collects email addresses.",
            done=live,
            label="Publish the display" if display else "Create a display",
            url=(url("display_publish", *to) if display else url("display_new", slug))
            or displays_url,
        ),
        Step(
            title="Add a sync rule",
            text="In the display's settings: which list its signups go to.",
            done=rules.exists(),
            label="Add a sync rule",
            url=(url("display_settings", *to) if display else "") or displays_url,
        ),
        Step(
            title="Collect a signup",
            text="Share the hosted page, or post from your own form with the API.",
            done=Signup.objects.for_account(account).exists(),
            label="Put it on your site",
            url=(url("display_publish", *to) if display else "") or displays_url,
        ),
        Step(
            title="See it synced",
            text="The contact is on the list, or its page says why not.",
            done=synced.exists(),
            label="Open sync activity",
            url=url("sync_activity", slug),
        ),
    ]


def figures(account: Account) -> list[dict[str, Any]]:
    """Counts of ``DAYS`` days: signups, then people; each leads to its rows."""
    since = now() - timedelta(days=DAYS)
    recent = Signup.objects.for_account(account).filter(at__gte=since)
    filtered = Count("pk", filter=Q(status=Signup.Status.FILTERED))
    signups = recent.aggregate(all=Count("pk"), filtered=filtered)
    deliveries = Delivery.objects.for_account(account).filter(created_at__gte=since)

    def people(*states: State) -> Count:
        return Count("contact_id", filter=Q(state__in=states), distinct=True)

    counts = deliveries.aggregate(
        synced=people(State.SYNCED),
        asked=people(State.AWAITING_OPT_IN),
        waiting=people(*WAITING),
        refused=people(State.REJECTED),
    )
    contacts = url("contacts", account.slug)
    activity = url("sync_activity", account.slug)
    return [
        {"word": word, "n": n, "url": where}
        for word, n, where in (
            ("signups", signups["all"], contacts),
            ("rejected", signups["filtered"], url("rejected", account.slug)),
            ("synced", counts["synced"], f"{contacts}?status=synced"),
            ("asked to confirm", counts["asked"], f"{contacts}?status=opt_in"),
            ("waiting or held", counts["waiting"], activity),
            ("refused there", counts["refused"], f"{contacts}?status=rejected"),
        )
    ]


def nav_counts(account: Account) -> dict[str, int]:
    """For the menu: accounts to reconnect, and contacts that are held."""
    linked = LinkedAccount.objects.for_account(account).filter(removed_at=None)
    broken = linked.filter(status=LinkedAccount.Status.BROKEN)
    held = Delivery.objects.filter(
        linked_account__in=list(linked.values_list("pk", flat=True)), stage=State.HELD
    )
    return {"linked_accounts": broken.count(), "sync_activity": held.count()}


def attention(account: Account) -> dict[str, Any]:
    """Linked accounts that are broken, and what else holds contacts up."""
    broken = list(
        LinkedAccount.objects.for_account(account).filter(
            removed_at=None, status=LinkedAccount.Status.BROKEN
        )
    )
    found = causes(account)
    waits: dict[Any, int] = {}
    for cause in found:
        waits[cause.linked.pk] = waits.get(cause.linked.pk, 0) + cause.count
    known = {linked.pk for linked in broken}
    others = [cause for cause in found if cause.linked.pk not in known]
    return {
        "broken": [(linked, waits.get(linked.pk, 0)) for linked in broken],
        "causes": others[:MAX_CARDS],
        "more": max(0, len(others) - MAX_CARDS),
    }


def latest(account: Account) -> list[tuple[Contact, Summary]]:
    """Who signed up last, and what became of each."""
    people = Contact.objects.for_account(account).order_by("-last_seen_at", "-id")
    rows = list(people[:LATEST])
    told = summaries(rows, account)
    return [(row, told[row.pk]) for row in rows]


@require_safe
@requires(Role.VIEWER)
def home(request: TenantRequest) -> HttpResponse:
    todo = steps(request.account)
    context = {
        "steps": todo,
        "next": next((step for step in todo if not step.done), None),
        "done": sum(step.done for step in todo),
        "figures": figures(request.account),
        "days": DAYS,
        "latest": latest(request.account),
        **attention(request.account),
    }
    return render(request, "activity/home.html", context)
