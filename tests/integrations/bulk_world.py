"""A display with a past, a rule made later, and runs that are worked off."""

from __future__ import annotations

from typing import Any

from contacts.models import Contact
from contactsync.lib.email import email_key
from displays.backfill import backfill_create
from displays.models import Display, SyncRule
from displays.store import NewSignup, store_signup
from integrations import bulk_work
from integrations.adapters.base import Contact as Person
from integrations.adapters.base import Options
from integrations.bulk import bulk_start
from integrations.drain import drain
from integrations.models import BulkItem, BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.world import rule_to

NEWS = "a6b5da1054"
"""The sandbox's audience that has members."""


def signed_up(display: Display, email: str, **more: Any) -> Contact:
    """A signup at a display, stored as the endpoint stores it."""
    values: dict[str, Any] = {
        "fields": {"first_name": email.partition(".")[0].title()},
        "environment": "live",
        "accepted": True,
        "category": "valid",
        "rule": "",
        "evidence": "",
        "consent_given": True,
        "consent_text": "Email me news",
        **more,
    }
    store_signup(
        NewSignup(
            account_id=display.account_id,
            display_id=display.pk,
            email=email,
            email_key=email_key(email),
            **values,
        )
    )
    return Contact.objects.get(
        account_id=display.account_id, email_key=email_key(email)
    )


def rule_made(display: Display, linked: LinkedAccount, **more: Any) -> SyncRule:
    settings = {"audience_id": NEWS, "audience_label": "Newsletter", **more}
    return rule_to(display, linked, **settings)


def worked(run: BulkRun, *, sending: bool = True) -> BulkRun:
    """Work until nothing is left to do without somebody's say."""
    linked = LinkedAccount.objects.for_account(run.account_id)
    for _ in range(50):
        bulk_work.advance(run.pk)
        if sending:
            for each in linked:
                drain(each.pk)
        run.refresh_from_db()
        if run.state not in ("planning", "running", "undoing"):
            return run
    return run


def planned(rule: SyncRule, **more: Any) -> BulkRun:
    return worked(backfill_create(rule=rule, **more))


def sent(run: BulkRun) -> BulkRun:
    """Start, with the guard's number where it asks for one, and work it off."""
    bulk_start(run=run, confirm=run.guard.get("count"))
    return worked(run)


def item(run: BulkRun, email: str) -> BulkItem:
    contact = Contact.objects.get(account=run.account, email_key=email_key(email))
    return run.items.get(contact_id=contact.pk)


def states(run: BulkRun) -> dict[str, str]:
    """Address -> state of the newest delivery."""
    rows = Delivery.objects.for_account(run.account_id).order_by("pk")
    return {row.payload["email"]: str(row.state) for row in rows}


FRESH = "nora.new@gmail.com"

ADA = "ada.lovelace@analytical.example"

GRACE = "grace.hopper@compilers.example"

ALAN = "alan.turing@bletchley.example"


def write_there(linked: LinkedAccount, email: str, **fields: object) -> None:
    """Somebody at the provider changes a record by hand."""
    contact = Person(email=email, fields=fields)
    linked.adapter().upsert([contact], NEWS, Options())


def values(sandbox: RunningSandbox, email: str) -> dict[str, Any]:
    member = sandbox.member(email, audience=NEWS)
    return {name: value for name, value in member["fields"].items() if value}


def backfilled(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> BulkRun:
    """Nora is new, Ada is there under another name, Alan has left, Barb is the same."""
    signed_up(display, FRESH)
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    signed_up(display, ALAN)
    signed_up(display, GRACE, fields={"first_name": "Grace"})
    return planned(rule_made(display, linked))
